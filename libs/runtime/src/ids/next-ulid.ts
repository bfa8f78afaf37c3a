import { decodeTime, isValid, monotonicFactory } from 'ulid';
import { pooledRandom } from './pooled-random.ts';

/**
 * Makes ULIDs that increase within this process, even within a millisecond. By default, ulid draws its
 * randomness byte by byte, which takes 30 µs.
 */
export const nextUlid = monotonicFactory(pooledRandom());

/**
 * The clocks of Redis and of the process that made an id may differ by this: a wrong time zone is no reason
 * to disbelieve an entry.
 */
const CLOCKS_DIFFER_MS = 86_400_000;

/**
 * Whether an entry of the event stream is older than the id (a prefix and a ULID) of the rotation or the bulk
 * rotation that is said to have published it: another client of Redis has changed the record, or it is none.
 */
export const isEntryOlderThan = (id: string, entry: string): boolean => {
  const ulid = id.slice(id.indexOf('_') + 1);
  const madeMs = isValid(ulid) && ulid < '8' ? decodeTime(ulid) : 0;
  return !(Number(entry.split('-')[0]) >= madeMs - CLOCKS_DIFFER_MS);
};
