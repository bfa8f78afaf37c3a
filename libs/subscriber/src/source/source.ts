import type { SubscribeError } from '../subscribe-error.ts';

/** The reply to TIME of Redis: seconds and microseconds. */
export type RedisTime = readonly [string | number, string | number];

/** Where the stream ends. An id is 0-0 if there is none. */
export interface StreamFacts {
  /** The last id that the stream has given. */
  lastId: string;
  /** That of its last entry. */
  lastEntryId: string;
}

/**
 * A place in the stream. `seq` and `run` belong to the last entry up to there that counts. If they are
 * unknown, the next entry is not compared with them.
 */
export interface Place {
  id: string;
  seq: number | undefined;
  run: number | undefined;
}
export const NOWHERE: Place = { id: '0-0', seq: 0, run: undefined };

/** Entries that are not for this consumer: their numbers rise by one, in one run. */
export interface SkippedNumbers {
  first: number;
  last: number;
  run: number | undefined;
}

export type StreamItem = {
  id: string;
  /** What precedes it begins here, and not where the stream was last read to. */
  from?: Place | undefined;
} & (
  | { kind: 'entry'; text: string | null }
  /** Entries up to this id that are not for this consumer. Those whose numbers do not count are left out. */
  | { kind: 'skipped'; numbers: readonly SkippedNumbers[] }
);

export interface ReadItems {
  items: StreamItem[];
  /** There may be more. */
  hasMore: boolean;
  /**
   * Everything that was published until this time (`performance.now()`) is among the items, or before them.
   * Undefined if nothing later is known.
   */
  provenAtMs: number | undefined;
}

/**
 * Stands for a stored text that is longer than any that Rekey writes; of no assistant: for a list of them.
 */
export const TOO_LONG = Symbol('too long');
export type Stored = string | typeof TOO_LONG;

/** Some assistants, and what is stored for each. */
export type Page = { assistantId: string; text: Stored | null }[];

/** The next entry of the stream is longer than any that Rekey writes. It is not read again and again. */
export class EntryTooLong extends Error {}

/** What became of an acknowledgement. `later`: it was refused for now. */
export type Sent = 'added' | 'later';

/**
 * A connection to one Redis, directly or by a gateway. It is never repaired: after a fault, the follower
 * opens another one. All methods reject with the fault that has ended it.
 */
export interface Session {
  /** What identifies the Redis. Rejects with SubscribeError if it cannot be used. */
  recognise(): Promise<{ time: RedisTime; runId: string | undefined; facts: StreamFacts | undefined }>;
  /** What may change without an event. What could not be read is undefined; a missing entry is null. */
  watch(): Promise<{
    time: RedisTime | undefined;
    entry: string | null | undefined;
    facts: StreamFacts | undefined;
  }>;
  /** The consumer's entry. */
  entry(): Promise<string | null>;
  time(): Promise<RedisTime>;
  facts(): Promise<StreamFacts | undefined>;
  /** The last entries, newest first. */
  last(): Promise<{ items: StreamItem[]; facts: StreamFacts | undefined }>;
  /**
   * The next items after a place. With `waitMs`, waits for them for that time. Rejects with EntryTooLong if
   * what is next can never be read.
   */
  read(after: Place, waitMs?: number): Promise<ReadItems>;
  /** The current records of at least the first of these assistants, in this order. See `currentOf`. */
  current(assistantIds: readonly string[]): Promise<Page>;
  /** The current records of all assistants of these orgs, then the events of those that are uncertain now. */
  snapshot(orgs: readonly string[]): AsyncGenerator<{ records: Page; uncertain: Page }>;
  acknowledge(ack: string, proof: string | undefined): Promise<Sent>;
  /** Ends the session. All pending answers reject. Safe to call twice. */
  end(why?: Error): void;
}

/** Where the events come from: Redis, or a gateway. */
export interface Source {
  /** `onClose` is called when the session has ended. */
  open(signal: AbortSignal, onClose: () => void): Promise<Session>;
  /** The error of a fault that no retry can mend; undefined if one can. */
  refusalOf(fault: unknown): SubscribeError | undefined;
  /** Why the first snapshot was not taken in time. */
  away(withinMs: number, fault: unknown): SubscribeError;
}

const PAGE_SIZE = 50;
/** Lists of ids, as long as one page of a Session. */
export function* inPages<T>(list: readonly T[]): Generator<T[]> {
  for (let at = 0; at < list.length; at += PAGE_SIZE) yield list.slice(at, at + PAGE_SIZE);
}

/**
 * Empties a reply that has been processed. The replies of consecutive reads in ioredis 6 stay reachable, each
 * from the one before, until the old generation is collected. With all their texts, collections of the young
 * generation take 60 ms instead of 2 (Node 24).
 */
export const empty = (reply: unknown[]): void => {
  reply.length = 0;
};

/** The current records of assistants, in this order. */
export async function* currentOf(
  from: Pick<Session, 'current'>,
  assistantIds: readonly string[],
): AsyncGenerator<Page[number]> {
  for (let left = assistantIds; left.length > 0;) {
    const page = await from.current(left);
    left = left.slice(page.length);
    yield* page;
  }
}
