import type { Connection } from '../connection.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { archiveCommands } from './commands.generated.ts';

/** A stream that is archived. */
type Feed = 'events' | 'activity';

interface FeedEntry {
  position: string;
  fields: string[];
  /** The length of all fields and values in bytes. */
  bytes: number;
  /** Of an entry whose text was not read, as it is too long. */
  unread?: { why: 'too-long'; sha1: string };
}

interface FeedPage {
  entries: FeedEntry[];
  /** Of the whole stream. */
  length: number;
  nowMs: number;
  /** The page ends before the stream does. */
  more: boolean;
}

interface ReadOptions {
  token: string;
  /** An id, `(` and an id, `-` or `+`. */
  from: string;
  back?: boolean;
  count?: number;
  /** Entries with more bytes are not read. */
  longest?: number;
}

/** What a worker that archives needs of the ledger. `lost`: another worker has the lock. */
export interface ArchiveFeed {
  /** Takes or renews the lock, and notes a report; false if another worker has it. */
  hold(token: string, leaseMs: number, report?: string): Promise<boolean>;
  release(token: string): Promise<void>;
  read(stream: Feed, options: ReadOptions): Promise<FeedPage | 'lost'>;
  /** Removes entries up to `through` beyond the newest `keep`; returns how many. */
  trim(
    stream: Feed,
    options: { token: string; through: string; keep: number },
  ): Promise<number | 'behind' | 'lost'>;
  /** What the worker that archives last reported, the lengths of the streams, and the time of Redis. */
  look(): Promise<{ report: string | undefined; events: number; activity: number; nowMs: number }>;
  /** Trims the stream of activity, archived or not. */
  boundActivity(keep: number): Promise<void>;
}

const PAGE_ENTRIES = 1000;
const PAGE_BYTES = 8 * 1024 * 1024;
/** The longest event has a sealed record of 16 MiB. */
const LONGEST_BYTES = 32 * 1024 * 1024;
const MAX_SLACK = 1000;
const MAX_REPORT_BYTES = 10_000;

const parseEntries = (flat: readonly string[]): FeedEntry[] => {
  const entries: FeedEntry[] = [];
  for (let at = 0; at < flat.length;) {
    const [position, bytes, count] = [flat[at]!, Number(flat[at + 1]), Number(flat[at + 2])];
    const first = at + 3;
    if (count === 0)
      entries.push({ position, bytes, fields: [], unread: { why: 'too-long', sha1: flat[first]! } });
    else entries.push({ position, bytes, fields: flat.slice(first, first + count) });
    at = first + Math.max(count, 1);
  }
  return entries;
};

export const openArchiveFeed = ({ redis, keys, run }: Connection): ArchiveFeed => {
  const commands = archiveCommands(run);
  const lengthOf = (key: string) => redis.xlen(key).catch(() => 0);
  return {
    hold: async (token, leaseMs, report) => {
      const { kind } = await commands.archiveHold({
        lock: keys.archiving,
        report: keys.archive,
        token,
        leaseMs,
        text: report,
      });
      return kind === 'held';
    },

    release: async (token) => {
      if ((await redis.get(keys.archiving)) === token) await redis.del(keys.archiving);
    },

    read: async (stream, { token, from, back = false, count = PAGE_ENTRIES, longest = LONGEST_BYTES }) => {
      const reply = await commands.archiveRead({
        stream: keys[stream],
        token,
        from,
        back,
        count,
        chars: PAGE_BYTES,
        longest,
      });
      if (reply.kind === 'lost') return 'lost';
      const { length, nowMs, more } = reply;
      return { entries: parseEntries(reply.entries), length, nowMs, more };
    },

    trim: async (stream, { token, through, keep }) => {
      // The last archived entry stays too: the next one is compared with it.
      const slack = Math.min(Math.floor(keep / 2), MAX_SLACK);
      const reply = await commands.archiveTrim({
        stream: keys[stream],
        token,
        through,
        keep,
        slack,
        chars: PAGE_BYTES,
      });
      return reply.kind === 'trimmed' ? reply.removed : reply.kind;
    },

    look: async () => {
      const [report, events, activity, nowMs] = await Promise.all([
        // Another client can have written what is no report.
        redis.getrange(keys.archive, 0, MAX_REPORT_BYTES).catch(() => ''),
        lengthOf(keys.events),
        lengthOf(keys.activity),
        redisNowMs(redis),
      ]);
      return { report: report === '' ? undefined : report, events, activity, nowMs };
    },

    boundActivity: async (keep) => {
      await redis.xtrim(keys.activity, 'MAXLEN', '~', keep);
    },
  };
};
