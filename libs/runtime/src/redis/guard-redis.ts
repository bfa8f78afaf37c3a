import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';
import { StartError, endWith } from '../process/start-error.ts';

export interface RedisGuard {
  /** Resolves when the Redis that is connected has been found fit, or could not be asked. */
  checked: Promise<void>;
}

export interface RedisGuardOptions {
  requireDurable: boolean;
  /** What the user of the connection lacks, in words. */
  missingRights: () => Promise<string[]>;
  logger: Logger;
}

/** The first of many. */
const NAMED = 8;
export const listRights = (missing: readonly string[]): string =>
  `${missing.slice(0, NAMED).join(', ')}${missing.length > NAMED ? ` and ${missing.length - NAMED} more` : ''}`;

/**
 * Looks at a Redis each time it is connected, for after a failover it may be another one. A Redis that evicts
 * keys would throw truth away: the process ends. One without an append-only file may lose what was accepted:
 * that is logged, or ends the process too. A user that lacks a right ends it as well: a command that needs it
 * would fail again and again.
 */
export const guardRedis = (
  redis: Redis,
  { requireDurable, missingRights, logger }: RedisGuardOptions,
): RedisGuard => {
  const check = async () => {
    const fault = await findFault(redis, { requireDurable, missingRights, logger }).catch((err: unknown) => {
      logger.warn({ err }, 'Redis could not be asked how it is configured');
      return undefined;
    });
    if (fault !== undefined) {
      endWith(fault);
      // Never resolves: nothing is begun on this Redis.
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
    return new StartError(
      'REDIS_RIGHTS',
      `the Redis user of REDIS_URL lacks ${listRights(missing)}: give it the rights of docs/operations.md ("The Redis user")`,
    );
  }
  const [memory, persistence] = await Promise.all([redis.info('memory'), redis.info('persistence')]);
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
  if (policy !== undefined && policy !== 'noeviction') {
    return new StartError(
      'REDIS_UNFIT',
      `the maxmemory-policy of Redis is ${policy}: it would throw away what is true. Set it to noeviction.`,
    );
  }
  if (/^aof_enabled:0/m.test(persistence)) {
    const loss =
      'Redis keeps no append-only file: what was accepted may be lost with it. Set appendonly to yes.';
    if (requireDurable) return new StartError('REDIS_UNFIT', loss);
    logger.warn(loss);
  }
  return undefined;
};

/**
 * Tells the run id of the Redis that is connected, each time that one is. It is another after each start of
 * Redis, and on each machine.
 */
export const watchRunId = (redis: Redis, logger: Logger, onRun: (runId: string) => Promise<void>): void => {
  const ask = async () => {
    const runId = /^run_id:(\S+)/m.exec(await redis.info('server'))?.[1];
    if (runId !== undefined) await onRun(runId);
  };
  const onReady = () =>
    void ask().catch((err: unknown) => logger.warn({ err }, 'Redis could not be asked which it is'));
  redis.on('ready', onReady);
  if (redis.status === 'ready') onReady();
};
