import { z } from 'zod';

export const KEY_ROTATED = 'rekey.assistant.key-rotated.v1';
export const KEY_UNCERTAIN = 'rekey.assistant.key-uncertain.v1';
export const KEY_REMOVED = 'rekey.assistant.key-removed.v1';

/** Why an assistant has no key: its record has none, or it is gone upstream. */
export const Removal = z.enum(['no-key', 'deleted']);
export type Removal = z.infer<typeof Removal>;

/**
 * A JWE in General JSON serialisation (RFC 7516 §7.2.1): `A256GCM`, its key wrapped by `A256KW` for each
 * reader. Since all readers know the key of the content, each finds in its header a proof that it comes from
 * Rekey.
 */
export const Envelope = z.looseObject({
  protected: z.string(),
  recipients: z.array(
    z.looseObject({
      header: z.looseObject({
        alg: z.literal('A256KW'),
        kid: z.string(),
        /**
         * HMAC-SHA256 under the reader's proving key, base64url, of `protected`, `iv`, `ciphertext` and `tag`
         * with dots between.
         */
        proof: z.string(),
      }),
      encrypted_key: z.string(),
    }),
  ),
  iv: z.string(),
  ciphertext: z.string(),
  tag: z.string(),
});
export type Envelope = z.infer<typeof Envelope>;

/** What all events have in common: CloudEvents 1.0 in JSON. */
const envelope = {
  specversion: z.literal('1.0'),
  /**
   * Unique together with `source`: the key version as text; of an uncertainty, `uncertain-` and the epoch of
   * the lost request.
   */
  id: z.string(),
  source: z.string(),
  /** The assistant id. */
  subject: z.string(),
  /** RFC 3339, by the clock of Redis. */
  time: z.string(),
  datacontenttype: z.literal('application/json'),
};

const common = {
  /** Dense over all assistants: a reader that sees a gap has missed an event. */
  seq: z.int().positive(),
  /**
   * Names the history that the event belongs to. Changes when Redis restarts, fails over, is restored or
   * emptied. Absent from events of older versions.
   */
  run: z.int().positive().optional(),
  rotation_id: z.string().nullable(),
  bulk_rotation_id: z.string().nullable(),
};

const version = {
  /** Rises for each assistant, with gaps: drop what is not higher than what you hold. */
  version: z.int().positive(),
  /** A `Cause`, or one that a later version of Rekey adds: readers accept any. */
  cause: z.string(),
  /** When this version was committed. RFC 3339, by the clock of Redis. */
  updated_at: z.string(),
};

/** A new key version with its key. */
export const KeyRotated = z.looseObject({
  ...envelope,
  type: z.literal(KEY_ROTATED),
  data: z.looseObject({
    ...common,
    ...version,
    /** `KEYID:` and the HMAC-SHA256 of the secret key under Rekey's fingerprint key, base64url. */
    fingerprint: z.string(),
    /** Its plaintext is a SealedRecord. */
    sealed: Envelope,
  }),
});
export type KeyRotated = z.infer<typeof KeyRotated>;

/** A key version that says that there is no key any more. */
export const KeyRemoved = z.looseObject({
  ...envelope,
  type: z.literal(KEY_REMOVED),
  data: z.looseObject({ ...common, ...version, removal: Removal, fingerprint: z.null(), sealed: Envelope }),
});
export type KeyRemoved = z.infer<typeof KeyRemoved>;

/**
 * It is not known whether the version that is published is still in force. The next higher version of the
 * assistant ends that.
 */
export const KeyUncertain = z.looseObject({
  ...envelope,
  type: z.literal(KEY_UNCERTAIN),
  data: z.looseObject({
    ...common,
    /** The version that is in doubt. */
    version: z.int().positive(),
    sealed: Envelope,
  }),
});
export type KeyUncertain = z.infer<typeof KeyUncertain>;

/** What stands under an assistant's current record: the event of its last key version. */
export const CurrentEvent = z.discriminatedUnion('type', [KeyRotated, KeyRemoved]);
export type CurrentEvent = z.infer<typeof CurrentEvent>;

/**
 * The same text is a stream entry's one field `event`, the channel's message and, of a key version, the
 * current record.
 */
export const KeyEvent = z.discriminatedUnion('type', [KeyRotated, KeyRemoved, KeyUncertain]);
export type KeyEvent = z.infer<typeof KeyEvent>;

/**
 * The plaintext of `sealed`: what the event says, and what alone a reader believes, since anybody who can
 * write to Redis can write an event. Of a key version with a key, `assistant` is the upstream's own text:
 * every field, known or not, digit for digit.
 */
export const SealedRecord = z.looseObject({
  type: z.string(),
  org_id: z.string(),
  assistant_id: z.string(),
  version: z.int().positive(),
  /** A `Cause`, or one that this version does not know. */
  cause: z.string().optional(),
  /** A `Removal`, or one that this version does not know. */
  removal: z.string().optional(),
  /**
   * Its version lies ahead of the clock of Redis: the ledger holds versions that were drawn while that clock
   * was wrong.
   */
  ahead: z.literal(true).optional(),
  assistant: z.looseObject({ id: z.string(), secret_key: z.string().nullish() }).optional(),
});
export type SealedRecord = z.infer<typeof SealedRecord>;
