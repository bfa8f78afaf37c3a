import { CREATED_AT, type AssistantState, type KeyChange } from './state.ts';

/**
 * The part that all records share. It makes a record about 2 kB long, like a real one with one integration
 * and one action.
 */
const common = {
  config: {
    language: 'auto',
    model: 'gpt-5-mini',
    stt: { model: 'whisper-large-v3' },
    tts: { model: 'sonic-2', voice_id: 'voice_7Qm2vX' },
    conversation: {
      thread_mode: 'new',
      enable_memories: true,
      enable_transfer_to_human_tool: true,
      welcome_banner: 'Hello! How can we help you today?',
      suggested_messages: ['Where is my order?', 'I want to change my plan', 'Talk to a person'],
      auto_intro_message:
        'Hi, I am the assistant of this shop. Ask me anything about your order, your plan or our products.',
      enable_end_conversation_tool: true,
      enable_block_contact_tool: false,
      enable_auto_resolve: true,
      enable_auto_follow_ups: false,
      enable_auto_csat: true,
      enable_private_chats: false,
    },
    knowledge_scope: 'all',
    timezone: 'Europe/Berlin',
    instructions:
      'You are a friendly support assistant. Answer briefly and in the language of the customer. ' +
      'Look up orders before you say anything about them. ' +
      'Never promise a refund: offer to hand over to a person instead. ' +
      'When a customer is angry, apologise once, say what you will do, and do it. ' +
      'Do not discuss competitors. If you are not sure, say so.',
  },
};

/** The record of an assistant, as the API returns it. */
export const renderRecord = (id: string, state: AssistantState): Record<string, unknown> => ({
  id,
  name: `Support assistant ${id}`,
  enabled: true,
  deleted: state.deleted,
  secret_key: state.secretKey,
  avatar_url: `https://cdn.example.com/avatars/${id}.png`,
  ...common,
  integrations: [
    {
      id: `int_${id}`,
      enabled: true,
      integration_id: 'internal',
      assistant_id: id,
      connection_id: `con_${id}`,
      config: { channel: 'web', allowed_origins: ['https://shop.example.com'] },
      error: '',
      created_at: CREATED_AT,
      updated_at: CREATED_AT,
    },
  ],
  actions: [
    {
      id: `act_${id}`,
      enabled: true,
      name: 'Look up an order',
      instructions: 'Use it when the customer names an order number.',
      action_id: 'http_request',
      assistant_id: id,
      connection_id: `con_${id}`,
      config: {
        input: { method: 'GET', url: 'https://shop.example.com/api/orders/{number}' },
        definitions: [{ path: 'number', definition: { type: 'string', description: 'The order number' } }],
      },
      created_at: CREATED_AT,
      updated_at: CREATED_AT,
    },
  ],
  created_at: CREATED_AT,
  updated_at: state.updatedAt,
  ...state.patch,
});

/** A record with the key, deletion and time of update of an earlier change. */
export const recordAsOf = (record: Record<string, unknown>, then: KeyChange): Record<string, unknown> => ({
  ...record,
  secret_key: then.secretKey,
  deleted: then.deleted,
  updated_at: then.updatedAt,
});
