import { z } from 'zod';
import { Cause } from './rotation.ts';

export const KEY_ROTATED = 'rekey.assistant.key-rotated.v1';

/**
 * The event of a new key version: CloudEvents 1.0 in JSON. The same text is a stream entry's one field `event`, the
 * channel's message, and the assistant's current record.
 */
export const KeyEvent = z.looseObject({
  specversion: z.literal('1.0'),
  /** The key version as text: unique together with `source`. */
  id: z.string(),
  source: z.string(),
  type: z.literal(KEY_ROTATED),
  /** The assistant id. */
  subject: z.string(),
  /** RFC 3339, by the clock of Redis. */
  time: z.string(),
  datacontenttype: z.literal('application/json'),
  data: z.looseObject({
    /** Dense over all assistants: a reader that sees a gap has missed an event. */
    seq: z.int().positive(),
    /** Rises for each assistant, with gaps: drop what is not higher than what you hold. */
    version: z.int().positive(),
    cause: Cause,
    rotation_id: z.string().nullable(),
    bulk_rotation_id: z.string().nullable(),
    /** `KEYID:` and the HMAC-SHA256 of the secret key under Rekey's fingerprint key, base64url. */
    fingerprint: z.string(),
    /** When this version was committed. RFC 3339, by the clock of Redis. */
    updated_at: z.string(),
    /** JWE whose plaintext is a SealedRecord. */
    sealed: z.string(),
  }),
});
export type KeyEvent = z.infer<typeof KeyEvent>;

/** The plaintext of `sealed`. `assistant` is the upstream's own text: every field, known or not, digit for digit. */
export const SealedRecord = z.looseObject({
  org_id: z.string(),
  assistant_id: z.string(),
  version: z.int().positive(),
  assistant: z.looseObject({ id: z.string(), secret_key: z.string().nullish() }),
});
export type SealedRecord = z.infer<typeof SealedRecord>;
