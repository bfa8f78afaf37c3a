import type { Settings, SubscribeOptions } from './options.ts';
import type { Source } from './source.ts';
import { SubscribeError } from './subscribe-error.ts';

/**
 * Where the events come from. Each of the two is loaded only if it is used: a service installs ioredis or
 * grpc-js, not both. Throws SubscribeError with BAD_OPTION.
 */
export const sourceOf = async (
  { redis, gateway }: Pick<SubscribeOptions, 'redis' | 'gateway'>,
  settings: Settings,
): Promise<Source> => {
  if (gateway !== undefined) {
    const { createGatewaySource } = await import('./gateway/gateway-source.ts').catch(
      lacking('@grpc/grpc-js'),
    );
    return createGatewaySource(gateway, settings);
  }
  const { createRedisSource } = await import('./redis/redis-source.ts').catch(lacking('ioredis'));
  return createRedisSource(redis!, settings);
};

const lacking =
  (peer: string) =>
  (error: unknown): never => {
    const isMissing = (error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
    throw isMissing
      ? new SubscribeError('BAD_OPTION', `the package ${peer} is not installed`, { cause: error })
      : error;
  };
