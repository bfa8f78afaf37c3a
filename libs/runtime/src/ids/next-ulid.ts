import { monotonicFactory } from 'ulid';
import { pooledRandom } from './pooled-random.ts';

/**
 * ULIDs of one process rise also within a millisecond. Left alone, ulid draws its randomness byte by byte,
 * which costs 30 µs.
 */
export const nextUlid = monotonicFactory(pooledRandom());
