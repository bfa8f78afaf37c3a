import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;

/**
 * Returns random numbers in [0, 1) with eight bits each, from the system's generator. It fills a pool at a
 * time: each call of the generator takes microseconds, however few bytes it returns.
 */
export const pooledRandom = (): (() => number) => {
  const pool = Buffer.alloc(POOL_BYTES);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    return pool[next++]! / 256;
  };
};
