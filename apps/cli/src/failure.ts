import { status, type ServiceError } from '@grpc/grpc-js';
import { readStatusDetails } from '@rekey/rpc';

/** What a script can tell apart. Commander itself ends with 1 for wrong usage. */
export const exitCodes = {
  /** Done, and as asked. */
  ok: 0,
  /**
   * The request is wrong; or what was asked for has ended otherwise than with success, also if it had done so
   * before the command.
   */
  failed: 1,
  /** The gateway or Redis cannot be reached: try again. */
  unavailable: 2,
  /** It goes on, but the time to wait for it is over. */
  notEnded: 3,
} as const;

/** An error whose message is meant for the person at the terminal. */
export class CliError extends Error {
  readonly exitCode: number;
  readonly reason: string;
  constructor(message: string, reason: string, exitCode: number = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
    this.reason = reason;
  }
}

/** A gRPC error in words, with the reason that Rekey gave. */
export const fromServiceError = (error: ServiceError, address: string): CliError => {
  const { reason } = readStatusDetails(error);
  const away = error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED;
  const exitCode = away ? exitCodes.unavailable : exitCodes.failed;
  if (reason) return new CliError(error.details, reason, exitCode);
  if (error.code === status.RESOURCE_EXHAUSTED && error.details.startsWith('Received message'))
    return new CliError('The answer is larger than gRPC takes. Ask for less at once.', 'RESPONSE_TOO_LARGE');
  if (away)
    return new CliError(
      `The gateway at ${address} does not answer. Is it running? Set GRPC_ADDRESS or --gateway to its address.`,
      status[error.code]!,
      exitCode,
    );
  return new CliError(error.details, status[error.code] ?? 'UNKNOWN', exitCode);
};

export const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && typeof (error as ServiceError).details === 'string' && 'metadata' in error;
