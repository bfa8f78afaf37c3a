import {
  LOCAL_ACTOR,
  RekeyError,
  noSweepCounts,
  type Actor,
  type Sweep,
  type SweepCounts,
} from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { newestBelow } from '../newest-below.ts';
import { isWrongType } from '../scripts/run.ts';
import { sweepsCommands } from './commands.generated.ts';
import { parseSweep } from './sweep-hash.ts';

type SweepBegin =
  | { kind: 'begun'; sweep: Sweep; nowMs: number }
  | { kind: 'busy'; retryInMs: number }
  | { kind: 'ended' }
  | { kind: 'missing' };

/**
 * Sweeps as the ledger keeps them, and the one lock under which they run. Every method is one atomic command,
 * or a read.
 */
export interface Sweeps {
  /**
   * Records a sweep. If one is still QUEUED for the same scope, returns that one (`created` false). Without
   * an org: of all orgs. A `requested` sweep of one org throws TOO_MANY_SWEEPS while ten of them are QUEUED,
   * and ORG_NOT_KNOWN.
   */
  create(
    id: string,
    orgId: string | undefined,
    options?: { requested?: boolean; actor?: Actor },
  ): Promise<{ sweep: Sweep; created: boolean }>;
  /**
   * Some of the sweeps that are QUEUED: all, or of many the next ones at each call. Removes entries of
   * sweeps that are not.
   */
  queued(): Promise<{ id: string; orgId?: string }[]>;
  /**
   * Notes the orgs that a worker has an API key for, `*` for any org, and forgets what no worker has noted
   * for an hour.
   */
  noteConfigured(orgIds: readonly string[], nowMs: number): Promise<void>;
  /**
   * Takes the one lock under which all sweeps run: two never run at once. A lock whose lease has lapsed is
   * taken over. `token` identifies this run. A sweep whose run is gone starts over, with its counts at zero.
   */
  begin(id: string, token: string, leaseMs: number): Promise<SweepBegin>;
  /**
   * Saves the counts and renews the lease; false if another run holds the lock. With `end`, ends the sweep
   * and releases the lock.
   */
  save(
    id: string,
    token: string,
    counts: SweepCounts,
    options: { leaseMs: number } | { end: 'SUCCEEDED' | 'FAILED'; errorCode?: string },
  ): Promise<boolean>;
  /**
   * Whether it is time to sweep a held org again, `everyMs` after the last time. If so, the next sweep is due
   * `everyMs` from now.
   */
  claimHeld(orgId: string, everyMs: number): Promise<boolean>;
  /** A sweep of a held org has ended: the next one is due `everyMs` from now. */
  putOffHeld(orgId: string, everyMs: number): Promise<void>;
  /** Throws SWEEP_NOT_FOUND. */
  get(id: string): Promise<Sweep>;
  /** Newest first. */
  list(size: number): Promise<Sweep[]>;
  /**
   * Newest first, from the sweep after `after`; `next` is set if there may be more. With `sees`, others are
   * left out.
   */
  page(page: {
    size: number;
    after?: string;
    sees?: (sweep: Sweep) => boolean;
  }): Promise<{ sweeps: Sweep[]; next?: string }>;
}

const KEEP_SWEEPS = 1000;
/** One page looks at no more sweeps than this, however few of them are shown. */
const LIST_SCAN_LIMIT = KEEP_SWEEPS;
const MAX_REQUESTED = 10;
const QUEUED_READ = 1000;
const CONFIGURED_FOR_MS = 3_600_000;
const NOTED_AT_ONCE = 1000;
const KEEP_ENDED_SECONDS = 7 * 24 * 3600;

type Commands = ReturnType<typeof sweepsCommands>;

const createSweep =
  ({ keys }: Connection, commands: Commands): Sweeps['create'] =>
  async (id, orgId, { requested = false, actor = LOCAL_ACTOR } = {}) => {
    const reply = await commands.sweepCreate({
      sweep: keys.sweep(id),
      sweeps: keys.sweeps,
      queued: keys.queuedSweeps,
      lock: keys.sweeping,
      id,
      org: orgId,
      keep: KEEP_SWEEPS,
      limit: requested ? MAX_REQUESTED : undefined,
      actor,
    });
    if (reply.kind === 'unknown') throw new RekeyError('ORG_NOT_KNOWN');
    if (reply.kind === 'full')
      throw new RekeyError('TOO_MANY_SWEEPS', { metadata: { limit: String(MAX_REQUESTED) } });
    if (reply.kind === 'known') return { created: false, sweep: parseSweep(reply.knownId, reply.known) };
    const { createdMs, org } = reply;
    return {
      created: true,
      sweep: {
        id,
        ...(org !== undefined && { orgId: org }),
        state: 'QUEUED',
        createdMs,
        updatedMs: createdMs,
        counts: { ...noSweepCounts },
        requestedBy: actor.by,
      },
    };
  };

const beginSweep =
  ({ keys }: Connection, commands: Commands): Sweeps['begin'] =>
  async (id, token, leaseMs) => {
    const reply = await commands.sweepBegin({
      sweep: keys.sweep(id),
      lock: keys.sweeping,
      queued: keys.queuedSweeps,
      id,
      token,
      leaseMs: Math.round(leaseMs),
    });
    if (reply.kind === 'busy') return { kind: 'busy', retryInMs: reply.waitMs };
    if (reply.kind !== 'begun') return { kind: reply.kind };
    return { kind: 'begun', nowMs: reply.nowMs, sweep: parseSweep(id, reply.sweep) };
  };

const createQueued = ({ redis, keys }: Connection, commands: Commands): Sweeps['queued'] => {
  let cursor = '0';
  return async () => {
    const [next, flat] = await redis.hscan(keys.queuedSweeps, cursor, 'COUNT', QUEUED_READ);
    cursor = next;
    const entries = flat.flatMap((id, i) => (i % 2 === 0 ? [] : [{ id, scope: flat[i - 1]! }]));
    const pipeline = redis.pipeline();
    for (const { id } of entries) pipeline.hget(keys.sweep(id), 'state');
    const states = ((await pipeline.exec()) ?? []).map(([error, state]) => {
      if (error && !isWrongType(error)) throw error;
      return state;
    });
    const isQueued = (_: unknown, i: number) => states[i] === 'QUEUED';
    const others = entries.filter((entry, i) => !isQueued(entry, i));
    const forget = ({ id, scope }: (typeof entries)[number]) =>
      commands.sweepForget({ queued: keys.queuedSweeps, scope: scope || undefined, id });
    await Promise.all(others.map(forget));
    return entries.filter(isQueued).map(({ id, scope }) => ({ id, ...(scope !== '' && { orgId: scope }) }));
  };
};

const noteConfigured =
  ({ redis, keys }: Connection): Sweeps['noteConfigured'] =>
  async (orgIds, nowMs) => {
    for (let from = 0; from < orgIds.length; from += NOTED_AT_ONCE) {
      const members = orgIds.slice(from, from + NOTED_AT_ONCE).flatMap((orgId) => [nowMs, orgId]);
      await redis.zadd(keys.configured, ...members);
    }
    await redis.zremrangebyscore(keys.configured, '-inf', nowMs - CONFIGURED_FOR_MS);
  };

const orIfUnreadable = (error: unknown): undefined => {
  const isOfEntry = error instanceof RekeyError ? error.code === 'LEDGER_CORRUPT' : isWrongType(error);
  if (!isOfEntry) throw error;
};

export const openSweeps = (connection: Connection): Sweeps => {
  const { redis, keys, run } = connection;
  const commands = sweepsCommands(run);
  const parsed = (id: string, hash: Record<string, string>): Sweep | undefined =>
    Object.keys(hash).length === 0 ? undefined : parseSweep(id, hash);
  /** An ended sweep that has expired is still in the index. One bad entry must not hide the others. */
  const readAll = async (ids: string[]): Promise<Sweep[]> => {
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hgetall(keys.sweep(id));
    return ((await pipeline.exec()) ?? []).flatMap(([error, hash], i) => {
      try {
        if (error) throw error;
        return parsed(ids[i]!, hash as Record<string, string>) ?? [];
      } catch (thrown) {
        return orIfUnreadable(thrown) ?? [];
      }
    });
  };
  const newest = (below: string | undefined, count: number): Promise<string[]> =>
    newestBelow(redis, [keys.sweeps], below, count);

  return {
    create: createSweep(connection, commands),
    begin: beginSweep(connection, commands),
    noteConfigured: noteConfigured(connection),

    queued: createQueued(connection, commands),

    save: async (id, token, counts, options) => {
      const { kind } = await commands.sweepSave({
        sweep: keys.sweep(id),
        lock: keys.sweeping,
        id,
        token,
        counts: JSON.stringify(counts),
        ...('end' in options
          ? { endState: options.end, code: options.errorCode }
          : { leaseMs: Math.round(options.leaseMs) }),
        keepS: KEEP_ENDED_SECONDS,
      });
      return kind === 'saved';
    },

    claimHeld: async (orgId, everyMs) =>
      (await redis.set(keys.heldSwept(orgId), '1', 'PX', Math.ceil(everyMs), 'NX')) === 'OK',

    putOffHeld: async (orgId, everyMs) => {
      await redis.set(keys.heldSwept(orgId), '1', 'PX', Math.ceil(everyMs), 'XX');
    },

    get: async (id) => {
      const sweep = parsed(id, await redis.hgetall(keys.sweep(id)));
      if (!sweep) throw new RekeyError('SWEEP_NOT_FOUND');
      return sweep;
    },

    list: async (size) => readAll(await newest(undefined, size)),

    page: async ({ size, after, sees = () => true }) => {
      const found: Sweep[] = [];
      let last = after;
      for (let looked = 0; ;) {
        const wanted = size - found.length;
        // One more than wanted tells whether there is a next page.
        const ids = await newest(last, wanted + 1);
        found.push(...(await readAll(ids.slice(0, wanted))).filter(sees));
        if (ids.length <= wanted) return { sweeps: found };
        last = ids[wanted - 1]!;
        looked += wanted;
        if (found.length === size || looked >= LIST_SCAN_LIMIT) return { sweeps: found, next: last };
      }
    },
  };
};
