import { probeWrite, type Logger } from '@rekey/runtime';
import type { HealthImplementation } from 'grpc-health-check';
import type { Redis } from 'ioredis';

interface ServingStatusOptions {
  health: HealthImplementation;
  services: string[];
  redis: Redis;
  /** A key that only this process writes. */
  mark: string;
  logger: Pick<Logger, 'event'>;
}

interface ServingStatus {
  /** Whether the gateway is SERVING at present. */
  isServing(): boolean;
  /** Reports NOT_SERVING from now on. */
  close(): void;
}

const CHECK_EVERY_MS = 1000;
const ANSWER_WITHIN_MS = 1000;

/** grpc.health.v1: SERVING while Redis accepts writes, for the server as a whole and for each service. */
export const watchServingStatus = ({
  health,
  services,
  redis,
  mark,
  logger,
}: ServingStatusOptions): ServingStatus => {
  let closed = false;
  /** Undefined until the first change: a connection that is being made is not reported. */
  let reported: boolean | undefined;
  let isServing = false;
  const set = (fault: Error | undefined) => {
    const wasServing = isServing;
    isServing = fault === undefined;
    // Each call of setStatus sends a message to every caller that watches, whether or not it reads them.
    if (isServing !== wasServing)
      for (const service of ['', ...services])
        health.setStatus(service, isServing ? 'SERVING' : 'NOT_SERVING');
    if (closed || reported === isServing) return;
    if (fault) logger.event('gateway_not_serving', { err: fault });
    else if (reported === false) logger.event('gateway_serving_again');
    reported = isServing;
  };
  const onClose = () => set(new Error('the connection was closed'));
  redis.on('close', onClose);
  let timer: NodeJS.Timeout | undefined;
  const check = async () => {
    timer = undefined;
    const fault = await probeWrite(redis, mark, ANSWER_WITHIN_MS);
    if (closed) return;
    set(fault);
    timer = setTimeout(check, CHECK_EVERY_MS);
  };
  const onReady = () => {
    if (!timer) return;
    clearTimeout(timer);
    void check();
  };
  redis.on('ready', onReady);
  for (const service of ['', ...services]) health.setStatus(service, 'NOT_SERVING');
  timer = setTimeout(check, CHECK_EVERY_MS);
  if (redis.status === 'ready') onReady();
  return {
    isServing: () => isServing,
    close: () => {
      closed = true;
      clearTimeout(timer);
      redis.off('close', onClose);
      redis.off('ready', onReady);
      set(new Error('the process is ending'));
    },
  };
};
