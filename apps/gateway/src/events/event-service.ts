import type { Events, Ledger, Registry } from '@rekey/ledger';
import type { Rights } from '@rekey/access';
import { prepare, type GetRecordsResponse, type GetSnapshotResponse } from '@rekey/rpc';
import { RekeyError } from '@rekey/schema';
import type { z } from 'zod';
import { AccessDenied } from '../pipeline/authorize.ts';
import { defineRpc, defineServerStreamRpc, type RpcTable } from '../pipeline/rpc.ts';
import { LOCAL, type Caller } from '../identity/authenticate.ts';
import { makePageToken, readPageToken } from '../requests/page-token.ts';
import { createFairTurns } from '../shared/fair-turns.ts';
import { shareReads } from '../shared/share-reads.ts';
import { createConsumerRecords } from './consumer-records.ts';
import type { ConsumerViews } from './consumer-views.ts';
import { EntryMessages, singleEntry } from './entry-messages.ts';
import type { EventHub } from './event-hub.ts';
import { seenOf } from './event-ring.ts';
import {
  Acknowledge,
  GetEventsState,
  GetRecords,
  GetSnapshot,
  SnapshotPlace,
  WatchEvents,
  placeText,
} from './event-requests.ts';
import { watchEvents } from './watch-events.ts';

export interface EventServiceDeps {
  events: Events;
  assistants: Ledger['assistants'];
  registry: Registry;
  eventHub: EventHub;
  consumerViews: ConsumerViews;
}

/** Refused ones may follow the last one that counts. */
const LAST_ENTRIES = 10;
const LAST_ENTRIES_AT_ONCE = 2;

/** Who shares the turns of long reads. Without an access file, all callers have one name. */
const partyOf = (consumer: string, { name }: Pick<Caller, 'name'>): string =>
  name === LOCAL.name ? consumer : name;

/** What was skipped between the position of a caller and the end of the stream, if nothing else was. */
const skippedBetween = async (
  { eventHub, consumerViews }: EventServiceDeps,
  consumer: string,
  after: string,
  through: string,
) => {
  const seen = await eventHub.between(after, through);
  const view = await consumerViews.current(consumer);
  const messages = new EntryMessages();
  const isForConsumer = seen?.some((one) => messages.next(view, one) !== undefined) ?? false;
  return isForConsumer ? undefined : messages.rest();
};

const createGetState = (deps: EventServiceDeps) => {
  const { events, consumerViews } = deps;
  const readEnd = shareReads(() => events.end());
  const turns = createFairTurns(LAST_ENTRIES_AT_ONCE);
  return async (
    { consumer, after, withLastEntries }: z.output<typeof GetEventsState>,
    context: { caller: Caller; signal: AbortSignal },
  ) => {
    // Of a caller that follows, the entry may be as old as the last look of this gateway: 2 s.
    const view = await (after === undefined ? consumerViews.load(consumer) : consumerViews.current(consumer));
    const [end, runId] = await Promise.all([
      withLastEntries
        ? turns(partyOf(consumer, context.caller), () => events.last(LAST_ENTRIES), context.signal)
        : readEnd(''),
      events.runId(),
    ]);
    const last = 'entries' in end ? (end.entries as Parameters<typeof seenOf>[0][]) : [];
    return {
      consumerEntry: view.entry ?? '',
      redisTimeUs: end.redisUs,
      redisRunId: runId,
      lastId: end.lastId ?? '',
      lastEntryId: end.lastEntryId,
      skipped: after === undefined ? undefined : await skippedBetween(deps, consumer, after, end.lastEntryId),
      lastEntries: last.map((entry) => singleEntry(view, seenOf(entry))),
    };
  };
};

/** The columns of a method of one consumer. */
const ofConsumer = (registry: Registry) =>
  ({
    orgs: 'loaded',
    load: async ({ consumer }: { consumer: string }) => {
      await registry.look();
      registry.requireTrusted();
      const seen = registry.get(consumer);
      if (seen) return seen.consumer.orgs;
      throw new RekeyError(registry.lost().includes(consumer) ? 'CONSUMER_LOST' : 'CONSUMER_NOT_FOUND');
    },
    notFound: 'CONSUMER_NOT_FOUND',
    consumerOf: ({ consumer }: { consumer: string }) => consumer,
  }) as const;

/**
 * Throws unless the caller may follow a consumer with the orgs that it has now: the rights that its call was
 * authorized by may have been those in fewer.
 */
const requireRightsIn = (registry: Registry, consumer: string, rights: Rights): void => {
  if (rights.allowsEverywhere('events.follow') || rights.allowsAs('events.follow', consumer)) return;
  const orgs = registry.get(consumer)?.consumer.orgs ?? [];
  if (orgs.length === 0 || !orgs.every((orgId) => rights.allows('events.follow', orgId)))
    throw new AccessDenied('CONSUMER_NOT_FOUND', orgs);
};

/** Whoever can send acknowledgements that count for nobody must not fill the stream that all share. */
const requireSigned = async (
  { registry, consumerViews }: EventServiceDeps,
  { consumer, proof }: z.output<typeof Acknowledge>,
): Promise<void> => {
  const known = await consumerViews.current(consumer);
  const { entry, kid } = known.kid === undefined ? await consumerViews.load(consumer) : known;
  if (entry === undefined) throw new RekeyError('CONSUMER_NOT_FOUND');
  const mayBeUnsigned = kid !== undefined && registry.get(consumer)?.consumer.ack_key === undefined;
  if (proof !== undefined || mayBeUnsigned) return;
  const description = 'is missing: this consumer signs its acknowledgements';
  throw new RekeyError('INVALID_ARGUMENT', { fieldViolations: [{ field: 'proof', description }] });
};

export const createEventService = (deps: EventServiceDeps): RpcTable['EventService'] => {
  const { events, eventHub, consumerViews, registry } = deps;
  const records = createConsumerRecords(deps);
  const getState = createGetState(deps);
  const following = { ...ofConsumer(registry), permission: 'events.follow', effect: 'read' } as const;

  return {
    WatchEvents: defineServerStreamRpc({
      ...following,
      request: WatchEvents,
      handler: (request, { signal, rights, caller }) =>
        watchEvents(eventHub, { ...request, party: partyOf(request.consumer, caller) }, signal, () =>
          requireRightsIn(registry, request.consumer, rights()),
        ),
      respond: (response) => response,
    }),

    GetSnapshot: defineRpc({
      ...following,
      request: GetSnapshot,
      handler: async ({ consumer, pageToken }, { caller, signal }) => {
        const of = { snapshot: consumer };
        const place = readPageToken(pageToken, of, SnapshotPlace);
        // Another gateway may have changed it since the last look.
        const view = await consumerViews.load(consumer);
        if (view.entry === undefined) throw new RekeyError('CONSUMER_NOT_FOUND');
        const { next, ...page } = await records.page(view, place, {
          party: partyOf(consumer, caller),
          signal,
        });
        return { ...page, nextPageToken: makePageToken(next && placeText(next), of) };
      },
      respond: (page) => prepare<GetSnapshotResponse>(page),
    }),

    GetRecords: defineRpc({
      ...following,
      request: GetRecords,
      handler: async ({ consumer, assistantIds }, { caller, signal }) => {
        const view = await consumerViews.load(consumer);
        const turn = { party: partyOf(consumer, caller), signal };
        return { records: await records.current(view, assistantIds, turn) };
      },
      respond: (found) => prepare<GetRecordsResponse>(found),
    }),

    GetEventsState: defineRpc({
      ...following,
      request: GetEventsState,
      handler: getState,
      respond: ({ skipped, ...state }) => ({ ...state, ...(skipped && { skipped }) }),
    }),

    Acknowledge: defineRpc({
      ...ofConsumer(registry),
      permission: 'events.acknowledge',
      effect: 'change',
      request: Acknowledge,
      handler: async (request) => {
        await requireSigned(deps, request);
        const { consumer, ack, proof, redisRunId: runId } = request;
        await events.acknowledge(consumer, { ack, proof, runId });
      },
      respond: () => ({}),
    }),
  };
};
