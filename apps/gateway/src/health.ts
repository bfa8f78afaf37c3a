import { answersPing } from '@rekey/runtime';
import type { HealthImplementation } from 'grpc-health-check';
import type { Redis } from 'ioredis';

const CHECK_EVERY_MS = 500;
const PING_WITHIN_MS = 1000;

/** grpc.health.v1: SERVING while Redis answers, for the server as a whole and for each service. */
export const watchHealth = (health: HealthImplementation, redis: Redis, services: string[]): { close(): void } => {
  let closed = false;
  const set = (serving: boolean) => {
    for (const service of ['', ...services]) health.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING');
  };
  const onAway = () => set(false);
  redis.on('close', onAway);
  let timer: NodeJS.Timeout | undefined;
  const check = async () => {
    const serving = await answersPing(redis, PING_WITHIN_MS);
    if (closed) return;
    set(serving);
    timer = setTimeout(check, CHECK_EVERY_MS);
  };
  void check();
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
      redis.off('close', onAway);
      set(false);
    },
  };
};
