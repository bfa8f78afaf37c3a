import { activityFields, type ActivityRecord } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import type { ActivityEntry } from './activity-entry.ts';
import { createActivityReader } from './activity-reader.ts';

interface ActivityList {
  /** How many records a page has, at most. */
  size: number;
  /** The position at which the page before ended. */
  after?: string;
  newestFirst: boolean;
  /** From this time, and before that one, in ms since 1970 by the clock of Redis. */
  fromMs?: number;
  beforeMs?: number;
  /** Others are left out. */
  matches(entry: ActivityEntry): boolean;
  /** Nothing more is read after it aborts: the page is short. */
  signal?: AbortSignal;
}

interface ActivityPage {
  entries: ActivityEntry[];
  /** How many entries were passed over because they are no records: another client has written them. */
  unreadable: number;
  /** Where the next page begins; undefined at the end of the list. */
  next?: string;
}

/** The stream of activity. Other clients of Redis may have written to it: it is shown, and not believed. */
export interface Activity {
  /**
   * A page of the records that match. It looks at a bounded number of entries, so that it may have few
   * records, or none, although more follow.
   */
  list(options: ActivityList): Promise<ActivityPage>;
  /** Adds a record of what changed nothing. A change adds its record itself, in the same command. */
  append(record: ActivityRecord): Promise<void>;
}

/** One page looks at no more entries: a few dozen ms of reading, in calls of a millisecond. */
const ENTRIES_A_PAGE = 2000;
/** Below the 4 MiB that gRPC clients accept by default, even with one more of the longest records. */
const PAGE_BYTES = 1024 * 1024;

const bytesOf = ({ record, others }: ActivityEntry): number =>
  Buffer.byteLength(JSON.stringify(record)) + Buffer.byteLength(JSON.stringify(others));

const rangeOf = ({ after, newestFirst, fromMs, beforeMs }: ActivityList): { from: string; to: string } => {
  const oldest = fromMs === undefined ? '-' : `${fromMs}-0`;
  const newest = beforeMs === undefined ? '+' : `(${beforeMs}-0`;
  const begin = after === undefined ? undefined : `(${after}`;
  return newestFirst ? { from: begin ?? newest, to: oldest } : { from: begin ?? oldest, to: newest };
};

export const openActivity = (connection: Connection): Activity => {
  const read = createActivityReader(connection);
  const { redis, keys } = connection;
  return {
    append: async (record) => {
      const texts = activityFields.flatMap((name) => {
        const value = record[name];
        return value === undefined ? [] : [name, String(value)];
      });
      await redis.xadd(keys.activity, '*', ...texts);
    },
    list: async (options) => {
      const { size, newestFirst, matches, signal } = options;
      const { to, ...begin } = rangeOf(options);
      let { from } = begin;
      const page: ActivityPage = { entries: [], unreadable: 0 };
      let bytes = 0;
      let looked = 0;
      const isGone = (): boolean => signal?.aborted === true;
      while (looked < ENTRIES_A_PAGE && !isGone()) {
        const { entries, ended } = await read({ from, to, newestFirst });
        for (const entry of entries) {
          looked += 1;
          page.next = entry.position;
          if (entry.record === undefined) page.unreadable += 1;
          else if (matches(entry)) {
            page.entries.push(entry);
            bytes += bytesOf(entry);
          }
          if (page.entries.length >= size || bytes >= PAGE_BYTES) return page;
        }
        if (ended) {
          delete page.next;
          return page;
        }
        from = `(${page.next!}`;
      }
      return page;
    },
  };
};
