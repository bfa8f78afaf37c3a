import type { handleUnaryCall, sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { contextOf, tell, type CallContext } from './server-call.ts';

/**
 * The one adapter between async functions and grpc-js's callbacks. A RekeyError becomes its status; anything
 * else becomes INTERNAL, is reported, and shows the caller nothing.
 */
export const unary =
  <Request, Response>(
    handler: (request: Request, context: CallContext) => Promise<Response>,
    onUnexpected: (error: unknown) => void,
  ): handleUnaryCall<Request, Response> =>
  (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
    handler(call.request, contextOf(call)).then(
      (response) => callback(null, response),
      (error: unknown) => callback(tell(error, call, onUnexpected)),
    );
  };
