import type { handleUnaryCall, sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { attempt } from './attempt.ts';
import { releaseCall } from './memory/release-call.ts';
import { contextOf, statusOf, type CallContext, type OnUnexpected } from './server-call.ts';

/**
 * Adapts an async function to a grpc-js unary method. A RekeyError becomes its status. Any other error
 * becomes INTERNAL and is reported; the caller sees nothing of it.
 */
export const unary =
  <Request, Response>(
    handler: (request: Request, context: CallContext) => Promise<Response>,
    onUnexpected: OnUnexpected,
  ): handleUnaryCall<Request, Response> =>
  (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
    const context = contextOf(call);
    const fail = (error: unknown): void => {
      attempt(
        () => callback(statusOf(error, context, onUnexpected)),
        () => {},
      );
      releaseCall(call);
    };
    const succeed = (response: Response): void => {
      attempt(() => {
        callback(null, response);
        releaseCall(call);
      }, fail);
    };
    attempt(() => void handler(call.request, context).then(succeed, fail), fail);
  };
