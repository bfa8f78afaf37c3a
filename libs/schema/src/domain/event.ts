import { z } from 'zod';

export const KEY_ROTATED = 'rekey.assistant.key-rotated.v1';
export const KEY_UNCERTAIN = 'rekey.assistant.key-uncertain.v1';
export const KEY_REMOVED = 'rekey.assistant.key-removed.v1';

/** Why an assistant has no key: its record has none, or it was deleted upstream. */
export const Removal = z.enum(['no-key', 'deleted']);
export type Removal = z.infer<typeof Removal>;

/**
 * A JWE in General JSON serialisation (RFC 7516 §7.2.1): `A256GCM`, its key wrapped with `A256KW` for each
 * recipient. All recipients know the content key, so the header of each recipient holds a proof of origin: it
 * shows that the envelope comes from Rekey.
 */
export const Envelope = z.looseObject({
  protected: z.string(),
  recipients: z.array(
    z.looseObject({
      header: z.looseObject({
        alg: z.literal('A256KW'),
        kid: z.string(),
        /**
         * HMAC-SHA256 in base64url, under the recipient's proving key, of `protected`, `iv`, `ciphertext` and
         * `tag` joined with dots.
         */
        proof: z.string(),
        /**
         * The same of the wrapped key: its purpose, `kid` and `encrypted_key`. Envelopes of the version
         * before have none.
         */
        key_proof: z.string().optional(),
      }),
      encrypted_key: z.string(),
    }),
  ),
  iv: z.string(),
  ciphertext: z.string(),
  tag: z.string(),
});
export type Envelope = z.infer<typeof Envelope>;

/** The fields of all events: CloudEvents 1.0 in JSON. */
const envelope = {
  specversion: z.literal('1.0'),
  /**
   * Unique together with `source`: the key version as text; for KeyUncertain, `uncertain-` and the epoch of
   * the request whose outcome is unknown.
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
  /** Consecutive over all assistants: a consumer that sees a gap has missed an event. */
  seq: z.int().positive(),
  /**
   * Identifies the history that the event belongs to. Changes when Redis restarts, fails over, is restored or
   * emptied. Older versions of Rekey omit it.
   */
  run: z.int().positive().optional(),
  rotation_id: z.string().nullable(),
  bulk_rotation_id: z.string().nullable(),
};

const version = {
  /** Rises for each assistant, with gaps: ignore an event whose version is not higher than yours. */
  version: z.int().positive(),
  /** A `Cause`. Consumers accept any value: a later version of Rekey may add causes. */
  cause: z.string(),
  /** When this version was committed. RFC 3339, by the clock of Redis. */
  updated_at: z.string(),
  /** The org that the assistant was published under before, if it is another one. Nothing proves it. */
  moved_from: z.string().optional(),
};

/** A new key version with its key. */
export const KeyRotated = z.looseObject({
  ...envelope,
  type: z.literal(KEY_ROTATED),
  data: z.looseObject({
    ...common,
    ...version,
    /** `KEYID:` and the HMAC-SHA256 of the secret key under Rekey's fingerprint key, in base64url. */
    fingerprint: z.string(),
    /** The plaintext is a SealedRecord. */
    sealed: Envelope,
  }),
});
export type KeyRotated = z.infer<typeof KeyRotated>;

/** A key version that states that the assistant no longer has a key. */
export const KeyRemoved = z.looseObject({
  ...envelope,
  type: z.literal(KEY_REMOVED),
  data: z.looseObject({ ...common, ...version, removal: Removal, fingerprint: z.null(), sealed: Envelope }),
});
export type KeyRemoved = z.infer<typeof KeyRemoved>;

/**
 * It is unknown whether the published version is still in force. The next higher version of the assistant
 * ends the uncertainty.
 */
export const KeyUncertain = z.looseObject({
  ...envelope,
  type: z.literal(KEY_UNCERTAIN),
  data: z.looseObject({
    ...common,
    /** The uncertain version. */
    version: z.int().positive(),
    sealed: Envelope,
  }),
});
export type KeyUncertain = z.infer<typeof KeyUncertain>;

/** The current record of an assistant: the event of its last key version. */
export const CurrentEvent = z.discriminatedUnion('type', [KeyRotated, KeyRemoved]);
export type CurrentEvent = z.infer<typeof CurrentEvent>;

/**
 * The same text is the field `event` of the stream entry, the message on the channel and, for a key version,
 * the current record.
 */
export const KeyEvent = z.discriminatedUnion('type', [KeyRotated, KeyRemoved, KeyUncertain]);
export type KeyEvent = z.infer<typeof KeyEvent>;

/**
 * The plaintext of `sealed`. A consumer trusts nothing else of an event, because anyone who can write to
 * Redis can write an event. For a version with a key, `assistant` is the upstream text itself: every field,
 * known or not, digit for digit.
 */
export const SealedRecord = z.looseObject({
  type: z.string(),
  org_id: z.string(),
  assistant_id: z.string(),
  version: z.int().positive(),
  /** A `Cause`, or a value that this version does not know. */
  cause: z.string().optional(),
  /** A `Removal`, or a value that this version does not know. */
  removal: z.string().optional(),
  /**
   * The version is ahead of the Redis clock: the ledger holds versions that were drawn while that clock was
   * wrong.
   */
  ahead: z.literal(true).optional(),
  assistant: z.looseObject({ id: z.string(), secret_key: z.string().nullish() }).optional(),
});
export type SealedRecord = z.infer<typeof SealedRecord>;
