import type { handleClientStreamingCall, handleServerStreamingCall, handleUnaryCall } from '@grpc/grpc-js';
import { clientStreaming, serverStreaming, unary, type CallContext } from '@rekey/rpc';
import { isRedisUnavailable, isRedisFull } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';
import { withNamed } from './about.ts';

/** Makes a gRPC method of an async function that returns or throws. */
export type ServiceMethod = <Response>(
  handler: (request: unknown, context: CallContext) => Promise<Response>,
) => handleUnaryCall<any, Response>;

/** The same of one that reads a stream of requests, and of one that yields responses. */
export interface StreamingMethods {
  clientStreaming<Request, Response>(
    handler: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>,
  ): handleClientStreamingCall<Request, Response>;
  serverStreaming<Request, Response>(
    handler: (request: Request, context: CallContext) => AsyncIterable<Response>,
  ): handleServerStreamingCall<Request, Response>;
}

/** What an error of Redis's means for a caller; any other stays as it is. */
const asCallersSeeIt = (error: unknown): unknown => {
  if (isRedisFull(error)) return new RekeyError('REDIS_MEMORY_LOW', { cause: error });
  return isRedisUnavailable(error) ? new RekeyError('REDIS_UNAVAILABLE', { cause: error }) : error;
};

export const serviceMethod =
  (onUnexpected: (error: unknown) => void): ServiceMethod =>
  (handler) =>
    unary(async (request, context) => {
      try {
        return await handler(request, context);
      } catch (error) {
        throw withNamed(asCallersSeeIt(error), request);
      }
    }, onUnexpected);

/**
 * Longer than a caller stops for that reads what it sends from somewhere slow; short enough for drafts of
 * callers that hang.
 */
const STREAM_IDLE_MS = 60_000;

export const streamingMethods = (
  onUnexpected: (error: unknown) => void,
  { idleMs = STREAM_IDLE_MS }: { idleMs?: number } = {},
): StreamingMethods => ({
  clientStreaming: (handler) =>
    clientStreaming(
      async (requests, context) => {
        let first: unknown;
        const remembered = async function* () {
          for await (const request of requests) {
            first ??= request;
            yield request;
          }
        };
        try {
          return await handler(remembered(), context);
        } catch (error) {
          throw withNamed(asCallersSeeIt(error), first);
        }
      },
      onUnexpected,
      { idleMs },
    ),

  serverStreaming: (handler) =>
    serverStreaming(async function* (request, context) {
      try {
        yield* handler(request, context);
      } catch (error) {
        throw withNamed(asCallersSeeIt(error), request);
      }
    }, onUnexpected),
});
