import { z } from 'zod';

/*
 * Invent's Assistant, as the answer to rotate-secret-key describes it. The document says which top-level
 * fields are required and which of them can be null; of nested fields it shows types only, so those may be
 * absent or null.
 * Every object is loose: the record grows upstream, and a field that this schema has never seen must survive.
 * Values that look like enums (`language`, `thread_mode`, `knowledge_scope`, `integration_id`) are plain text
 * for the same reason: an unknown value must not fail a rotation that has already happened.
 */

/**
 * How long a record may be, as text in bytes: far longer than any that is known. Everything on its way takes
 * that: the answer of Invent, Redis, gRPC (MAX_MESSAGE_BYTES in libs/client), consumers. A longer one is not
 * published, and its key is not replaced while Rekey knows of its length.
 */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

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
  /** The key that signs user hashes (HMAC-SHA256). Null where the assistant has none. */
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
 * What a record must have for Rekey to work with it. Less than `Assistant` on purpose: when upstream changes
 * the type of some other field, the key has been rotated all the same and has to reach its consumers.
 */
export const KeyedRecord = z.looseObject({ id: z.string(), secret_key: z.string().nullish() });
export type KeyedRecord = z.infer<typeof KeyedRecord>;
