import { decodeTime, isValid, monotonicFactory } from 'ulid';
import { pooledRandom } from './pooled-random.ts';

/**
 * Makes ULIDs that increase within this process, even within a millisecond. By default, ulid draws its
 * randomness byte by byte, which takes 30 µs.
 */
export const nextUlid = monotonicFactory(pooledRandom());

/** When an id (a prefix and a ULID) was made, in ms since 1970 by its maker's clock; 0 for another id. */
export const ulidMs = (id: string): number => {
  const ulid = id.slice(id.indexOf('_') + 1);
  return isValid(ulid) ? decodeTime(ulid) : 0;
};
