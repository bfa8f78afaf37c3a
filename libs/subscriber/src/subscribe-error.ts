/** What can be wrong, and whether the same may succeed when tried again. */
const table = {
  // at the start
  BAD_OPTION: { retry: false },
  /** The key file cannot be read, or is no JWK Set with a private key of the consumer. */
  BAD_KEY_FILE: { retry: false },
  /** The key file has no public key of Rekey: nothing in Redis could be believed. */
  NO_REKEY_KEY: { retry: false },
  /**
   * The key file opens nothing of what this consumer was granted: it is of another consumer, of another
   * Rekey, or was replaced.
   */
  WRONG_KEY_FILE: { retry: false },
  NOT_REGISTERED: { retry: false },
  /** It is registered, but no worker has finished its enrolment in the time. */
  NOT_READY: { retry: true },
  REDIS_AWAY: { retry: true },
  /**
   * Redis does not accept the credentials, or does not allow what is needed; has no such database; or is a
   * node of a cluster, a Sentinel, or too old.
   */
  REDIS_REFUSED: { retry: false },
  // when signing
  UNKNOWN_ASSISTANT: { retry: true },
  KEY_REMOVED: { retry: true },
  /**
   * A newer record than the key that was held exists, and is not sealed for this consumer: the key may be
   * dead.
   */
  NOT_READABLE_ANY_MORE: { retry: true },
  CLOSED: { retry: false },
} as const satisfies Record<string, { retry: boolean }>;

export type SubscribeErrorCode = keyof typeof table;

/** The one error class of this library. Branch on `code`. No message holds a secret. */
export class SubscribeError extends Error {
  readonly code: SubscribeErrorCode;
  /** The same may succeed later. */
  readonly retry: boolean;

  constructor(code: SubscribeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SubscribeError';
    this.code = code;
    this.retry = table[code].retry;
  }
}
