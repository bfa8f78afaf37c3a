import type { Redis } from 'ioredis';
import type { Logger } from './logger.ts';
import { StartError, endWith } from './start-error.ts';

export interface RedisGuard {
  /** Resolves when the Redis that is connected has been found fit, or could not be asked. */
  checked: Promise<void>;
}

/**
 * Looks at a Redis each time it is connected, for after a failover it may be another one. A Redis that evicts keys would throw
 * truth away: the process ends. One without an append-only file may lose what was accepted: that is logged, or ends the process too.
 */
export const guardRedis = (redis: Redis, { requireDurable, logger }: { requireDurable: boolean; logger: Logger }): RedisGuard => {
  const check = async () => {
    const complaint = await findFault(redis, requireDurable, logger).catch((err: unknown) => {
      logger.warn({ err }, 'Redis could not be asked how it is configured');
      return undefined;
    });
    if (complaint !== undefined) {
      endWith(new StartError('REDIS_UNFIT', complaint));
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

const findFault = async (redis: Redis, requireDurable: boolean, logger: Logger): Promise<string | undefined> => {
  const [memory, persistence] = await Promise.all([redis.info('memory'), redis.info('persistence')]);
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
  if (policy !== undefined && policy !== 'noeviction') {
    return `the maxmemory-policy of Redis is ${policy}: it would throw away what is true. Set it to noeviction.`;
  }
  if (/^aof_enabled:0/m.test(persistence)) {
    const loss = 'Redis keeps no append-only file: what was accepted may be lost with it. Set appendonly to yes.';
    if (requireDurable) return loss;
    logger.warn(loss);
  }
  return undefined;
};

/** Tells the run id of the Redis that is connected, each time that one is. It is another after each start of Redis, and on each machine. */
export const watchRunId = (redis: Redis, logger: Logger, onRun: (runId: string) => Promise<void>): void => {
  const ask = async () => {
    const runId = /^run_id:(\S+)/m.exec(await redis.info('server'))?.[1];
    if (runId !== undefined) await onRun(runId);
  };
  const onReady = () => void ask().catch((err: unknown) => logger.warn({ err }, 'Redis could not be asked which it is'));
  redis.on('ready', onReady);
  if (redis.status === 'ready') onReady();
};
