import type { Redis } from 'ioredis';
import { readStreamClock, rewound } from '../time/rewound.ts';
import { beginReading, createStreamReader } from './stream-reader.ts';

interface Position {
  key: string;
  /** Up to where it was read; undefined if it never was. */
  position: string | undefined;
}

const EVERY_MS = 1000;
/** Finds streams that have begun anew, and sets their position back by `ms`. Looks once a second. */
export const createRewind = (redis: Redis, prefix: string, ms: number) => {
  const read = createStreamReader(redis, prefix);
  let lookedAt = -Infinity;
  return async (streams: Position[]): Promise<void> => {
    if (performance.now() - lookedAt < EVERY_MS) return;
    lookedAt = performance.now();
    const nowMs = await readStreamClock(redis);
    for (const stream of streams) {
      const { key, position } = stream;
      if (position === undefined) continue;
      const readHead = async (): Promise<string | undefined> => {
        const end = beginReading('0-0');
        // What is no stream shows itself where it is read.
        const isRead = await read(key, end).then(Boolean, () => false);
        return isRead ? end.position : undefined;
      };
      stream.position = (await rewound(nowMs, { position, readHead, ms })) ?? position;
    }
  };
};
