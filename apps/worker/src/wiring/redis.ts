import { missingRights } from '@rekey/ledger';
import { createRedisConnections, guardRedis, logRedisStatus, type RedisConnections } from '@rekey/runtime';
import type { Redis } from 'ioredis';
import type { Base } from './base.ts';

/** Connects to Redis, and checks that it is suitable. */
export const connectRedis = async ({
  config,
  logger,
  shutdown,
}: Base): Promise<{ connections: RedisConnections; redis: Redis }> => {
  const listener = logRedisStatus(config.REDIS_URL, logger);
  const connections = createRedisConnections(config.REDIS_URL, { listener });
  const redis = connections.connect({ onDisconnect: 'retry', name: 'worker' });
  shutdown.defer('redis', () => redis.disconnect());
  await guardRedis(redis, {
    requireDurable: config.REKEY_REQUIRE_DURABLE_REDIS,
    missingRights: () => missingRights(redis, config.REKEY_PREFIX),
    logger,
  }).checked;
  return { connections, redis };
};
