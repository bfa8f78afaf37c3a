import { status, type ServiceError } from '@grpc/grpc-js';
import { readStatusDetails } from '@rekey/rpc';

/** How a call failed, as a caller sees it. Throws where it did not. */
export const failureOf = async (
  call: Promise<unknown>,
): Promise<{ code: string; reason: string | undefined; fields: string[]; message: string }> => {
  const error = await call.then(
    () => {
      throw new Error('the call did not fail');
    },
    (failure: ServiceError) => failure,
  );
  const { reason, fieldViolations } = readStatusDetails(error);
  return {
    code: status[error.code]!,
    reason,
    fields: fieldViolations.map(({ field }) => field),
    message: error.details,
  };
};
