import type { Redis } from 'ioredis';
import type { Logger } from '../logging/logger.ts';

/**
 * Calls `onRun` with the run id of Redis each time the connection becomes ready. The run id changes with each
 * start of Redis, and differs between hosts.
 */
export const watchRunId = (redis: Redis, logger: Logger, onRun: (runId: string) => Promise<void>): void => {
  const read = async () => {
    const runId = /^run_id:(\S+)/m.exec(await redis.info('server'))?.[1];
    if (runId !== undefined) await onRun(runId);
  };
  const onReady = () => void read().catch((err: unknown) => logger.event('redis_run_id_unknown', { err }));
  redis.on('ready', onReady);
  if (redis.status === 'ready') onReady();
};
