import { z } from 'zod';

/*
 * Invent's Assistant, as its documentation of rotate-secret-key describes the response. The documentation
 * says which top-level fields are required and which can be null. For nested fields it shows types only, so
 * those may be absent or null. Every object is loose: the record grows upstream, and unknown fields must
 * survive. Values that look like enums (`language`, `thread_mode`, `knowledge_scope`, `integration_id`) are
 * plain text for the same reason: an unknown value must not fail a rotation that has already happened.
 */

const text = z.string().nullish();
const flag = z.boolean().nullish();
const dateTime = z.string().nullish();
const openObject = z.looseObject({});

const Conversation = z.looseObject({
  thread_mode: text,
  enable_memories: flag,
  enable_transfer_to_human_tool: flag,
  welcome_banner: text,
  suggested_messages: z.array(z.string()).nullish(),
  auto_intro_message: text,
  enable_end_conversation_tool: flag,
  enable_block_contact_tool: flag,
  enable_auto_resolve: flag,
  enable_auto_follow_ups: flag,
  enable_auto_csat: flag,
  enable_private_chats: flag,
});

const AssistantConfig = z.looseObject({
  language: text,
  model: text,
  stt: z.looseObject({ model: text }).nullish(),
  tts: z.looseObject({ model: text, voice_id: text }).nullish(),
  conversation: Conversation.nullish(),
  knowledge_scope: text,
  timezone: text,
  instructions: text,
});

const Integration = z.looseObject({
  id: z.string(),
  enabled: flag,
  integration_id: text,
  assistant_id: text,
  connection_id: text,
  config: openObject.nullish(),
  error: text,
  created_at: dateTime,
  updated_at: dateTime,
});

const Action = z.looseObject({
  id: z.string(),
  enabled: flag,
  name: text,
  instructions: text,
  action_id: text,
  assistant_id: text,
  connection_id: text,
  config: z
    .looseObject({
      input: openObject.nullish(),
      definitions: z.array(z.looseObject({ path: text, definition: openObject.nullish() })).nullish(),
    })
    .nullish(),
  created_at: dateTime,
  updated_at: dateTime,
});

export const Assistant = z.looseObject({
  id: z.string(),
  name: z.string(),
  enabled: z.boolean(),
  /** Soft-deleted upstream. */
  deleted: z.boolean(),
  /** The key that signs user hashes (HMAC-SHA256). Null if the assistant has none. */
  secret_key: z.string().nullable(),
  avatar_url: z.string().nullable(),
  config: AssistantConfig,
  integrations: z.array(Integration),
  actions: z.array(Action),
  /** RFC 3339. */
  created_at: z.string().nullable(),
  /** RFC 3339. */
  updated_at: z.string().nullable(),
});
export type Assistant = z.infer<typeof Assistant>;

/**
 * The least that Rekey needs of a record. Less than `Assistant` on purpose: if upstream changes the type of
 * another field, the key has still been rotated and must reach its consumers.
 */
export const KeyedRecord = z.looseObject({ id: z.string(), secret_key: z.string().nullish() });
export type KeyedRecord = z.infer<typeof KeyedRecord>;
