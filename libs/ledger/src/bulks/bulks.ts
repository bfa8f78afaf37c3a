import { createHash } from 'node:crypto';
import {
  LOCAL_ACTOR,
  ORG_ALIAS,
  RekeyError,
  isBulkEnded,
  readItemLetter,
  type Actor,
  type BulkItem,
  type BulkItemState,
  type BulkRotation,
  type BulkSpec,
  type BulkState,
} from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { readKeyHistory } from '../listing/key-history.ts';
import { newestBelow } from '../newest-below.ts';
import { asCorrupt, unlessWrongType } from '../scripts/run.ts';
import { createDraft, type BulkDraft } from './bulk-draft.ts';
import { bulkFields, parseBulk } from './bulk-hash.ts';
import { IDS_A_CHUNK, unpackIds } from './bulk-ids.ts';
import { bulksCommands } from './commands.generated.ts';

/** Bulk rotations as callers create and read them. Every method is one atomic command, or reads. */
export interface Bulks {
  /** Takes the ids of a new bulk rotation. A draft expires within an hour, unless it is created. */
  draft(id: string): BulkDraft;
  /**
   * Creates a bulk rotation from a draft, and starts it. The same request id with the same arguments returns
   * the first one (`created` false), and the draft is deleted. Throws REQUEST_ID_REUSED; REQUEST_ID_SPENT if
   * the first one is no longer kept; DRAFT_LOST if a part of the draft is gone. `requestedBy`: whoever
   * requested the policy that it is a part of.
   */
  create(
    id: string,
    spec: BulkSpec,
    draft: BulkDraft,
    actor?: Actor,
    requestedBy?: string,
  ): Promise<{ bulk: BulkRotation; created: boolean }>;
  /** Throws BULK_NOT_FOUND. */
  get(id: string): Promise<BulkRotation>;
  /**
   * Newest first. `after` is the id of the last one seen; `next` is set if there may be more. With `sees`,
   * those of other orgs are left out.
   */
  list(
    filter: { orgId?: string; state?: BulkState },
    page: { size: number; after?: string; sees?: ((orgId: string) => boolean) | undefined },
  ): Promise<{ bulks: BulkRotation[]; next?: string }>;
  /** In the order in which ids were given, from an index on; `next` is where the next page begins. */
  items(
    id: string,
    filter: { state?: BulkItemState },
    page: { size: number; from: number },
  ): Promise<{ items: BulkItem[]; next?: number }>;
  /** These throw BULK_NOT_FOUND and BULK_STATE, and are safe to repeat. */
  pause(id: string, actor?: Actor): Promise<BulkRotation>;
  resume(id: string, actor?: Actor): Promise<BulkRotation>;
  cancel(id: string, actor?: Actor): Promise<BulkRotation>;
  retry(id: string, actor?: Actor): Promise<BulkRotation>;
}

const REQUEST_ID_TTL_SECONDS = 24 * 3600;
/** One page of items, or of bulks, looks at no more than this. */
const ITEMS_SCAN_LIMIT = 50_000;
const LIST_SCAN_LIMIT = 500;
/** As many as end-item.lua keeps. */
const LAST_FAILURES = 10;

/** Of callers; each policy has one of its own at most. */
const MAX_OPEN_BULKS = 1000;
const MAX_OPEN_BULK_IDS = 10_000_000;

const isOfPolicy = ({ selection }: BulkSpec): boolean =>
  selection.kind === 'org' && selection.policyId !== undefined;

type Commands = ReturnType<typeof bulksCommands>;

const createBulk =
  ({ keys }: Connection, commands: Commands, get: Bulks['get']): Bulks['create'] =>
  async (id, spec, draft, actor = LOCAL_ACTOR, requestedBy = actor.by) => {
    const { total, duplicates, excluded, digest: idsDigest } = await draft.finish();
    const { requestId, ...rest } = spec;
    const digestOf = (orgId: string) =>
      createHash('sha256')
        .update(JSON.stringify([{ ...rest, orgId }, idsDigest]))
        .digest('base64url');
    const reply = await commands.bulkCreate({
      bulk: keys.bulk(id),
      ids: keys.bulkIds(id),
      excluded: keys.bulkExcluded(id),
      request: requestId === undefined ? undefined : keys.bulkRequest(requestId, actor.by),
      counts: requestId === undefined ? undefined : keys.requestCounts,
      id,
      requestId,
      digest: digestOf(spec.orgId),
      aliasDigest: digestOf(ORG_ALIAS),
      requestTtlS: REQUEST_ID_TTL_SECONDS,
      maxOpen: isOfPolicy(spec) ? undefined : MAX_OPEN_BULKS,
      maxIds: MAX_OPEN_BULK_IDS,
      given: spec.selection.kind === 'ids' ? total : undefined,
      validateOnly: spec.validateOnly,
      urgent: spec.urgent,
      excludedCount: excluded,
      org: spec.orgId,
      reason: spec.reason,
      requestedBy,
      actor,
      more: [...bulkFields(spec), 'duplicates', duplicates, 'excluded', excluded],
    });
    if (reply.kind === 'created') return { created: true, bulk: parseBulk(id, reply.created, []) };
    await draft.drop();
    if (reply.kind === 'reused') throw new RekeyError('REQUEST_ID_REUSED');
    if (reply.kind === 'spent') throw new RekeyError('REQUEST_ID_SPENT');
    if (reply.kind === 'crowded') throw new RekeyError('TOO_MANY_REQUEST_IDS');
    if (reply.kind === 'full') {
      const [bound, limit] = reply.ofIds ? ['ids', MAX_OPEN_BULK_IDS] : ['bulks', MAX_OPEN_BULKS];
      throw new RekeyError('TOO_MANY_BULKS', { metadata: { bound: String(bound), limit: String(limit) } });
    }
    if (reply.kind === 'incomplete') throw new RekeyError('DRAFT_LOST');
    return { created: false, bulk: await get(reply.knownId) };
  };

const createList =
  ({ redis, keys }: Connection, read: (id: string) => Promise<BulkRotation | undefined>): Bulks['list'] =>
  async ({ orgId, state }, { size, after, sees = () => true }) => {
    const isWanted = (bulk: BulkRotation): boolean =>
      (orgId === undefined || bulk.orgId === orgId) &&
      (state === undefined || bulk.state === state) &&
      sees(bulk.orgId);
    const found: BulkRotation[] = [];
    let last = after;
    for (let seen = 0; seen < LIST_SCAN_LIMIT; seen += size) {
      const ids = await newestBelow(redis, [keys.bulks], last, size);
      for (const id of ids) {
        last = id;
        // One bad entry must not hide the others.
        const bulk = await read(id).catch(() => undefined);
        if (bulk && isWanted(bulk) && found.push(bulk) === size) return { bulks: found, next: id };
      }
      if (ids.length < size) return { bulks: found };
    }
    return last === undefined ? { bulks: found } : { bulks: found, next: last };
  };

/** Adds what was published of those that succeeded, from the histories of the assistants. */
const withVersions = (connection: Connection, id: string, items: readonly BulkItem[]): Promise<BulkItem[]> =>
  Promise.all(
    items.map(async (item) => {
      if (item.state !== 'SUCCEEDED') return item;
      const history = await readKeyHistory(connection, item.assistantId);
      const { version, rotationId, publishedMs } = history.find(({ bulkId }) => bulkId === id) ?? {};
      return version === undefined || rotationId === undefined || publishedMs === undefined
        ? item
        : { ...item, published: { version, rotationId, publishedMs } };
    }),
  );

const createItems =
  (connection: Connection, get: Bulks['get']): Bulks['items'] =>
  async (id, { state: wanted }, { size, from }) => {
    const { redis, keys } = connection;
    const { state: bulkState, counts } = await get(id);
    // An assistant that waited when the bulk was cancelled is never begun.
    const isOver = isBulkEnded(bulkState) || bulkState === 'CANCELLING';
    const found: BulkItem[] = [];
    let index = from;
    while (index < counts.total && index < from + ITEMS_SCAN_LIMIT) {
      const chunk = Math.floor(index / IDS_A_CHUNK);
      const to = Math.min((chunk + 1) * IDS_A_CHUNK, counts.total);
      const [text, letters] = await Promise.all([
        redis.hget(keys.bulkIds(id), String(chunk)),
        redis.getrange(keys.bulkStates(id), index, to - 1),
      ]).catch(asCorrupt);
      const ids = unpackIds(text);
      for (const first = index; index < to; index += 1) {
        const item = readItemLetter(letters[index - first] ?? '.');
        if (item.state === 'WAITING' && isOver) item.state = 'CANCELLED';
        if (wanted !== undefined && item.state !== wanted) continue;
        if (found.length === size) return { items: await withVersions(connection, id, found), next: index };
        found.push({ index, assistantId: ids[index % IDS_A_CHUNK] ?? '', ...item });
      }
    }
    const items = await withVersions(connection, id, found);
    return index < counts.total ? { items, next: index } : { items };
  };

export const openBulks = (connection: Connection): Bulks => {
  const { redis, keys, run } = connection;
  const commands = bulksCommands(run);

  const read = async (id: string): Promise<BulkRotation | undefined> => {
    const [hash, failures] = await Promise.all([
      redis.hgetall(keys.bulk(id)).catch(asCorrupt),
      // What another client makes of them hides nothing else.
      unlessWrongType(redis.lrange(keys.bulkFailures(id), 0, LAST_FAILURES - 1), []),
    ]);
    return Object.keys(hash).length === 0 ? undefined : parseBulk(id, hash, failures);
  };
  const get = async (id: string): Promise<BulkRotation> => {
    const bulk = await read(id);
    if (!bulk) throw new RekeyError('BULK_NOT_FOUND');
    return bulk;
  };
  const transition =
    (request: 'pause' | 'resume' | 'cancel' | 'retry') =>
    async (id: string, actor = LOCAL_ACTOR) => {
      const reply = await commands.bulkTransition({ bulk: keys.bulk(id), id, request, actor });
      if (reply.kind === 'missing') throw new RekeyError('BULK_NOT_FOUND');
      if (reply.kind === 'refused')
        throw new RekeyError('BULK_STATE', {
          which: `it is ${reply.state}`,
          metadata: { state: reply.state },
        });
      return get(id);
    };

  return {
    draft: (id) => createDraft(connection, id),
    create: createBulk(connection, commands, get),
    get,
    list: createList(connection, read),
    items: createItems(connection, get),
    pause: transition('pause'),
    resume: transition('resume'),
    cancel: transition('cancel'),
    retry: transition('retry'),
  };
};
