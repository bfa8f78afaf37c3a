import { status, type ServiceError } from '@grpc/grpc-js';
import { readStatusDetails } from '@rekey/rpc';
import { errorTable, isErrorCode, type ErrorCode, type FieldViolation } from '@rekey/schema';
import { MAX_MESSAGE_BYTES } from '../connection/channel.ts';
import type { Rotation } from '../models/rotation.ts';

/** The canonical gRPC codes by name. */
export type GrpcStatus = keyof typeof status;

interface OwnRow {
  grpc: GrpcStatus;
  retry: boolean;
  message: string;
  advice: string;
  /** In place of these, for a call that changes nothing. */
  ofRead?: { message: string; advice?: string };
}

/** The codes of the client itself. The gateway's codes are in the error table of @rekey/schema. */
const ownTable = {
  GATEWAY_UNAVAILABLE: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'The gateway does not answer.',
    advice:
      'Check the address, and that `tls` matches the gateway or its proxy. ' +
      'Then try again with the same requestId.',
  },
  DEADLINE_EXCEEDED: {
    grpc: 'DEADLINE_EXCEEDED',
    retry: true,
    message: 'The gateway did not answer in time; the call may have taken effect.',
    advice: 'Try again with the same requestId.',
    ofRead: {
      message: 'The gateway did not answer in time.',
      advice: 'Try again. If the response is long or the link slow, set a longer deadlineMs.',
    },
  },
  ABORTED: {
    grpc: 'CANCELLED',
    retry: false,
    message: 'The signal aborted the call, which may have taken effect.',
    advice: 'None needed: the caller aborted it.',
    ofRead: { message: 'The signal aborted the call.' },
  },
  CLIENT_CLOSED: {
    grpc: 'CANCELLED',
    retry: false,
    message: 'The client is closed; a call in flight may have taken effect.',
    advice: 'Create another client.',
    ofRead: { message: 'The client is closed.' },
  },
  ROTATION_NOT_ENDED: {
    grpc: 'DEADLINE_EXCEEDED',
    retry: true,
    message: 'The rotation did not end within the timeout; it continues.',
    advice: 'Wait for it again: call waitUntilSucceeded with its id.',
  },
  ROTATION_NOT_ACKNOWLEDGED: {
    grpc: 'DEADLINE_EXCEEDED',
    retry: true,
    message: 'The rotation succeeded, but consumers did not acknowledge it within the timeout.',
    advice:
      'See `consumers` of the rotation, and rekey consumer status. ' +
      'Wait for them again: call waitUntilSucceeded with its id.',
  },
  ROTATION_CANCELLED: {
    grpc: 'CANCELLED',
    retry: false,
    message: 'The rotation was cancelled; the key was not changed.',
    advice: 'If the key is still to be replaced, request it again with another requestId.',
  },
  CONNECTION_LIMITED: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: true,
    message:
      'The gateway, or a proxy before it, closed the connection because this client sent too much on it ' +
      '(ENHANCE_YOUR_CALM); the call may have taken effect.',
    advice: 'Cancel fewer calls at once, and ping less often. Then try again with the same requestId.',
    ofRead: {
      message:
        'The gateway, or a proxy before it, closed the connection because this client sent too much on it ' +
        '(ENHANCE_YOUR_CALM).',
      advice: 'Cancel fewer calls at once, and ping less often. Then try again.',
    },
  },
  RESPONSE_TOO_LARGE: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'The response exceeds the size limit of this client.',
    advice: 'Request less at once: set a smaller pageSize.',
  },
  UNEXPECTED: {
    grpc: 'UNKNOWN',
    retry: false,
    message: 'The call failed with an error that this version of the client does not know.',
    advice: 'Read the message, and compare the versions of client and gateway.',
  },
} as const satisfies Record<string, OwnRow>;

const wordsOf = (code: keyof typeof ownTable, reads: boolean): OwnRow => {
  const row: OwnRow = ownTable[code];
  return reads ? { ...row, ...row.ofRead } : row;
};

/** The reasons of the error table (from the gateway, or why a rotation failed), and ten of the client. */
export type ClientErrorCode = ErrorCode | keyof typeof ownTable;

interface ClientErrorDetails {
  grpcStatus?: GrpcStatus;
  /** Replaces the message of the table. */
  message?: string;
  /** Replaces the advice of the table. */
  advice?: string | undefined;
  details?: string;
  info?: Readonly<Record<string, string>>;
  fieldViolations?: readonly FieldViolation[];
  requestId?: string | undefined;
  retryAfterMs?: number | undefined;
  rotation?: Rotation | undefined;
  bulkRotationId?: string | undefined;
  /** Whether the call changes nothing: some messages differ then. */
  reads?: boolean | undefined;
  cause?: unknown;
}

/**
 * The one error that calls reject with. It holds no secret: from the response, only the
 * gateway's error details.
 *
 * Branch on `code`. If `retryable` is true, the same call can be repeated, with the error's `requestId` if
 * there is one.
 */
export class RekeyClientError extends Error {
  /** A stable code in UPPER_SNAKE_CASE. */
  readonly code: ClientErrorCode;
  /** The gRPC status of the call. For a rotation that did not succeed: the status of its code. */
  readonly grpcStatus: GrpcStatus;
  /** Whether repeating the same call can succeed. */
  readonly retryable: boolean;
  /** What to do about it, in a sentence. */
  readonly advice: string;
  /** The unchanged text of the gRPC status. Not set if the client itself created the error. */
  readonly details: string | undefined;
  /**
   * The gateway's `ErrorInfo.metadata`: the subject (`rotation_id`, `consumers`), limits, states. Empty if
   * the gateway sent none.
   */
  readonly info: Readonly<Record<string, string>>;
  /**
   * How long the gateway asks to wait before the same call, from `RetryInfo`. Not set if it did not ask. The
   * client's own retries wait for at least that long. A wait for a rotation asks once more a second before
   * its timeout, if that is earlier.
   */
  readonly retryAfterMs: number | undefined;
  /** With INVALID_ARGUMENT: the invalid fields, by their names in the contract (`org_id`). */
  readonly fieldViolations: readonly FieldViolation[];
  /**
   * From rotateSecretKey, createBulkRotation and createRotationPolicy: within 24 hours, a request with this
   * id repeats the failed one safely.
   */
  readonly requestId: string | undefined;
  /** From rotateAndWait and waitUntilSucceeded: the last known state. Not set if there is none. */
  readonly rotation: Rotation | undefined;
  /** From watchBulkRotation and bulkItems: the id of the bulk rotation, which continues. */
  readonly bulkRotationId: string | undefined;

  constructor(
    code: ClientErrorCode,
    {
      grpcStatus,
      message,
      advice,
      details,
      info = {},
      fieldViolations = [],
      retryAfterMs,
      requestId,
      rotation,
      bulkRotationId,
      reads = false,
      ...rest
    }: ClientErrorDetails = {},
  ) {
    const row = isErrorCode(code) ? errorTable[code] : wordsOf(code, reads);
    super(`${code}: ${message ?? row.message}`, 'cause' in rest ? { cause: rest.cause } : undefined);
    this.name = 'RekeyClientError';
    this.code = code;
    this.grpcStatus = grpcStatus ?? row.grpc;
    this.retryable = row.retry;
    this.advice = advice ?? row.advice;
    this.details = details;
    this.info = info;
    this.fieldViolations = fieldViolations;
    this.retryAfterMs = retryAfterMs;
    this.requestId = requestId;
    this.rotation = rotation;
    this.bulkRotationId = bulkRotationId;
  }
}

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && typeof (error as ServiceError).details === 'string' && 'metadata' in error;

/** If the gateway dies, its streams are reset: INTERNAL or CANCELLED, without error details of Rekey. */
const ownCodes: Partial<Record<GrpcStatus, keyof typeof ownTable>> = {
  UNAVAILABLE: 'GATEWAY_UNAVAILABLE',
  CANCELLED: 'GATEWAY_UNAVAILABLE',
  INTERNAL: 'GATEWAY_UNAVAILABLE',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
};

/** Whether the grpc-js of this client refused the response. The gateway's limit for requests is another. */
const isTooLarge = ({ code, details }: ServiceError): boolean =>
  code === status.RESOURCE_EXHAUSTED &&
  details.startsWith('Received message') &&
  details.includes(String(MAX_MESSAGE_BYTES));

/** How grpc-js words the stream error of a connection that ended with ENHANCE_YOUR_CALM. */
const isLimited = ({ code, details }: ServiceError): boolean =>
  code === status.RESOURCE_EXHAUSTED && details.startsWith('Bandwidth exhausted');

const ownCodeOf = (error: ServiceError, grpcStatus: GrpcStatus): keyof typeof ownTable => {
  if (isTooLarge(error)) return 'RESPONSE_TOO_LARGE';
  if (isLimited(error)) return 'CONNECTION_LIMITED';
  return ownCodes[grpcStatus] ?? 'UNEXPECTED';
};

/** The gateway's message without the advice at its end, which has a field of its own. */
const withoutAdvice = (details: string, advice: string | undefined): string =>
  advice !== undefined && details.endsWith(` ${advice}`) ? details.slice(0, -advice.length - 1) : details;

/** The error for callers of a gRPC error. Returns any other error (of an iterable of ids) unchanged. */
export const asClientError = (
  error: unknown,
  about: Pick<ClientErrorDetails, 'requestId' | 'rotation' | 'bulkRotationId' | 'reads'> = {},
): unknown => {
  if (!isServiceError(error)) return error;
  const grpcStatus = (status[error.code] ?? 'UNKNOWN') as GrpcStatus;
  const { reason, fieldViolations, metadata: info, retryAfterMs } = readStatusDetails(error);
  if (reason === undefined) {
    const code = ownCodeOf(error, grpcStatus);
    return new RekeyClientError(code, {
      ...about,
      grpcStatus,
      details: error.details,
      message: `${wordsOf(code, about.reads ?? false).message} ${error.details}`.trimEnd(),
    });
  }
  const { advice } = info;
  return new RekeyClientError(reason, {
    ...about,
    grpcStatus,
    details: error.details,
    fieldViolations,
    retryAfterMs,
    info,
    advice,
    message: withoutAdvice(error.details, advice),
  });
};
