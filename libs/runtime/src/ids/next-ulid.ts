import { monotonicFactory } from 'ulid';
import { pooledRandom } from './pooled-random.ts';

/**
 * Makes ULIDs that increase within this process, even within a millisecond. By default, ulid draws its
 * randomness byte by byte, which takes 30 µs.
 */
export const nextUlid = monotonicFactory(pooledRandom());
