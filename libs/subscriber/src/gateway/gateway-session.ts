import { setImmediate } from 'node:timers/promises';
import {
  RekeyClientError,
  type EventEntry,
  type EventsState,
  type RekeyClient,
  type SnapshotPage,
} from '@rekey/client';
import { isBefore } from '@rekey/schema';
import {
  NOWHERE,
  inPages,
  type Place,
  type ReadItems,
  type RedisTime,
  type Session,
  type StreamFacts,
} from '../source/source.ts';
import { createEndProbes } from './end-probes.ts';
import { createFault, type Fault } from './fault.ts';
import { patiently } from './patiently.ts';
import { itemsOfEntry, pageOf } from './stored-texts.ts';
import { createWatchedItems, type WatchedItems } from './watched-items.ts';

interface SessionDeps {
  connect(): RekeyClient;
  consumer: string;
  staleAfterMs: number;
}

/** Records are long, and links may be slow. */
const RECORDS_WITHIN_MS = 30_000;
/** What the end of the stream promises arrives within this time, or the session ends. */
const ARRIVES_WITHIN_MS = 5000;
/** What the gateway refuses for now is asked again for this time. */
const ANSWERS_WITHIN_MS = 5000;
const ASK_AGAIN_AFTER_MS = 250;
const LONGEST_PROBE_INTERVAL_MS = 1000;

const factsOf = ({ lastId, lastEntryId }: EventsState): StreamFacts => ({
  lastId: lastId === '' ? NOWHERE.id : lastId,
  lastEntryId,
});
const timeOf = ({ redisTimeUs }: EventsState): RedisTime => {
  const us = Number(redisTimeUs);
  return [Math.floor(us / 1_000_000), us % 1_000_000];
};
/** The same text as in Redis. */
const entryOf = ({ consumerEntry }: EventsState): string | null => consumerEntry || null;

const codeOf = (error: unknown): string | undefined =>
  error instanceof RekeyClientError ? error.code : undefined;

type Ask = (more?: { after?: string; withLastEntries?: boolean }) => Promise<EventsState>;

/** Follows the stream: by one watch, and by questions about its end. */
const createFollowing = (
  ask: Ask,
  watchFrom: (place: Place) => WatchedItems,
  probeEveryMs: number,
): Pick<Session, 'read'> => {
  const probes = createEndProbes();
  let watched: WatchedItems | undefined;
  /** The id up to which the follower has taken everything. */
  let readTo: string | undefined;
  let probedMs = -Infinity;
  let probing: Promise<unknown> | undefined;
  /** Word of entries that were skipped after an id. */
  let skipped: { after: string; entry: EventEntry } | undefined;

  /** Continues the watch; begins another one if the follower has gone elsewhere, as for a snapshot. */
  const follow = (place: Place): WatchedItems => {
    if (!watched || readTo !== place.id) {
      watched?.stop();
      watched = watchFrom(place);
    }
    watched.follow(place);
    readTo = place.id;
    return watched;
  };
  const probe = async (after: string): Promise<EventsState> => {
    const sentMs = performance.now();
    probedMs = sentMs;
    const state = await ask({ after });
    probes.answered(sentMs, state);
    if (state.skipped) skipped = { after, entry: state.skipped };
    return state;
  };
  const take = (items: WatchedItems, { id }: Place): Omit<ReadItems, 'hasMore'> => {
    const word = skipped?.after === id ? skipped.entry : undefined;
    skipped = undefined;
    const taken = items.size > 0 || !word ? items.take() : items.skip(word);
    readTo = taken.at(-1)?.id ?? id;
    return { items: taken, provenAtMs: probes.provenAt(readTo) };
  };
  /** Reads up to the end of the stream as of now. */
  const readNow = async (items: WatchedItems, place: Place): Promise<ReadItems> => {
    const beganMs = performance.now();
    for (;;) {
      const { lastEntryId } = await probe(place.id);
      const taken = take(items, place);
      if (taken.items.length > 0 || !isBefore(place.id, lastEntryId))
        return { ...taken, hasMore: isBefore(readTo!, lastEntryId) };
      if (performance.now() - Math.max(beganMs, items.arrivedMs) > ARRIVES_WITHIN_MS) throw silent();
      await items.arrival(ASK_AGAIN_AFTER_MS);
    }
  };

  return {
    read: async (place, waitMs) => {
      const items = follow(place);
      if (waitMs === undefined) return readNow(items, place);
      // A watch that is far behind may be silent about the last entry, and not about those before.
      const silentMs = performance.now() - Math.max(probes.oldestMs(), items.arrivedMs);
      if (items.size === 0 && silentMs > ARRIVES_WITHIN_MS) throw silent();
      if (!probing && performance.now() - probedMs >= probeEveryMs) {
        probing = probe(place.id).finally(() => (probing = undefined));
        // While entries are applied, nothing waits for the answer. A later question fails as this one does.
        probing.catch(() => {});
      }
      if (items.size === 0) await Promise.race([items.arrival(waitMs), ...(probing ? [probing] : [])]);
      return { ...take(items, place), hasMore: items.size > 0 };
    },
  };
};

const silent = (): Error =>
  new Error(`the gateway has not sent within ${ARRIVES_WITHIN_MS} ms what was published`);

/** A question leaves at the second turn of the event loop. Whoever applies a page lets no turn pass. */
const leaves = async (): Promise<void> => {
  await setImmediate();
  await setImmediate();
};

/** What is stored, page by page: the next page is on its way while one is applied. */
const storing = (
  client: RekeyClient,
  consumer: string,
  signal: AbortSignal,
): Pick<Session, 'current' | 'snapshot'> => {
  const options = { deadlineMs: RECORDS_WITHIN_MS };
  const patience = { withinMs: RECORDS_WITHIN_MS, signal };
  const pageAt = (pageToken: string) => {
    const page = patiently(() => client.eventsSnapshot({ consumer, pageToken }, options), patience);
    page.catch(() => {});
    return page;
  };
  return {
    current: async (assistantIds) => {
      const records = [];
      while (records.length < assistantIds.length) {
        const rest = assistantIds.slice(records.length);
        const read = () => client.eventRecords({ consumer, assistantIds: rest }, options);
        const found = await patiently(read, patience);
        if (found.length === 0 || found.some((one, i) => one.assistantId !== rest[i]))
          throw new Error('the gateway returned other records than the requested ones');
        records.push(...pageOf(found));
      }
      return records;
    },
    snapshot: async function* () {
      let next: Promise<SnapshotPage> | undefined = pageAt('');
      while (next) {
        const page: SnapshotPage = await next;
        const { records, uncertain, nextPageToken } = page;
        if (nextPageToken === '') next = undefined;
        else {
          next = pageAt(nextPageToken);
          await leaves();
        }
        // Between parts the event loop takes a turn, in which the next page arrives.
        for (const part of inPages(records)) yield { records: pageOf(part), uncertain: [] };
        if (uncertain.length > 0) yield { records: [], uncertain: pageOf(uncertain) };
      }
    },
  };
};

/** Limits of the gateway: callers that send less often are accepted. */
const LIMITS: ReadonlySet<string | undefined> = new Set(['QUOTA_EXCEEDED', 'TOO_MANY_CALLS']);

/** An acknowledgement that would reach another Redis ends the session, as an answer from it does. */
const acknowledging =
  (client: RekeyClient, consumer: string, fault: Fault, runId: () => string): Session['acknowledge'] =>
  async (ack, proof) => {
    const request = { consumer, ack, redisRunId: runId(), ...(proof !== undefined && { proof }) };
    try {
      await fault.guard(client.acknowledgeEvents(request));
      return 'added';
    } catch (error) {
      if (LIMITS.has(codeOf(error))) return 'later';
      if (codeOf(error) === 'REDIS_REPLACED') fault.end(error as Error);
      throw error;
    }
  };

export const openGatewaySession = async (
  { connect, consumer, staleAfterMs }: SessionDeps,
  signal: AbortSignal,
  onClose: () => void,
): Promise<Session> => {
  const client = connect();
  const fault = createFault(() => {
    signal.removeEventListener('abort', onAbort);
    client.close();
    onClose();
  });
  const onAbort = (): void => fault.end();
  signal.addEventListener('abort', onAbort);
  const patience = { withinMs: ANSWERS_WITHIN_MS, signal: fault.signal };
  let runId = '';
  /** A gateway stays connected to its callers while it finds another Redis. A session is of one. */
  const ask: Ask = async (more = {}) => {
    const state = await fault.guard(patiently(() => client.eventsState({ consumer, ...more }), patience));
    const found = state.redisRunId || runId;
    if (runId !== '' && found !== runId) {
      const why = new Error('the gateway answers from another Redis than before');
      fault.end(why);
      throw why;
    }
    runId = found;
    return state;
  };
  const watchFrom = (place: Place): WatchedItems =>
    createWatchedItems(
      place,
      (stopping) => client.watchEvents({ consumer, after: place.id }, { signal: stopping }),
      fault.end,
    );
  const following = createFollowing(ask, watchFrom, Math.min(LONGEST_PROBE_INTERVAL_MS, staleAfterMs / 3));
  const stored = storing(client, consumer, fault.signal);
  const entry = async (): Promise<string | null> => {
    try {
      return entryOf(await ask());
    } catch (error) {
      if (codeOf(error) === 'CONSUMER_NOT_FOUND') return null;
      throw error;
    }
  };
  try {
    await ask();
  } catch (error) {
    fault.end();
    throw error;
  }
  return {
    recognise: async () => {
      const state = await ask();
      return { time: timeOf(state), runId: state.redisRunId || undefined, facts: factsOf(state) };
    },
    watch: async () => {
      const state = await ask();
      return { time: timeOf(state), entry: entryOf(state), facts: factsOf(state) };
    },
    entry,
    time: async () => timeOf(await ask()),
    facts: async () => factsOf(await ask()),
    last: async () => {
      const state = await ask({ withLastEntries: true });
      return { items: state.lastEntries.flatMap(itemsOfEntry), facts: factsOf(state) };
    },
    read: (place, waitMs) => fault.guard(following.read(place, waitMs)),
    current: (assistantIds) => fault.guard(stored.current(assistantIds)),
    snapshot: stored.snapshot,
    acknowledge: acknowledging(client, consumer, fault, () => runId),
    end: fault.end,
  };
};
