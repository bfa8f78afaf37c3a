import { RekeyError, SweepState, noSweepCounts, type Sweep, type SweepCounts } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { count, flatHash, jsonText, optional } from '../hash-fields.ts';
import { ledgerKeys } from '../keys.ts';
import { defineScripts } from '../scripts/scripts.ts';

export type SweepBegin =
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
   * Records a sweep to be made; one that is still QUEUED for the same scope is answered again instead
   * (`created` false). Without an org: all.
   */
  create(id: string, orgId: string | undefined): Promise<{ sweep: Sweep; created: boolean }>;
  /**
   * Takes the one lock under which all sweeps run: two never run at once. It is taken over when its lease has
   * lapsed. `token` is of this run, and no other's. A sweep whose run is gone starts over, its counts at
   * zero.
   */
  begin(id: string, token: string, leaseMs: number): Promise<SweepBegin>;
  /**
   * Saves the counts and renews the lease; false where the lock is another's by now. With `end`, ends the
   * sweep and gives the lock back.
   */
  save(
    id: string,
    token: string,
    counts: SweepCounts,
    options: { leaseMs: number } | { end: 'SUCCEEDED' | 'FAILED'; errorCode?: string },
  ): Promise<boolean>;
  /**
   * Whether it is time to sweep a held org again, that long after the last time. If so, the next one is as
   * long after this.
   */
  claimHeld(orgId: string, everyMs: number): Promise<boolean>;
  /** A sweep of a held org has ended: the next one is that long after. */
  putOffHeld(orgId: string, everyMs: number): Promise<void>;
  /** Throws SWEEP_NOT_FOUND. */
  get(id: string): Promise<Sweep>;
  /** Newest first. */
  list(size: number): Promise<Sweep[]>;
  /** The same from the one that follows `after` on; `next` is set if there may be more. */
  page(page: { size: number; after?: string }): Promise<{ sweeps: Sweep[]; next?: string }>;
}

const KEEP_SWEEPS = 1000;
const KEEP_ENDED_SECONDS = 7 * 24 * 3600;

export const createSweeps = ({ redis, prefix }: { redis: Redis; prefix: string }): Sweeps => {
  const keys = ledgerKeys(prefix);
  const run = defineScripts(redis, keys.prefix);
  const read = async (id: string): Promise<Sweep | undefined> => {
    const hash = await redis.hgetall(keys.sweep(id));
    return Object.keys(hash).length === 0 ? undefined : parseSweep(id, hash);
  };

  return {
    create: async (id, orgId) => {
      const [kind, ...rest] = await run['sweep-create'](
        [keys.sweep(id), keys.sweeps, keys.queuedSweeps, keys.sweeping],
        [id, orgId ?? '', KEEP_SWEEPS],
      );
      if (kind === 'KNOWN') return { created: false, sweep: parseSweep(String(rest[0]), flatHash(rest[1])) };
      const createdMs = Number(rest[0]);
      return {
        created: true,
        sweep: {
          id,
          ...(orgId !== undefined && { orgId: String(rest[1]) }),
          state: 'QUEUED',
          createdMs,
          updatedMs: createdMs,
          counts: { ...noSweepCounts },
        },
      };
    },

    begin: async (id, token, leaseMs) => {
      const [kind, ...rest] = await run['sweep-begin'](
        [keys.sweep(id), keys.sweeping, keys.queuedSweeps],
        [id, token, Math.round(leaseMs)],
      );
      if (kind === 'BUSY') return { kind: 'busy', retryInMs: Number(rest[0]) };
      if (kind === 'ENDED') return { kind: 'ended' };
      if (kind === 'MISSING') return { kind: 'missing' };
      return { kind: 'begun', nowMs: Number(rest[0]), sweep: parseSweep(id, flatHash(rest[1])) };
    },

    save: async (id, token, counts, options) => {
      const outcome =
        'end' in options ? ['', options.end, options.errorCode ?? ''] : [Math.round(options.leaseMs), '', ''];
      const [kind] = await run['sweep-save'](
        [keys.sweep(id), keys.sweeping],
        [id, token, JSON.stringify(counts), ...outcome, KEEP_ENDED_SECONDS],
      );
      return kind === 'SAVED';
    },

    claimHeld: async (orgId, everyMs) =>
      (await redis.set(keys.heldSwept(orgId), '1', 'PX', Math.ceil(everyMs), 'NX')) === 'OK',

    putOffHeld: async (orgId, everyMs) => {
      await redis.set(keys.heldSwept(orgId), '1', 'PX', Math.ceil(everyMs), 'XX');
    },

    get: async (id) => {
      const sweep = await read(id);
      if (!sweep) throw new RekeyError('SWEEP_NOT_FOUND');
      return sweep;
    },

    list: async (size) => {
      const ids = await redis.zrange(keys.sweeps, '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, size);
      // An ended one that has expired is in the index still.
      return (await Promise.all(ids.map(read))).filter((sweep) => sweep !== undefined);
    },

    page: async ({ size, after }) => {
      // One more than is wanted tells whether there is a next page.
      const ids = await redis.zrange(
        keys.sweeps,
        after === undefined ? '+' : `(${after}`,
        '-',
        'BYLEX',
        'REV',
        'LIMIT',
        0,
        size + 1,
      );
      const wanted = ids.slice(0, size);
      return {
        sweeps: (await Promise.all(wanted.map(read))).filter((sweep) => sweep !== undefined),
        ...(ids.length > size && { next: wanted.at(-1)! }),
      };
    },
  };
};

const CountsText = jsonText.pipe(
  z.object({
    requests: count,
    compared: count,
    agreed: count,
    imported: count,
    adopted: count,
    removed: count,
    held: count,
    unresolved: count,
  }),
);

const SweepHash = z.object({
  org: optional(z.string()),
  state: SweepState,
  created: count,
  started: optional(count),
  updated: count,
  ended: optional(count),
  counts: CountsText.optional(),
  error: optional(z.string()),
});

/**
 * A sweep from its hash in Redis. Throws LEDGER_CORRUPT, which names the sweep and the fields, where it does
 * not fit.
 */
const parseSweep = (id: string, hash: Record<string, string>): Sweep => {
  const parsed = SweepHash.safeParse(hash);
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw new RekeyError('LEDGER_CORRUPT', { cause: new Error(`sweep ${id}: ${fields}`) });
  }
  const { org, state, created, started, updated, ended, counts, error } = parsed.data;
  const sweep = {
    id,
    orgId: org,
    state,
    createdMs: created,
    startedMs: started,
    updatedMs: updated,
    endedMs: ended,
    counts: counts ?? { ...noSweepCounts },
    errorCode: error,
  };
  return Object.fromEntries(
    Object.entries(sweep).filter(([, value]) => value !== undefined),
  ) as unknown as Sweep;
};
