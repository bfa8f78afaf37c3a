import { missingRights } from '@rekey/ledger';
import {
  STOP_ACCEPTING_AT,
  createRedisConnections,
  guardRedis,
  logRedisStatus,
  watchMemory,
  type Logger,
  type MemoryWatch,
  type RedisConnections,
  type Shutdown,
} from '@rekey/runtime';
import type { Redis } from 'ioredis';
import type { GatewayEnvironment } from '../config.ts';

export interface RedisParts {
  connections: RedisConnections;
  /** For everything that callers wait for: a command fails at once while Redis is away. */
  redis: Redis;
  /** Receives published messages only. */
  subscriber: Redis;
  memory: MemoryWatch;
}

/** Connects, without waiting: a gateway without Redis runs and reports NOT_SERVING. */
export const connectRedis = (config: GatewayEnvironment, logger: Logger, shutdown: Shutdown): RedisParts => {
  const connections = createRedisConnections(config.REDIS_URL, {
    listener: logRedisStatus(config.REDIS_URL, logger),
  });
  const redis = connections.connect({ onDisconnect: 'fail', name: 'gateway' });
  shutdown.defer('redis', () => redis.disconnect());
  guardRedis(redis, {
    requireDurable: config.REKEY_REQUIRE_DURABLE_REDIS,
    missingRights: () => missingRights(redis, config.REKEY_PREFIX, 'gateway'),
    logger,
  });
  const subscriber = connections.connect({ onDisconnect: 'retry', name: 'gateway-subscriber' });
  shutdown.defer('subscriber', () => subscriber.disconnect());
  const memory = watchMemory(redis, {
    threshold: STOP_ACCEPTING_AT,
    logger,
    consequence: 'no new rotation is accepted',
  });
  shutdown.defer('memory', () => memory.close());
  return { connections, redis, subscriber, memory };
};

const CONNECTS_WITHIN_MS = 1000;

/**
 * Resolves once commands can be sent, or after a second: the first callers of a gateway that starts are
 * served, and one without Redis starts nevertheless.
 */
export const untilConnected = (redis: Pick<Redis, 'status' | 'once'>): Promise<void> =>
  new Promise((resolve) => {
    if (redis.status === 'ready') return resolve();
    const timer = setTimeout(resolve, CONNECTS_WITHIN_MS);
    redis.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
  });
