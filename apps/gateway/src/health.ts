import { probeWrite, type Logger } from '@rekey/runtime';
import type { HealthImplementation } from 'grpc-health-check';
import type { Redis } from 'ioredis';

export interface HealthOptions {
  health: HealthImplementation;
  services: string[];
  redis: Redis;
  /** A key that this process alone writes. */
  mark: string;
  logger: Logger;
}

const CHECK_EVERY_MS = 1000;
const ANSWER_WITHIN_MS = 1000;

/** grpc.health.v1: SERVING while Redis takes writes, for the server as a whole and for each service. */
export const watchHealth = ({ health, services, redis, mark, logger }: HealthOptions): { close(): void } => {
  let closed = false;
  let told: boolean | undefined;
  const set = (why: Error | undefined) => {
    const serving = why === undefined;
    for (const service of ['', ...services]) health.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING');
    if (closed || told === serving) return;
    if (why) logger.warn({ err: why }, 'NOT_SERVING: Redis takes no writes');
    else if (told === false) logger.info('SERVING again');
    told = serving;
  };
  const onAway = () => set(new Error('the connection was closed'));
  redis.on('close', onAway);
  let timer: NodeJS.Timeout | undefined;
  const check = async () => {
    timer = undefined;
    const why = await probeWrite(redis, mark, ANSWER_WITHIN_MS);
    if (closed) return;
    set(why);
    timer = setTimeout(check, CHECK_EVERY_MS);
  };
  const onReady = () => {
    if (!timer) return;
    clearTimeout(timer);
    void check();
  };
  redis.on('ready', onReady);
  for (const service of ['', ...services]) health.setStatus(service, 'NOT_SERVING');
  // A connection that has only just begun is no news.
  timer = setTimeout(check, CHECK_EVERY_MS);
  if (redis.status === 'ready') onReady();
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
      redis.off('close', onAway);
      redis.off('ready', onReady);
      set(new Error('the process ends'));
    },
  };
};
