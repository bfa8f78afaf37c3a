import { RekeyClientError } from '@rekey/client';
import { isErrorCode } from '@rekey/schema';

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

/** A failed call of the gateway in words, with the reason that Rekey gave. Other errors stay as they are. */
export const fromCallError = (error: unknown, address: string): unknown => {
  if (!(error instanceof RekeyClientError)) return error;
  const { code, grpcStatus, details = error.message } = error;
  const away = grpcStatus === 'UNAVAILABLE' || grpcStatus === 'DEADLINE_EXCEEDED';
  const exitCode = away ? exitCodes.unavailable : exitCodes.failed;
  if (isErrorCode(code)) return new CliError(details, code, exitCode);
  if (code === 'RESPONSE_TOO_LARGE')
    return new CliError('The answer is larger than gRPC takes. Ask for less at once.', code);
  if (away)
    return new CliError(
      `The gateway at ${address} does not answer. Is it running? Set GRPC_ADDRESS or --gateway to its address.`,
      grpcStatus,
      exitCode,
    );
  return new CliError(details, grpcStatus, exitCode);
};
