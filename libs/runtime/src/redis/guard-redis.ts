import type { Redis } from 'ioredis';
import type { Logger } from '../logging/logger.ts';
import { StartError, failProcess } from '../process/start-error.ts';

interface RedisGuard {
  /** Resolves once the connected Redis has passed the checks, or could not be checked. */
  checked: Promise<void>;
}

interface RedisGuardOptions {
  requireDurable: boolean;
  /** The rights that the user of the connection lacks, in words. */
  missingRights: () => Promise<string[]>;
  logger: Logger;
}

/** How many missing rights a message names. */
const NAMED = 8;
export const listRights = (missing: readonly string[]): string =>
  missing.slice(0, NAMED).join(', ') + (missing.length > NAMED ? ` and ${missing.length - NAMED} more` : '');

/**
 * Checks Redis each time the connection becomes ready, since a failover may lead to another Redis.
 * - Redis may evict keys: the process ends, because eviction destroys the ledger.
 * - No append-only file: Redis may lose accepted requests. Logged, or ends the process if `requireDurable`.
 * - The user lacks a right: the process ends, because each command that needs the right would fail.
 */
export const guardRedis = (redis: Redis, options: RedisGuardOptions): RedisGuard => {
  const check = async () => {
    const fault = await findFault(redis, options).catch((err: unknown) => {
      options.logger.event('redis_check_failed', { err });
      return undefined;
    });
    if (fault !== undefined) {
      failProcess(fault);
      // Never resolves: no work starts on this Redis.
      await new Promise(() => {});
    }
  };
  const checked = new Promise<void>((resolve) => {
    const onReady = () => void check().then(resolve);
    redis.on('ready', onReady);
    if (redis.status === 'ready') onReady();
  });
  return { checked };
};

const findFault = async (
  redis: Redis,
  { requireDurable, missingRights, logger }: RedisGuardOptions,
): Promise<StartError | undefined> => {
  const missing = await missingRights();
  if (missing.length > 0) {
    const advice = 'Grant it the rights listed in docs/guides/operate.md ("The Redis user").';
    return new StartError(
      'REDIS_RIGHTS',
      `the Redis user of REDIS_URL lacks ${listRights(missing)}. ${advice}`,
    );
  }
  const [memory, persistence] = await Promise.all([redis.info('memory'), redis.info('persistence')]);
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
  if (policy !== undefined && policy !== 'noeviction') {
    return new StartError(
      'REDIS_UNFIT',
      `the maxmemory-policy of Redis is ${policy}, which evicts keys of the ledger. Set it to noeviction.`,
    );
  }
  if (/^aof_enabled:0/m.test(persistence)) {
    if (requireDurable) return new StartError('REDIS_UNFIT', NOT_DURABLE);
    logger.event('redis_not_durable', {}, NOT_DURABLE);
  }
  return undefined;
};

const NOT_DURABLE =
  'Redis keeps no append-only file: a restart of Redis can lose accepted rotations. Set appendonly to yes.';
