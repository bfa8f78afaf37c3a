/** The canonical gRPC codes (google.rpc.Code) that Rekey answers with. */
export type GrpcCode =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNKNOWN'
  | 'UNAVAILABLE'
  | 'INTERNAL';

interface ErrorRow {
  grpc: GrpcCode;
  /** Whether the same call, or the same upstream request, may simply be tried again. */
  retry: boolean;
  /** What a caller may read. It never quotes an upstream body, an id or a secret. */
  message: string;
  /** What to do about it. */
  advice: string;
}

const table = {
  // what a caller got wrong
  INVALID_ARGUMENT: {
    grpc: 'INVALID_ARGUMENT',
    retry: false,
    message: 'The request is not valid.',
    advice: 'Correct the fields named in the BadRequest detail.',
  },
  REQUEST_ID_REUSED: {
    grpc: 'ALREADY_EXISTS',
    retry: false,
    message: 'This request_id was used with other arguments.',
    advice: 'Make a new request_id for a new request.',
  },
  REQUEST_ID_SPENT: {
    grpc: 'ALREADY_EXISTS',
    retry: false,
    message: 'This request_id was used, and its rotation has ended and is no longer kept.',
    advice: 'Look at the assistant; make a new request_id to rotate again.',
  },
  STREAM_IDLE: {
    grpc: 'ABORTED',
    retry: true,
    message: 'No further message of the stream came for a minute; nothing was created.',
    advice: 'Begin again, and send the messages without such a pause; the same request_id may be used.',
  },
  ROTATION_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'There is no such rotation.',
    advice: 'Check the id. Ended rotations are kept for a limited time.',
  },
  ROTATION_NOT_CANCELLABLE: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'Only a QUEUED rotation can be cancelled.',
    advice: 'Wait for it to end; a request that may have left cannot be called back.',
  },
  SWEEP_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'There is no such sweep.',
    advice: 'Check the id. Ended sweeps are kept for a week.',
  },
  BULK_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'There is no such bulk rotation.',
    advice: 'Check the id. Ended bulk rotations are kept for a limited time.',
  },
  DRAFT_LOST: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Of the ids that were sent for a bulk rotation some are gone; nothing was begun.',
    advice: 'Send all of them again, within an hour.',
  },
  BULK_STATE: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'The bulk rotation is not in a state that allows this.',
    advice:
      'Look at its state: what has ended cannot be paused or cancelled, and only what has ended can be retried.',
  },
  POLICY_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'There is no such rotation policy.',
    advice: 'Check the id, or list the policies.',
  },
  POLICY_NOT_SCHEDULED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'The next window of the rotation policy cannot be computed; the policy replaces no key.',
    advice:
      'Check its cron expression and time zone (rekey policy get). If they are right, update Node.js, which brings the time zones; else create the policy again.',
  },
  REQUEST_TOO_LARGE: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'A message of the request is larger than the gateway takes.',
    advice: 'Make it smaller; a stream of ids may have any number of messages.',
  },
  REQUEST_UNREADABLE: {
    grpc: 'INVALID_ARGUMENT',
    retry: false,
    message: 'A message of the request is not in the format of its type.',
    advice: 'Send what the contract (proto/rekey/v1) describes.',
  },
  TOO_MANY_POLICIES: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'There are as many rotation policies as are kept, 1000.',
    advice: 'Delete one that is no longer needed.',
  },
  CONSUMER_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'There is no such consumer.',
    advice: 'Check the name, or list the consumers.',
  },
  CONSUMER_EXISTS: {
    grpc: 'ALREADY_EXISTS',
    retry: false,
    message: 'There is a consumer of this name with another key.',
    advice: 'Remove it first, or take another name.',
  },
  TOO_MANY_CONSUMERS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'There are as many consumers as may be, 100.',
    advice: 'Remove one that is no longer needed.',
  },
  CONSUMER_BUSY: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'The consumer was changed by somebody else at the same moment.',
    advice: 'Look at it, and try again.',
  },
  CONSUMER_MAY_NOT_READ: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'A consumer that is named may not read this org.',
    advice: 'Name another, or let it read the org: rekey consumer orgs.',
  },
  NO_WORKER_YET: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: "Rekey's public key is not known: no worker has run yet.",
    advice: 'Start a worker, or print the key: rekey key-file public PATH.',
  },
  CONSUMERS_MISSING: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'A consumer that is required is not live, or not caught up.',
    advice: 'See rekey consumer status; start it, or ask without it.',
  },
  ASSISTANT_NOT_KNOWN: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Rekey holds no key of this assistant.',
    advice: 'Rotate it once.',
  },
  // Rekey itself
  REDIS_UNAVAILABLE: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Rekey cannot reach its Redis.',
    advice: 'Try again.',
  },
  REDIS_MEMORY_LOW: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'Redis is nearly out of memory; nothing new is accepted.',
    advice: 'Give Redis more memory, then try again.',
  },
  REPLICAS_MISSING: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Too few replicas of Redis have confirmed what was written.',
    advice: 'Bring the replicas back, then try again.',
  },
  SHUTTING_DOWN: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'This gateway is shutting down.',
    advice: 'Try again; another gateway will answer.',
  },
  LEDGER_CORRUPT: {
    grpc: 'INTERNAL',
    retry: false,
    message: 'The ledger holds an entry that cannot be read.',
    advice: 'See rekey status and the log; repair or delete the entry, then try again.',
  },
  // why a rotation waits
  FROZEN: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'Rotations are frozen; no request is sent.',
    advice: 'Unfreeze rotations: rekey unfreeze, or unset REKEY_OBSERVE_ONLY of the workers.',
  },
  CLOCK_JUMP: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'The clock of Redis has jumped, or disagrees with the clock of the worker; no request is sent.',
    advice: 'Set the clocks right (NTP).',
  },
  TOO_MANY_UNKNOWNS: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: 'Too many outcomes are unknown in this org; only reads are sent.',
    advice: 'Check whether Invent is available.',
  },
  LEDGER_LOST: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'The ledger in Redis vanished and began anew; no request is sent.',
    advice: 'Restore Redis from its backup, or accept the empty ledger: rekey ledger adopt.',
  },
  LEDGER_NOT_LOST: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'This ledger is not lost; there is nothing to adopt.',
    advice: 'Check that the gateway uses the Redis and the REKEY_PREFIX that you mean.',
  },
  LEDGER_CHANGED: {
    grpc: 'ABORTED',
    retry: false,
    message: 'The ledger is not the one that was to be adopted.',
    advice: 'Look at it again: rekey ledger adopt.',
  },
  BUDGET_NOT_CLOSED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'This request budget is not closed.',
    advice: 'See rekey status for the name of the budget that is closed.',
  },
  // why a bulk rotation stands still
  PAUSED_BY_OPERATOR: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'The bulk rotation was paused.',
    advice: 'Resume it to go on.',
  },
  CANARY_DONE: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'The first assistants are done; the others wait.',
    advice: 'Look at them, and resume the bulk rotation to go on.',
  },
  CANARY_AWAITS_CONSUMERS: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'The first assistants are done; consumers have not applied their keys yet.',
    advice:
      'Nothing: it goes on when they have. See rekey consumer status; resume the bulk rotation to go on without them.',
  },
  TOO_MANY_FAILURES: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'More assistants have failed, or are of unknown outcome, than the bulk rotation allows.',
    advice: 'See its last failures. Resume it to go on; those that failed can be retried at the end.',
  },
  READS_FAIL: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'Keys cannot be read back at Invent.',
    advice: 'See whether Invent is well, then resume the bulk rotation.',
  },
  DRIFT_STORM: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message: 'Many keys of this org are being rotated by somebody else.',
    advice:
      'Find out who does it: two deployments on one org are not supported. Then resume the bulk rotation.',
  },
  WINDOW_CLOSED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'The time in which the bulk rotation may run is over.',
    advice: 'Nothing: the policy takes those that are left in its next window.',
  },
  CANCELLED_BY_OPERATOR: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'The bulk rotation was cancelled.',
    advice: 'Nothing: what had been begun was finished.',
  },
  INTERNAL: {
    grpc: 'INTERNAL',
    retry: false,
    message: 'Something went wrong inside Rekey.',
    advice: 'See the log of the gateway.',
  },
  // upstream, certainly not done
  ORG_NOT_CONFIGURED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'No API key is configured for this org.',
    advice: 'Add the org to INVENT_API_KEYS_FILE.',
  },
  UPSTREAM_UNREACHABLE: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Invent could not be reached; nothing was sent.',
    advice: 'Check the network and INVENT_BASE_URL, then rotate again.',
  },
  UPSTREAM_RATE_LIMITED: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message: "Invent's request limit was reached.",
    advice:
      'The worker tries again by itself, at least once a minute. rekey status shows until when Invent asks to wait; rekey budget open resumes at once.',
  },
  UPSTREAM_REJECTED: {
    grpc: 'INVALID_ARGUMENT',
    retry: false,
    message: 'Invent refused the request as malformed (400).',
    advice: 'Check the org and assistant ids.',
  },
  UPSTREAM_UNAUTHENTICATED: {
    grpc: 'UNAUTHENTICATED',
    retry: false,
    message: 'Invent did not accept the API key (401).',
    advice: 'Check the API key configured for this org.',
  },
  UPSTREAM_FORBIDDEN: {
    grpc: 'PERMISSION_DENIED',
    retry: false,
    message: 'The API key may not do this in this org (403).',
    advice: 'Use a key of this org or of its parent.',
  },
  ASSISTANT_NOT_FOUND: {
    grpc: 'NOT_FOUND',
    retry: false,
    message: 'Invent knows no such assistant in this org (404).',
    advice: 'Check the org and assistant ids.',
  },
  ASSISTANT_DELETED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'The assistant is deleted at Invent.',
    advice: 'Leave it out.',
  },
  SENT_TOO_LATE: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'The worker was held up and sent nothing.',
    advice: 'Nothing: the rotation is tried again.',
  },
  RECORD_TOO_LARGE: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'The record of the assistant is longer than 16 MiB: its key could not be read back. No request that replaces it is sent.',
    advice: 'Shorten the record at Invent (its instructions, for example), then run rekey sweep.',
  },
  // upstream, outcome unknown: reconcile first, never simply again
  OUTCOME_UNKNOWN: {
    grpc: 'UNKNOWN',
    retry: false,
    message: 'It is not known whether Invent changed the key.',
    advice: 'Nothing: Rekey reads the key back and finds out.',
  },
  UPSTREAM_UNEXPECTED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'Invent answered with a redirect, or with another status that it does not document.',
    advice:
      'Check INVENT_BASE_URL, and the proxy if there is one: redirects are not followed. The log of the worker says where one leads.',
  },
  ANSWER_UNREADABLE: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'Invent answered, and the body cannot be decoded: its content encoding is unknown or wrong, or it is not UTF-8.',
    advice:
      'Check what stands between the worker and Invent, such as a proxy that compresses. The worker reads again by itself.',
  },
  NO_SECRET_KEY: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'Invent answers this assistant without a secret key.',
    advice: 'Look at the assistant in Invent.',
  },
  TOO_MANY_GONE: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'Many known assistants of the org are gone at Invent; none of them is published as deleted.',
    advice:
      'Check whether the API key is of another org. If they are gone for good: rekey sweep ORG --accept-removals.',
  },
  LIST_INCOMPLETE: {
    grpc: 'FAILED_PRECONDITION',
    retry: true,
    message:
      "Invent's list of the org is incomplete: it does not agree with its own count, or part of it could not be read.",
    advice: 'Check in Invent how many assistants the org has. What was listed has been compared.',
  },
  TOO_MANY_WITHOUT_KEY: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'Invent answers many known assistants of the org without a secret key; none of that is published.',
    advice:
      'Check the rights of the API key. If they really have no key any more: rekey sweep ORG --accept-removals.',
  },
  TOO_MANY_CHANGED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'Many keys of the org were replaced outside Rekey in a short time; the new ones are not published.',
    advice:
      'Find out who replaced them, and whether Invent shows real keys. If they are right: rekey sweep ORG --accept-removals.',
  },
  ORG_CHANGED: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'Invent lists none of the known assistants of the org; most likely the API key is of another org.',
    advice:
      'Check the API key of this org. If all known assistants are really gone: rekey sweep ORG --accept-removals.',
  },
  KEYS_NOT_SHOWN: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message:
      'Invent does not show the secret keys: they are masked, or the same for several assistants, or LIST shows other keys than GET.',
    advice: 'Check the rights of the API key. Rekey reads again by itself and publishes no such key.',
  },
  ORG_NOT_HELD: {
    grpc: 'FAILED_PRECONDITION',
    retry: false,
    message: 'This org is not held: there is nothing to accept.',
    advice: 'See rekey status for the orgs that are held, and check the org id.',
  },
  STALE_READ: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'Invent answers with an older key than the one that is published.',
    advice:
      'Nothing: reads may lag behind. If several reads agree, Rekey publishes the key that is in force.',
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof table;
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = table;
export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(table, code);

export interface FieldViolation {
  field: string;
  description: string;
}

export interface RekeyErrorOptions {
  /** For the log. A caller never sees it. */
  cause?: unknown;
  fieldViolations?: readonly FieldViolation[];
  /**
   * Stands after the table's message: which ones, which state. Valid names and ids only, and a bounded number
   * of them.
   */
  which?: string | undefined;
  /** The same for programs: `google.rpc.ErrorInfo.metadata`. Names in snake_case; never a secret. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * The one error class. `cause` is for the log; a caller reads the table's row, `which`, `metadata` and the
 * field violations.
 */
export class RekeyError extends Error {
  readonly code: ErrorCode;
  readonly fieldViolations: readonly FieldViolation[];
  metadata: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    { fieldViolations = [], which, metadata = {}, ...options }: RekeyErrorOptions = {},
  ) {
    const { message } = errorTable[code];
    super(
      which === undefined ? message : `${message.replace(/\.$/, '')}: ${which}.`,
      'cause' in options ? { cause: options.cause } : undefined,
    );
    this.name = 'RekeyError';
    this.code = code;
    this.fieldViolations = fieldViolations;
    this.metadata = metadata;
  }

  /** Adds what its thrower did not know. Returns itself. */
  withMetadata(more: Readonly<Record<string, string>>): this {
    this.metadata = { ...more, ...this.metadata };
    return this;
  }
}
