/** Whether a retry may succeed, for each code. */
const table = {
  // from subscribe()
  BAD_OPTION: { retry: false },
  /** The key file cannot be read, or is not a JWK Set with a private key of the consumer. */
  BAD_KEY_FILE: { retry: false },
  /** The key file has no public key of Rekey: nothing in Redis could be trusted. */
  NO_REKEY_KEY: { retry: false },
  /**
   * The key file does not open the grant of this consumer: it belongs to another consumer or another Rekey,
   * or was replaced.
   */
  WRONG_KEY_FILE: { retry: false },
  NOT_REGISTERED: { retry: false },
  /** The entry of this consumer has an older grant than the one that this process holds. */
  OLD_GRANT: { retry: true },
  /** The consumer is registered, but its enrolment did not finish in time. */
  NOT_READY: { retry: true },
  REDIS_AWAY: { retry: true },
  /**
   * Redis rejects the credentials or a required command, has no such database, or is a cluster node, a
   * Sentinel or too old.
   */
  REDIS_REFUSED: { retry: false },
  /** No gateway could be reached, or none could serve the consumer. */
  GATEWAY_AWAY: { retry: true },
  /**
   * The gateway does not know who calls, the caller lacks the role `consumer:NAME`, or the gateway cannot serve
   * events.
   */
  GATEWAY_REFUSED: { retry: false },
  // from signing
  UNKNOWN_ASSISTANT: { retry: true },
  KEY_REMOVED: { retry: true },
  /**
   * A record newer than the held key exists and is not sealed for this consumer: the key may no longer be in
   * force.
   */
  NOT_READABLE_ANY_MORE: { retry: true },
  CLOSED: { retry: false },
} as const satisfies Record<string, { retry: boolean }>;

export type SubscribeErrorCode = keyof typeof table;

/** The error class of this library. Branch on `code`. No message contains a secret. */
export class SubscribeError extends Error {
  readonly code: SubscribeErrorCode;
  /** Whether a retry may succeed. */
  readonly retry: boolean;

  constructor(code: SubscribeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SubscribeError';
    this.code = code;
    this.retry = table[code].retry;
  }
}
