import type { RekeyClientError } from '@rekey/client';
import { isErrorCode } from '@rekey/schema';
import { exitCodes } from './entry/exit-codes.ts';
import { tlsFailure } from './tls/tls-failure.ts';

export { exitCodes };

/** An error whose message is shown to the user. */
export class CliError extends Error {
  readonly exitCode: number;
  readonly reason: string;
  constructor(message: string, reason: string, exitCode: number = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
    this.reason = reason;
  }
}

/** Whether a call of the gateway failed. By its name: the class is loaded only by commands that call it. */
export const isCallError = (error: unknown): error is RekeyClientError =>
  error instanceof Error && error.name === 'RekeyClientError';

/** A failed call of the gateway as a CliError with the gateway's reason. Returns other errors unchanged. */
export const fromCallError = (error: unknown, address: string): unknown => {
  if (!isCallError(error)) return error;
  const { code, grpcStatus, details = error.message } = error;
  const away = grpcStatus === 'UNAVAILABLE' || grpcStatus === 'DEADLINE_EXCEEDED';
  const exitCode = away ? exitCodes.unavailable : exitCodes.failed;
  if (isErrorCode(code)) return new CliError(details, code, exitCode);
  if (code === 'RESPONSE_TOO_LARGE')
    return new CliError('The response exceeds the size limit of gRPC. Request fewer elements.', code);
  if (code === 'CONNECTION_LIMITED')
    return new CliError(
      `${error.message.slice(code.length + 2)} ${error.advice}`,
      code,
      exitCodes.unavailable,
    );
  if (away) {
    const why = tlsFailure(details);
    return new CliError(
      why === undefined
        ? `The gateway at ${address} does not answer. Check that it runs, ` +
            'that GRPC_ADDRESS or --gateway is its address, and with TLS, that it trusts your certificate.'
        : `The gateway at ${address} is reached, but TLS fails: ${why}.`,
      grpcStatus,
      exitCode,
    );
  }
  return new CliError(details, grpcStatus, exitCode);
};

/** Any error as what the user sees of it. A key file that cannot be used is one that the user has named. */
export const toCliError = (error: unknown): CliError => {
  if (error instanceof CliError) return error;
  const { name, message } = error as Error;
  return new CliError(message, name === 'KeyFileError' ? 'INVALID_ARGUMENT' : 'INTERNAL');
};
