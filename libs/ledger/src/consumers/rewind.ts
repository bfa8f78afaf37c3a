import { isBefore } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { beginReading, createStreamReader } from './stream-reader.ts';

interface Position {
  key: string;
  /** Up to where it was read; undefined if it never was. */
  position: string | undefined;
}

const EVERY_MS = 1000;
const msOf = (id: string): number => Number(id.split('-')[0]);

/**
 * Finds streams that were read up to an id that is ahead of the clock, and have begun anew since, as they do
 * after the clock of Redis was set back: what is added to them has lower ids, and nobody would read it. Sets
 * their position back by `ms`. Looks once a second.
 */
export const createRewind = (redis: Redis, prefix: string, ms: number) => {
  const read = createStreamReader(redis, prefix);
  let lookedAt = -Infinity;
  return async (streams: Position[]): Promise<void> => {
    if (performance.now() - lookedAt < EVERY_MS) return;
    lookedAt = performance.now();
    // The clock that draws the ids, whatever this process expects it to say.
    const [seconds] = await redis.time();
    const nowMs = Number(seconds) * 1000;
    for (const stream of streams) {
      if (stream.position === undefined || msOf(stream.position) < nowMs + 1000) continue;
      const end = beginReading('0-0');
      // What is no stream shows itself where it is read.
      const isRead = await read(stream.key, end).then(Boolean, () => false);
      if (isRead && isBefore(end.position, stream.position))
        stream.position = `${Math.max(end.nowMs - ms, 0)}-0`;
    }
  };
};
