import type { Redis } from 'ioredis';

export interface ReplicaOptions {
  /** How many replicas have to confirm; 0 asks nobody. */
  replicas: number;
  withinMs: number;
}

/**
 * Resolves with true when so many replicas hold everything that this connection has written before the call (`WAIT`). Calls that
 * come while one is under way share the next: a `WAIT` stops the whole connection.
 */
export const createReplicaConfirmation = (redis: Redis, { replicas, withinMs }: ReplicaOptions): (() => Promise<boolean>) => {
  let running: Promise<boolean> | undefined;
  let next: Promise<boolean> | undefined;
  const ask = async () => (await redis.wait(replicas, withinMs)) >= replicas;
  const start = (): Promise<boolean> => {
    next = undefined;
    running = ask().finally(() => (running = undefined));
    return running;
  };
  return async () => {
    if (replicas === 0) return true;
    if (!running) return start();
    next ??= running.then(start, start);
    return next;
  };
};
