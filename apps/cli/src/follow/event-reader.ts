import { ReplyTooLarge } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { CliError } from '../failure.ts';

type Entry = [id: string, fields: string[]];

/** An entry can have 22 MB, and Redis keeps a reply in memory until it is sent. */
const ENTRIES_PER_READ = 10;
const BLOCK_MS = 5000;

/**
 * The id of the newest entry, or of the one before it; '0' if there is none. A fixed position: with `$` in
 * each read, Redis skips events between two reads.
 */
export const newestEntry = async (redis: Redis, stream: string, before: boolean): Promise<string> => {
  // One entry at a time, which is as much as one reply may have.
  const last = async (end: string) => (await redis.xrevrange(stream, end, '-', 'COUNT', 1))[0]?.[0];
  const newest = await last('+');
  return (newest !== undefined && before ? await last(`(${newest}`) : newest) ?? '0';
};

/**
 * Reads the entries after a position, or waits for one, and returns none after a while. Once some entries
 * together exceed a reply, it reads one at a time.
 */
export const createEventReader = (
  redis: Redis,
  stream: string,
): ((position: string, most: number) => Promise<Entry[]>) => {
  let atOnce = ENTRIES_PER_READ;
  return async (position, most) => {
    const count = Math.min(most, atOnce);
    try {
      const reply = await redis.xread('COUNT', count, 'BLOCK', BLOCK_MS, 'STREAMS', stream, position);
      return reply?.[0]?.[1] ?? [];
    } catch (error) {
      if (!(error instanceof ReplyTooLarge)) throw error;
      if (count === 1)
        throw new CliError(
          `The stream entry after ${position} is longer than any that Rekey writes. ` +
            'Delete it, or start at a later one with --from.',
          'RESPONSE_TOO_LARGE',
        );
      atOnce = 1;
      return [];
    }
  };
};
