import { watchWrites, type Logger } from '@rekey/runtime';
import type { HealthImplementation } from 'grpc-health-check';
import type { Redis } from 'ioredis';

interface ServingStatusOptions {
  health: HealthImplementation;
  services: string[];
  redis: Redis;
  /** A key that only this process writes. */
  mark: string;
  logger: Pick<Logger, 'event'>;
  /** Called with the result of each probe, whether or not it has changed. */
  onProbed(isServing: boolean): void;
}

interface ServingStatus {
  /** Reports NOT_SERVING from now on. */
  close(): void;
}

/** grpc.health.v1: SERVING while Redis accepts writes, for the server as a whole and for each service. */
export const watchServingStatus = ({
  health,
  services,
  redis,
  mark,
  logger,
  onProbed,
}: ServingStatusOptions): ServingStatus => {
  let closed = false;
  /** Undefined until the first change: a connection that is being made is not reported. */
  let reported: boolean | undefined;
  let isServing = false;
  const set = (fault: Error | undefined) => {
    const wasServing = isServing;
    isServing = fault === undefined;
    onProbed(isServing);
    // Each call of setStatus sends a message to every caller that watches, whether or not it reads them.
    if (isServing !== wasServing)
      for (const service of ['', ...services])
        health.setStatus(service, isServing ? 'SERVING' : 'NOT_SERVING');
    if (closed || reported === isServing) return;
    if (fault) logger.event('gateway_not_serving', { err: fault });
    else if (reported === false) logger.event('gateway_serving_again');
    reported = isServing;
  };
  for (const service of ['', ...services]) health.setStatus(service, 'NOT_SERVING');
  const writes = watchWrites(redis, mark, set);
  return {
    close: () => {
      closed = true;
      writes.close();
      set(new Error('the process is ending'));
    },
  };
};
