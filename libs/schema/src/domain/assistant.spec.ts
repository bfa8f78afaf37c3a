import { describe, expect, it } from '@jest/globals';
import { Assistant, KeyedRecord } from './assistant.ts';

/** The example in the API documentation, with the nulls that it allows. */
const example = {
  id: 'ast_1',
  name: 'Support',
  enabled: true,
  deleted: false,
  secret_key: 'k',
  avatar_url: null,
  config: {
    language: 'auto',
    model: 'm',
    stt: { model: 's' },
    tts: { model: 't', voice_id: 'v' },
    conversation: {
      thread_mode: 'new',
      enable_memories: true,
      enable_transfer_to_human_tool: true,
      welcome_banner: 'b',
      suggested_messages: ['hi'],
      auto_intro_message: 'i',
      enable_end_conversation_tool: true,
      enable_block_contact_tool: true,
      enable_auto_resolve: true,
      enable_auto_follow_ups: true,
      enable_auto_csat: true,
      enable_private_chats: true,
    },
    knowledge_scope: 'all',
    timezone: 'UTC',
    instructions: 'be kind',
  },
  integrations: [
    {
      id: 'int_1',
      enabled: true,
      integration_id: 'internal',
      assistant_id: 'ast_1',
      connection_id: 'con_1',
      config: {},
      error: 'e',
      created_at: '2023-11-07T05:31:56Z',
      updated_at: '2023-11-07T05:31:56Z',
    },
  ],
  actions: [
    {
      id: 'act_1',
      enabled: true,
      name: 'n',
      instructions: 'i',
      action_id: 'a',
      assistant_id: 'ast_1',
      connection_id: 'con_1',
      config: { input: {}, definitions: [{ path: 'p', definition: {} }] },
      created_at: '2023-11-07T05:31:56Z',
      updated_at: '2023-11-07T05:31:56Z',
    },
  ],
  created_at: null,
  updated_at: '2023-11-07T05:31:56Z',
};

describe('Assistant', () => {
  it('accepts the documented example', () => {
    expect(Assistant.parse(example)).toEqual(example);
  });

  it('keeps unknown fields at every depth, and unknown values of apparent enums', () => {
    const grown = structuredClone(example) as any;
    grown.fresh = { a: [1] };
    grown.config.conversation.thread_mode = 'never-seen';
    grown.config.tts.speed = 1.5;
    grown.integrations[0].integration_id = 'never-seen';
    grown.integrations[0].config.token = 't';
    grown.actions[0].config.definitions[0].definition.x = { y: null };
    grown.actions[0].config.definitions[0].extra = true;
    expect(Assistant.parse(grown)).toEqual(grown);
  });

  it.each(['secret_key', 'avatar_url', 'created_at', 'updated_at'])('allows null for %s', (field) => {
    expect(Assistant.safeParse({ ...example, [field]: null }).success).toBe(true);
  });

  it.each(['id', 'name', 'enabled', 'deleted', 'config', 'integrations', 'actions'])(
    'does not allow null for %s',
    (field) => {
      expect(Assistant.safeParse({ ...example, [field]: null }).success).toBe(false);
    },
  );

  it.each(Object.keys(example))('requires %s', (field) => {
    const { [field as 'id']: _, ...rest } = example;
    expect(Assistant.safeParse(rest).success).toBe(false);
  });
});

describe('KeyedRecord', () => {
  it('accepts a record in which only the id and the key are as documented', () => {
    expect(KeyedRecord.parse({ id: 'ast_1', secret_key: 'k', enabled: 'yes' })).toEqual({
      id: 'ast_1',
      secret_key: 'k',
      enabled: 'yes',
    });
  });
});
