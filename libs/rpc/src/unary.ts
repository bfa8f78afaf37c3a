import type { handleUnaryCall, sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { RekeyError } from '@rekey/schema';
import { toStatus } from './status-details.ts';

export interface CallContext {
  /** Aborts when the caller has gone, or its deadline has passed. */
  signal: AbortSignal;
  /** When the caller's deadline is, in ms since 1970; undefined where it has none. */
  deadlineMs?: number;
}

/**
 * The one adapter between async functions and grpc-js's callbacks. A RekeyError becomes its status; anything else becomes
 * INTERNAL, is reported, and shows the caller nothing.
 */
export const unary =
  <Request, Response>(
    handler: (request: Request, context: CallContext) => Promise<Response>,
    onUnexpected: (error: unknown) => void,
  ): handleUnaryCall<Request, Response> =>
  (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    const deadlineMs = Number(call.getDeadline());
    handler(call.request, { signal: gone.signal, ...(Number.isFinite(deadlineMs) && { deadlineMs }) }).then(
      (response) => callback(null, response),
      (error: unknown) => {
        if (!(error instanceof RekeyError)) onUnexpected(error);
        callback(toStatus(error instanceof RekeyError ? error : new RekeyError('INTERNAL')));
      },
    );
  };
