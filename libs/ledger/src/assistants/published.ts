import { ReplyTooLarge } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { isWrongType } from '../scripts/run.ts';

/** What the ledger knows of the key of an assistant. Times are Redis time, in ms since 1970. */
export interface KeyFacts {
  /** A fingerprint, `no-key` or `deleted`; undefined if nothing was ever published. */
  state?: string;
  /** When it was last known to be in force. */
  verifiedMs?: number;
  /** The earliest time at which it can have been made; undefined if that is unknown. */
  rotatedMs?: number;
  /** Since when it is known. */
  knownMs?: number;
  /** The org id that it was last published under. `c` may stand for any of them. */
  orgId?: string;
  /** The entry has a wrong type: nothing is known. */
  corrupt?: true;
}

interface EventsPage {
  events: { assistantId: string; event: string | null }[];
  next?: string;
  /** The index of the page, or what it lists, is not what Rekey writes: the page is empty. */
  damaged?: true;
}

/** Read as they are taken: all of a page together may be longer than what a process can hold. */
interface RecordsPage {
  events: AsyncIterable<{ assistantId: string; event: string | null }>;
  /** How many they are. */
  count: number;
  next?: string;
  /** The index of the page is not what Rekey writes: the page is empty. */
  damaged?: true;
}

interface IdsPage {
  /** Some may come twice. */
  ids: string[];
  next?: string;
  /** The index is not what Rekey writes. */
  damaged?: true;
}

/** What is published of assistants. */
export interface Published {
  keyFacts(assistantIds: string[]): Promise<KeyFacts[]>;
  /** A page of the assistants last published under an org that no sweep or check has seen since a moment. */
  notSeenSince(orgId: string, sinceMs: number, page: { offset: number; size: number }): Promise<string[]>;
  /** Their number. */
  countNotSeenSince(orgId: string, sinceMs: number): Promise<number>;
  /** The event of the assistant's current key version, as published, and the one that puts it in doubt. */
  current(assistantId: string): Promise<{ event: string; uncertain?: string } | undefined>;
  /**
   * The same events of several assistants, in their order, without those that put them in doubt; null if
   * there is none, or an entry of another type, or a longer one than any that Rekey writes. Long ones are
   * read as they are taken.
   */
  currents(assistantIds: string[]): AsyncGenerator<string | null>;
  /** A page of the ids of assistants last published under an org, from a cursor on: '0' is the first. */
  publishedIds(orgId: string, cursor: string): Promise<IdsPage>;
  /** The same with their current events. Some may come twice. */
  publishedPage(orgId: string, cursor: string): Promise<RecordsPage>;
  /** The same of all events that put an assistant in doubt. */
  uncertainPage(cursor: string): Promise<EventsPage>;
}

const PAGE = 100;

/** Without an entry that can be read nothing is known; the rotation that claims the assistant finds out. */
const unknownFacts = (error: Error): KeyFacts => {
  if (isWrongType(error)) return { corrupt: true };
  throw error;
};

const createKeyFacts =
  ({ redis, keys }: Connection): Published['keyFacts'] =>
  async (assistantIds) => {
    const fields = ['version', 'fingerprint', 'verified', 'rotated', 'known', 'org'];
    const pipeline = redis.pipeline();
    for (const assistantId of assistantIds) pipeline.hmget(keys.assistant(assistantId), ...fields);
    return ((await pipeline.exec()) ?? []).map(([error, reply]) => {
      if (error) return unknownFacts(error);
      const [version, state, verified, rotated, known, org] = reply as (string | null)[];
      return {
        ...(version && state && { state }),
        ...(verified && { verifiedMs: Number(verified) }),
        ...(rotated && { rotatedMs: Number(rotated) }),
        ...(known && { knownMs: Number(known) }),
        ...(org && { orgId: decodeURIComponent(org) }),
      };
    });
  };

/** An entry that no version of Rekey has written. */
const isForeign = (error: unknown): boolean => isWrongType(error) || error instanceof ReplyTooLarge;

/** Notes a damaged key for the status: one of them stops nothing else. */
const noteForeign =
  ({ redis, keys }: Connection, key: string) =>
  async (error: unknown): Promise<undefined> => {
    if (!isForeign(error)) throw error;
    // If the connection was closed because of it, the status finds out for itself.
    await redis.hset(keys.damaged, key, String((error as Error).message)).catch(() => 0);
    return undefined;
  };

const readCurrent = ({ redis, keys }: Connection, assistantId: string): Promise<string | null> =>
  redis.get(keys.current(assistantId)).catch((error: unknown) => {
    if (isForeign(error)) return null;
    throw error;
  });

/**
 * See `currents`. Each event is a reply of its own: the reply of MGET would have all of them, and a page of
 * long ones exceeds what a connection receives. If they are too long together, or one of them is, the rest of
 * the pipeline has no replies: then those events are read one by one.
 */
async function* readCurrents(connection: Connection, assistantIds: string[]): AsyncGenerator<string | null> {
  const { redis, keys } = connection;
  const pipeline = redis.pipeline();
  for (const assistantId of assistantIds) pipeline.get(keys.current(assistantId));
  const replies = (await pipeline.exec()) ?? [];
  const isCut = replies.some(([error]) => error instanceof ReplyTooLarge);
  for (const assistantId of assistantIds) {
    const [error, event] = replies.shift()!;
    if (error && isCut) yield await readCurrent(connection, assistantId);
    else if (error && !isForeign(error)) throw error;
    else yield error ? null : (event as string | null);
  }
}

async function* withIds(
  assistantIds: readonly string[],
  events: AsyncGenerator<string | null>,
): RecordsPage['events'] {
  const ids = assistantIds.values();
  for await (const event of events) yield { assistantId: ids.next().value!, event };
}

export const createPublished = (connection: Connection): Published => {
  const { redis, keys } = connection;
  const pageOf = (next: string, ids: string[], events: (string | null | undefined)[]): EventsPage => ({
    events: ids.map((assistantId, i) => ({ assistantId, event: events[i] ?? null })),
    ...(next !== '0' && { next }),
  });

  const publishedIds: Published['publishedIds'] = async (orgId, cursor) => {
    const index = keys.assistants(orgId);
    const scanned = await redis.zscan(index, cursor, 'COUNT', PAGE).catch(noteForeign(connection, index));
    if (!scanned) return { ids: [], damaged: true };
    const [next, members] = scanned;
    return { ids: members.filter((_, i) => i % 2 === 0), ...(next !== '0' && { next }) };
  };

  return {
    keyFacts: createKeyFacts(connection),

    notSeenSince: (orgId, sinceMs, { offset, size }) =>
      redis.zrangebyscore(keys.assistants(orgId), '-inf', `(${Math.floor(sinceMs)}`, 'LIMIT', offset, size),

    countNotSeenSince: (orgId, sinceMs) =>
      redis.zcount(keys.assistants(orgId), '-inf', `(${Math.floor(sinceMs)}`),

    current: async (assistantId) => {
      const [event, uncertain] = await Promise.all([
        redis.get(keys.current(assistantId)),
        redis.hget(keys.uncertain, assistantId),
      ]);
      return event === null ? undefined : { event, ...(uncertain !== null && { uncertain }) };
    },

    currents: (assistantIds) => readCurrents(connection, assistantIds),

    publishedIds,

    publishedPage: async (orgId, cursor) => {
      const { ids, next, damaged } = await publishedIds(orgId, cursor);
      const events = withIds(ids, readCurrents(connection, ids));
      return { events, count: ids.length, ...(next && { next }), ...(damaged && { damaged }) };
    },

    uncertainPage: async (cursor) => {
      const scanned = await redis
        .hscan(keys.uncertain, cursor, 'COUNT', PAGE)
        .catch(noteForeign(connection, keys.uncertain));
      if (!scanned) return { events: [], damaged: true };
      const [next, fields] = scanned;
      const isName = (_: string, i: number) => i % 2 === 0;
      return pageOf(
        next,
        fields.filter(isName),
        fields.filter((_, i) => i % 2 === 1),
      );
    },
  };
};
