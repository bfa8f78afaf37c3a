import type { Redis } from 'ioredis';
import type { Logger } from '../logging/logger.ts';

/**
 * Has Redis rewrite its append-only file from memory. Call it after each restart of Redis, and again if it
 * returned false: Redis refused.
 *
 * If Redis is killed while it writes a transaction, and each script is one, the file ends in the first half
 * of it. Redis ignores that half when it starts, but keeps it in the file and appends to it: the next start
 * executes it. Counters then count twice, and the oldest events are trimmed.
 * Source: https://github.com/valkey-io/valkey/pull/4342, seen with Redis 7.0.15.
 */
export const rewriteAppendOnlyFile = async (redis: Redis, logger: Logger): Promise<boolean> => {
  if (!/^aof_enabled:1/m.test(await redis.info('persistence'))) return true;
  try {
    await redis.bgrewriteaof();
    logger.event('append_only_file_rewritten');
    return true;
  } catch (err) {
    if ((err as Error).message.includes('already in progress')) return true;
    logger.event('append_only_file_not_rewritten', { err });
    return false;
  }
};
