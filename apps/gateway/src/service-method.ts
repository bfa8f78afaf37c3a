import type { handleUnaryCall } from '@grpc/grpc-js';
import { unary, type CallContext } from '@rekey/rpc';
import { isRedisAway, isRedisFull } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';

/** Makes a gRPC method of an async function that returns or throws. */
export type ServiceMethod = <Response>(handler: (request: unknown, context: CallContext) => Promise<Response>) => handleUnaryCall<any, Response>;

export const serviceMethod =
  (onUnexpected: (error: unknown) => void): ServiceMethod =>
  (handler) =>
    unary(async (request, context) => {
      try {
        return await handler(request, context);
      } catch (error) {
        if (isRedisFull(error)) throw new RekeyError('REDIS_MEMORY_LOW', { cause: error });
        throw isRedisAway(error) ? new RekeyError('REDIS_UNAVAILABLE', { cause: error }) : error;
      }
    }, onUnexpected);
