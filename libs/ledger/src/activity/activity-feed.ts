import { setTimeout as sleep } from 'node:timers/promises';
import { RekeyError, ReplyTooLarge, isBefore } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { connectLedger } from '../connection.ts';
import { readStreamClock, rewound } from '../time/rewound.ts';
import type { ActivityEntry, SeenEntry } from './activity-entry.ts';
import { createActivityReader, type ReadActivityRange } from './activity-reader.ts';
import { ActivityTail } from './activity-tail.ts';
import { LongEntries } from './long-entries.ts';

interface ActivityBatch {
  entries: ActivityEntry[];
  /** How many entries were passed over because they are no records. */
  unreadable: number;
  /** Everything up to this position has been looked at. */
  position: string;
}

/** Follows the stream of activity for any number of watchers. */
export interface ActivityFeed {
  /**
   * Yields what is added after a position, or from now on: first a batch without entries. Reads at the pace
   * of its caller. Ends when the signal aborts; throws SHUTTING_DOWN when the feed is closed.
   */
  follow(options: { after?: string | undefined; signal: AbortSignal }): AsyncGenerator<ActivityBatch>;
  close(): Promise<void>;
}

interface ActivityFeedOptions {
  /** For the pages of watchers that are behind. */
  redis: Redis;
  prefix: string;
  /**
   * Opens a connection of its own, which blocks until records arrive, and while Redis is away. Called for the
   * first watcher.
   */
  connect: () => Redis;
  onError: (error: unknown) => void;
}

const BLOCK_MS = 1000;
const PAUSE_AFTER_ERROR_MS = 500;
/** What arrives meanwhile is read together. */
const PAUSE_MS = 20;
const LOOK_AT_CLOCK_EVERY_MS = 1000;
/** Watchers are shown this much of a stream that has begun anew. */
const REWIND_MS = 60_000;
const BEGINNING = '0-0';

const toBatch = (seen: readonly SeenEntry[], position: string): ActivityBatch => {
  const entries = seen.filter((entry) => entry.record !== undefined);
  return { entries, unreadable: seen.length - entries.length, position };
};

/** Resolves for everybody who waits at the same time. */
class Signal {
  private waiting = Promise.withResolvers<void>();

  emit(): void {
    this.waiting.resolve();
    this.waiting = Promise.withResolvers<void>();
  }

  /** Resolves also when the signal aborts. */
  async next(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const gone = Promise.withResolvers<void>();
    const onAbort = (): void => gone.resolve();
    signal.addEventListener('abort', onAbort);
    await Promise.race([this.waiting.promise, gone.promise]);
    signal.removeEventListener('abort', onAbort);
  }
}

/** The id of the newest entry. */
const readHead = async (read: ReadActivityRange): Promise<string> => {
  const { entries } = await read({ from: '+', to: '-', newestFirst: true, count: 1 });
  return entries[0]?.position ?? BEGINNING;
};

/** Waits until there is an entry after a position, which is received here; false if none came. */
const waitForNews = async (redis: Redis, stream: string, after: string): Promise<boolean> => {
  try {
    return (await redis.xread('COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', stream, after)) !== null;
  } catch (error) {
    // It is read with a limit, and passed over.
    if (error instanceof ReplyTooLarge) return true;
    throw error;
  }
};

/** Keeps the newest entries in memory, over one connection, from the first watcher on. */
const createTailing = (
  { prefix, connect, onError }: Omit<ActivityFeedOptions, 'redis'>,
  long: LongEntries,
) => {
  const closing = new AbortController();
  const news = new Signal();
  let blocking: Redis | undefined;
  let running: Promise<void> | undefined;
  /** Another one when the stream has begun anew. */
  let tail: ActivityTail | undefined;

  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: closing.signal }).catch(() => {});

  const run = async (redis: Redis): Promise<void> => {
    const { keys, ...connection } = connectLedger(redis, prefix);
    const read = createActivityReader(connection, long);
    let lookedAt = performance.now();
    const look = async (): Promise<void> => {
      if (tail === undefined) {
        tail = new ActivityTail(await readHead(read));
        return news.emit();
      }
      if (performance.now() - lookedAt > LOOK_AT_CLOCK_EVERY_MS) {
        lookedAt = performance.now();
        const start = await rewound(await readStreamClock(redis), {
          position: tail.head,
          readHead: () => readHead(read),
          ms: REWIND_MS,
        });
        if (start !== undefined) tail = new ActivityTail(start);
      }
      if (!(await waitForNews(redis, keys.activity, tail.head))) return;
      const { entries } = await read({ from: `(${tail.head}`, to: '+', newestFirst: false });
      tail.add(entries);
      news.emit();
      await pause(PAUSE_MS);
    };
    while (!closing.signal.aborted)
      await look().catch(async (error: unknown) => {
        if (closing.signal.aborted) return;
        onError(error);
        await pause(PAUSE_AFTER_ERROR_MS);
      });
  };

  return {
    closing: closing.signal,
    news,
    tail: () => tail,
    start: (): void => {
      blocking ??= connect();
      running ??= run(blocking);
    },
    close: async (): Promise<void> => {
      if (!closing.signal.aborted) blocking?.disconnect();
      closing.abort();
      await running;
    },
  };
};

/** The entries after a position: of the tail, or of Redis for a watcher that is behind it. */
const readAfter = async (
  tail: ActivityTail,
  position: string,
  read: ReadActivityRange,
): Promise<ActivityBatch> => {
  const { start } = tail;
  if (!isBefore(position, start)) {
    const seen = tail.after(position);
    return toBatch(seen, seen.at(-1)?.position ?? position);
  }
  const { entries } = await read({ from: `(${position}`, to: '+', newestFirst: false });
  // None are left before the tail: they were deleted.
  return toBatch(entries, entries.at(-1)?.position ?? start);
};

export const createActivityFeed = ({ redis, ...options }: ActivityFeedOptions): ActivityFeed => {
  const long = new LongEntries();
  const read = createActivityReader(connectLedger(redis, options.prefix), long);
  const { start, tail, news, closing, close } = createTailing(options, long);
  const beginAt = async (own: ActivityTail, after: string | undefined): Promise<string> => {
    if (after === undefined) return own.head;
    // What others have seen already, the tail may read in a moment. A position that is ahead of the stream
    // itself is of one that is gone.
    const isGone = isBefore(own.head, after) && isBefore(await readHead(read), after);
    return isGone ? own.head : after;
  };
  return {
    follow: async function* ({ after, signal: left }) {
      const signal = AbortSignal.any([left, closing]);
      if (!signal.aborted) start();
      while (tail() === undefined && !signal.aborted) await news.next(signal);
      let own = tail();
      if (own !== undefined && !signal.aborted) {
        let position = await beginAt(own, after);
        yield { entries: [], unreadable: 0, position };
        while (!signal.aborted) {
          const current: ActivityTail = tail()!;
          if (own !== current) position = current.start;
          own = current;
          const batch = await readAfter(own, position, read);
          if (batch.position !== position) {
            position = batch.position;
            yield batch;
          } else if (own === tail() && !isBefore(position, own.head)) await news.next(signal);
        }
      }
      if (!left.aborted) throw new RekeyError('SHUTTING_DOWN');
    },
    close,
  };
};
