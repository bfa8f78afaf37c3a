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
  /** Of a call that changes nothing. */
  ofRead?: { message: string; advice?: string };
}

/**
 * What only this side of the wire can say. The gateway's own codes are in the error table of @rekey/schema.
 */
const ownTable = {
  GATEWAY_UNAVAILABLE: {
    grpc: 'UNAVAILABLE',
    retry: true,
    message: 'The gateway does not answer.',
    advice:
      'Check the address and whether `tls` is as the gateway or its proxy has it; then try again, with the same requestId.',
  },
  DEADLINE_EXCEEDED: {
    grpc: 'DEADLINE_EXCEEDED',
    retry: true,
    message: 'The gateway did not answer in time; the call may have taken effect.',
    advice: 'Try again, with the same requestId.',
    ofRead: {
      message: 'The gateway did not answer in time.',
      advice: 'Try again, with a longer deadlineMs if the answer is long or the link slow.',
    },
  },
  ABORTED: {
    grpc: 'CANCELLED',
    retry: false,
    message: 'The signal has aborted the call, which may have taken effect.',
    advice: 'Nothing: it was asked for.',
    ofRead: { message: 'The signal has aborted the call.' },
  },
  CLIENT_CLOSED: {
    grpc: 'CANCELLED',
    retry: false,
    message: 'The client is closed; a call that was under way may have taken effect.',
    advice: 'Make another client.',
    ofRead: { message: 'The client is closed.' },
  },
  ROTATION_NOT_ENDED: {
    grpc: 'DEADLINE_EXCEEDED',
    retry: true,
    message: 'The rotation has not ended in that time; it goes on.',
    advice: 'Wait for it again: waitUntilSucceeded with its id.',
  },
  ROTATION_NOT_ACKNOWLEDGED: {
    grpc: 'DEADLINE_EXCEEDED',
    retry: true,
    message: 'The rotation has succeeded, but consumers have not acknowledged it in that time.',
    advice:
      'See who is missing in its `consumers`, and rekey consumer status; wait for them again: waitUntilSucceeded with its id.',
  },
  ROTATION_CANCELLED: {
    grpc: 'CANCELLED',
    retry: false,
    message: 'The rotation was cancelled; the key was not changed.',
    advice: 'Ask again, with another requestId, where the key is still to be replaced.',
  },
  RESPONSE_TOO_LARGE: {
    grpc: 'RESOURCE_EXHAUSTED',
    retry: false,
    message: 'The answer is larger than this client takes.',
    advice: 'Ask for less at once: a smaller pageSize.',
  },
  UNEXPECTED: {
    grpc: 'UNKNOWN',
    retry: false,
    message: 'The call failed in a way that this version of the client does not know.',
    advice: 'See the message, and the versions of client and gateway.',
  },
} as const satisfies Record<string, OwnRow>;

const wordsOf = (code: keyof typeof ownTable, reads: boolean): OwnRow => {
  const row: OwnRow = ownTable[code];
  return reads ? { ...row, ...row.ofRead } : row;
};

/**
 * The reasons of the error table (what the gateway says, or why a rotation failed), and nine of the client's
 * own.
 */
export type ClientErrorCode = ErrorCode | keyof typeof ownTable;

interface ClientErrorDetails {
  grpcStatus?: GrpcStatus;
  /** In place of the table's words. */
  message?: string;
  /** In place of the table's. */
  advice?: string | undefined;
  details?: string;
  info?: Readonly<Record<string, string>>;
  fieldViolations?: readonly FieldViolation[];
  requestId?: string | undefined;
  rotation?: Rotation | undefined;
  bulkRotationId?: string | undefined;
  /** Whether the call changes nothing: the table has other words for some of these. */
  reads?: boolean | undefined;
  cause?: unknown;
}

/**
 * The one error that calls reject with. It holds no secret: of what came over the wire only what the gateway
 * says in its error details.
 *
 * Branch on `code`. Where `retryable` is true the same call may be made again, with the same `requestId`
 * where the error carries one.
 */
export class RekeyClientError extends Error {
  /** A stable code in UPPER_SNAKE_CASE. */
  readonly code: ClientErrorCode;
  /**
   * The gRPC status of the call; of a rotation that ended otherwise than wanted, the one that its code stands
   * for.
   */
  readonly grpcStatus: GrpcStatus;
  /** Whether the same may simply be tried again. */
  readonly retryable: boolean;
  /** What to do about it, in a sentence. */
  readonly advice: string;
  /** The text of the gRPC status, as it came. Not set if the client made the error itself. */
  readonly details: string | undefined;
  /**
   * What the gateway says of it in names and values (`ErrorInfo.metadata`): what it is about (`rotation_id`,
   * `consumers`), limits, states. Empty where the gateway said nothing.
   */
  readonly info: Readonly<Record<string, string>>;
  /** With INVALID_ARGUMENT: the fields at fault, by their names in the contract (`org_id`). */
  readonly fieldViolations: readonly FieldViolation[];
  /**
   * Of RotateSecretKey, CreateBulkRotation and CreateRotationPolicy: what makes asking again safe, for 24
   * hours.
   */
  readonly requestId: string | undefined;
  /**
   * Of rotateAndWait and waitUntilSucceeded: the rotation as it was last seen. Not set where none was seen.
   */
  readonly rotation: Rotation | undefined;
  /** Of watchBulkRotation and bulkItems: whose. The bulk rotation goes on. */
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
    this.requestId = requestId;
    this.rotation = rotation;
    this.bulkRotationId = bulkRotationId;
  }
}

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && typeof (error as ServiceError).details === 'string' && 'metadata' in error;

/** One whose gateway dies sees its streams reset: INTERNAL or CANCELLED, without a word of Rekey's. */
const ownCodes: Partial<Record<GrpcStatus, keyof typeof ownTable>> = {
  UNAVAILABLE: 'GATEWAY_UNAVAILABLE',
  CANCELLED: 'GATEWAY_UNAVAILABLE',
  INTERNAL: 'GATEWAY_UNAVAILABLE',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
};

/**
 * grpc-js on this side says so, by its own limit. The gateway refuses a request in the same way by another
 * one.
 */
const isTooLarge = ({ code, details }: ServiceError): boolean =>
  code === status.RESOURCE_EXHAUSTED &&
  details.startsWith('Received message') &&
  details.includes(String(MAX_MESSAGE_BYTES));

/** The gateway's words. Its advice, which ends them, stands in a field of its own. */
const withoutAdvice = (details: string, advice: string | undefined): string =>
  advice !== undefined && details.endsWith(` ${advice}`) ? details.slice(0, -advice.length - 1) : details;

/** An error of a call as callers see it. What is none (an iterable of ids that threw) stays as it is. */
export const asClientError = (
  error: unknown,
  about: Pick<ClientErrorDetails, 'requestId' | 'rotation' | 'bulkRotationId' | 'reads'> = {},
): unknown => {
  if (!isServiceError(error)) return error;
  const grpcStatus = (status[error.code] ?? 'UNKNOWN') as GrpcStatus;
  const { reason, fieldViolations, metadata: info } = readStatusDetails(error);
  if (reason === undefined) {
    const code = isTooLarge(error) ? 'RESPONSE_TOO_LARGE' : (ownCodes[grpcStatus] ?? 'UNEXPECTED');
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
    info,
    advice,
    message: withoutAdvice(error.details, advice),
  });
};
