import type { handleUnaryCall, sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { RekeyError, errorTable } from '@rekey/schema';
import { toStatus } from './status-details.ts';

export interface CallContext {
  /** Aborts when the caller has gone, or its deadline has passed. */
  signal: AbortSignal;
  /** When the caller's deadline is, in ms since 1970; undefined where it has none. */
  deadlineMs: number | undefined;
}

/** Lazy, since most calls are over before anybody asks. */
const contextOf = (call: ServerUnaryCall<unknown, unknown>): CallContext => ({
  get signal() {
    const gone = new AbortController();
    if (call.cancelled) gone.abort();
    else call.on('cancelled', () => gone.abort());
    return gone.signal;
  },
  get deadlineMs() {
    const deadlineMs = Number(call.getDeadline());
    return Number.isFinite(deadlineMs) ? deadlineMs : undefined;
  },
});

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
    handler(call.request, contextOf(call)).then(
      (response) => callback(null, response),
      (error: unknown) => {
        const told = error instanceof RekeyError ? error : new RekeyError('INTERNAL');
        if (errorTable[told.code].grpc === 'INTERNAL') onUnexpected(error);
        callback(toStatus(told));
      },
    );
  };
