import { RekeyClientError } from '@rekey/client';
import { isErrorCode } from '@rekey/schema';

/** Resolves with the failure of a call, as a caller sees it. Rejects if the call succeeds. */
export const failureOf = async (
  call: Promise<unknown>,
): Promise<{ code: string; reason: string | undefined; fields: string[]; message: string }> => {
  const error = await call.then(
    () => {
      throw new Error('the call did not fail');
    },
    (failure: unknown) => failure,
  );
  if (!(error instanceof RekeyClientError)) throw error;
  const { code, grpcStatus, fieldViolations, details = '' } = error;
  return {
    code: grpcStatus,
    reason: isErrorCode(code) ? code : undefined,
    fields: fieldViolations.map(({ field }) => field),
    message: details,
  };
};
