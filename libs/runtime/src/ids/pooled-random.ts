import { randomFillSync } from 'node:crypto';

const BYTES_AT_ONCE = 4096;

/**
 * Numbers from 0 to below 1 with eight random bits each, from the system's generator, drawn many at a time: a
 * draw costs µs, however few the bytes.
 */
export const pooledRandom = (): (() => number) => {
  const pool = Buffer.alloc(BYTES_AT_ONCE);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    return pool[next++]! / 256;
  };
};
