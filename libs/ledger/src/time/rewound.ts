import { isBefore } from '@rekey/schema';
import type { Redis } from 'ioredis';

/** The clock that draws the ids of streams, in whole seconds, whatever this process expects it to say. */
export const readStreamClock = async (redis: Redis): Promise<number> =>
  Number((await redis.time())[0]) * 1000;

interface Reader {
  /** The id up to which the stream was read. */
  position: string;
  /** The id of its newest entry; undefined if it is no stream. */
  readHead(): Promise<string | undefined>;
  /** How much of a stream that has begun anew is read, in ms. */
  ms: number;
}

const msOf = (id: string): number => Number(id.split('-')[0]);

/**
 * Where to read on in a stream that has begun anew since it was read up to an id ahead of the clock, as
 * streams do after the clock of Redis was set back: what is added has lower ids, and nobody would read it.
 * Undefined for every other stream.
 */
export const rewound = async (
  nowMs: number,
  { position, readHead, ms }: Reader,
): Promise<string | undefined> => {
  if (msOf(position) < nowMs + 1000) return undefined;
  const head = await readHead();
  return head !== undefined && isBefore(head, position) ? `${Math.max(nowMs - ms, 0)}-0` : undefined;
};
