import { isErrorCode, type OpenBulk, type SystemStatus } from '@rekey/schema';
import type { Connection } from '../../connection.ts';
import { bulkFieldNames, isReadableBulk } from '../../bulks/bulk-hash.ts';
import { readOrgIds } from '../../orgs/org-ids.ts';
import type { SystemFacts } from '../attention/facts.ts';
import { shareOfBulks } from '../attention/rotation-items.ts';
import type { KnownProcess } from '../processes.ts';
import { LOOKED_AT, SHOWN, fieldsOf, momentOf, numberOf, readableReplies, replies } from './replies.ts';

/**
 * The fields of the ledger's own facts that count the consecutive unknown outcomes of an org begin like this.
 */
const UNKNOWNS_OF = 'run:';
const UNKNOWN_AT_OF = 'run_at:';

/** The consecutive unknown outcomes of each org. */
export const unknownsOf = (facts: Record<string, string>): SystemFacts['unknownsInARow'] =>
  Object.keys(facts).flatMap((field) => {
    if (!field.startsWith(UNKNOWNS_OF)) return [];
    const orgId = field.slice(UNKNOWNS_OF.length);
    return [{ orgId, count: numberOf(facts[field]), ...momentOf('atMs', facts[`${UNKNOWN_AT_OF}${orgId}`]) }];
  });

/**
 * The number of open intents of each org. An org without publications is known by its unknown outcomes only.
 */
export const readOpenIntents = async (
  { redis, keys }: Connection,
  facts: Record<string, string>,
): Promise<SystemStatus['openIntents']> => {
  const unknowns = unknownsOf(facts).map(({ orgId }) => orgId);
  const orgIds = [...new Set([...(await readOrgIds({ redis, keys })), ...unknowns])];
  const counts = await replies(
    orgIds.reduce((pipeline, orgId) => pipeline.zcard(keys.intents(orgId)), redis.pipeline()),
  );
  return orgIds
    .map((orgId, i) => ({ orgId, count: Number(counts[i]) }))
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => b.count - a.count || (a.orgId < b.orgId ? -1 : 1));
};

/**
 * The open intents of all orgs together, the limit that live workers have, and the one in the middle of those
 * at which bulk rotations wait.
 */
export const readIntentsInAll = async (
  { redis, keys }: Connection,
  known: KnownProcess[],
): Promise<NonNullable<SystemFacts['intentsInAll']>> => {
  const limits = known.filter(({ live }) => live).flatMap(({ settings }) => settings.maxUnknownsInAll ?? []);
  const limit = Math.max(0, ...limits);
  const middle = String(Math.floor(shareOfBulks(limit) / 2));
  const [count, flat] = await Promise.all([
    redis.zcard(keys.allIntents),
    redis.zrange(keys.allIntents, middle, middle, 'WITHSCORES'),
  ]);
  const middleLandsMs = Number(flat[1]);
  return { count, limit, ...(Number.isFinite(middleLandsMs) && { middleLandsMs }) };
};

/** The rotations whose outcome is unknown, from the holders of open intents. */
export const readReconciling = async (
  { redis, keys }: Connection,
  open: SystemStatus['openIntents'],
): Promise<SystemFacts['reconciling']> => {
  const names = (await replies(
    open
      .slice(0, LOOKED_AT)
      .reduce(
        (pipeline, { orgId }) => pipeline.zrange(keys.intents(orgId), '0', String(LOOKED_AT - 1)),
        redis.pipeline(),
      ),
  )) as string[][];
  const holders = (await readableReplies(
    names
      .flat()
      .slice(0, LOOKED_AT)
      .reduce(
        (pipeline, name) => pipeline.hget(`${keys.prefix}:assistant:${name}`, 'holder'),
        redis.pipeline(),
      ),
  )) as (string | null)[];
  const ids = holders.filter((id) => typeof id === 'string');
  const fields = ['state', 'org', 'assistant', 'since', 'read_error', 'operator', 'attempts'];
  const rotations = await fieldsOf(redis, ids.map(keys.rotation), ...fields);
  const reconciling = rotations.flatMap((reply, i) => {
    const [state, orgId, assistantId, since, readError, operator, attempts] = reply ?? [];
    if (state !== 'RECONCILING') return [];
    return [
      {
        id: ids[i]!,
        orgId: orgId ?? '',
        assistantId: assistantId ?? '',
        operatorNeeded: operator === '1',
        attempts: numberOf(attempts),
        ...momentOf('sinceMs', since),
        ...(readError && isErrorCode(readError) && { readErrorCode: readError }),
      },
    ];
  });
  return reconciling.toSorted((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0));
};

/** Bulk rotations that have not ended; those that are stopped; and how many of their assistants wait. */
interface BulkFacts {
  openBulks: OpenBulk[];
  stopped: SystemFacts['stoppedBulks'];
  unreadable: string[];
  waiting: number;
}

/** Of a hash that is gone, or has another type, nothing can be read. */
const isReadable = (reply: (string | null)[] | null, from: number): boolean =>
  reply !== null && (reply.every((field) => field === null) || isReadableBulk(reply.slice(from)));

export const readBulks = async ({ redis, keys }: Connection): Promise<BulkFacts> => {
  const ids = (await redis.zdiff(2, keys.bulks, keys.bulksEnded)).slice(-LOOKED_AT);
  const counted = ['total', 'succeeded', 'shared', 'failed', 'cancelled', 'open'];
  const named = ['state', 'org', 'why', 'updated', ...counted];
  const hashes = await fieldsOf(redis, ids.map(keys.bulk), ...named, ...bulkFieldNames);
  const found = hashes.flatMap((reply, i) => {
    const [state, orgId, why, updated, total, succeeded, shared, failed, cancelled, open] = reply ?? [];
    if (!state) return [];
    const done = [succeeded, shared, failed, cancelled].reduce((sum, count) => sum + numberOf(count), 0);
    return [
      {
        id: ids[i]!,
        orgId: orgId ?? '',
        state,
        why: why ?? '',
        total: numberOf(total),
        done,
        open: numberOf(open),
        ...momentOf('sinceMs', updated),
      },
    ];
  });
  return {
    openBulks: found.slice(-SHOWN).map(({ id, state, total, done }) => ({ id, state, total, done })),
    stopped: found.filter(({ state }) => state === 'HALTED' || state === 'PAUSED'),
    unreadable: ids.filter((_, i) => !isReadable(hashes[i]!, named.length)),
    waiting: found.reduce((sum, { total, done, open }) => sum + Math.max(total - done - open, 0), 0),
  };
};

/** The open rotation that has waited longest. */
export const readOldest = async ({ redis, keys }: Connection): Promise<SystemFacts['oldest']> => {
  const [id] = await redis.zrange(keys.rotations('open'), '0', '0');
  if (id === undefined) return undefined;
  const [fields] = await fieldsOf(redis, [keys.rotation(id)], 'state', 'created', 'error');
  const { createdMs } = momentOf('createdMs', fields?.[1]);
  if (createdMs === undefined) return undefined;
  const error = fields?.[2];
  return {
    id,
    state: fields?.[0] ?? '',
    createdMs,
    ...(error && isErrorCode(error) && { errorCode: error }),
  };
};

/** How long a key that came back is reported, unless it is replaced. */
const ROLLBACKS_SHOWN_FOR_MS = 86_400_000;

export const readRolledBack = async (
  { redis, keys }: Connection,
  nowMs: number,
): Promise<SystemFacts['rolledBack']> => {
  const flat = await redis.zrangebyscore(
    keys.rollbacks,
    nowMs - ROLLBACKS_SHOWN_FOR_MS,
    '+inf',
    'WITHSCORES',
    'LIMIT',
    0,
    LOOKED_AT,
  );
  const found = flat.flatMap((assistantId, i) =>
    i % 2 === 0 ? [{ assistantId, sinceMs: Number(flat[i + 1]) }] : [],
  );
  const hashes = found.map(({ assistantId }) => keys.assistant(assistantId));
  const rotated = await fieldsOf(redis, hashes, 'rotated');
  return found.filter(({ sinceMs }, i) => numberOf(rotated[i]?.[0]) <= sinceMs);
};
