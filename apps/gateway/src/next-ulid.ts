import { pooledRandom } from '@rekey/runtime';
import { monotonicFactory } from 'ulid';

/** ULIDs of one process rise also within a millisecond. Left alone, ulid draws its randomness byte by byte, which costs 30 µs. */
export const nextUlid = monotonicFactory(pooledRandom());
