import { MAX_POLICIES, ORG_ALIAS, OrgId, parseJson } from '@rekey/schema';
import { z } from 'zod';
import type { Connection } from '../connection.ts';
import { readOrgIds } from './org-ids.ts';
import { redisNowMs } from '../time/redis-now.ts';
import type { Registry } from '../registry/registry.ts';
import { isWrongType } from '../scripts/run.ts';
import { orgsCommands } from './commands.generated.ts';

/**
 * How it is known which org `c` stands for: from an operator (`INVENT_ORG_ID`), or from what a worker saw.
 */
type AliasSource = 'configured' | 'learned';

export interface KnownAlias {
  orgId: string;
  how: AliasSource;
  sinceMs: number;
  /** The ledger, by which commands store what is of `c`, says another: note it again. */
  isAltered?: true;
}

/** Contradictory evidence, from which nothing is concluded. */
export interface AliasConflict {
  sinceMs: number;
  /** In a few words, without ids. */
  why: string;
  /** The orgs of the evidence. */
  orgIds: string[];
}

type NotedAlias = { kind: 'noted' | 'known' } | { kind: 'contradicts'; known: KnownAlias };

/**
 * The org that Invent's alias `c` stands for, and what the ledger keeps under the alias. Every method is one
 * atomic command, or reads.
 */
export interface OrgAlias {
  /**
   * What is known of the alias, because the registry proves it. `unproved`: what only the ledger says, as
   * after an upgrade.
   */
  read(): Promise<{ known?: KnownAlias; unproved?: string; conflict?: AliasConflict }>;
  /** Whether the registry, which proves the org, is believed, as of the last read. */
  mayNote(): boolean;
  /** Notes the org that it stands for, once: proved, after evidence. */
  note(orgId: string, how: AliasSource): Promise<NotedAlias>;
  noteConflict(conflict: Omit<AliasConflict, 'sinceMs'> | undefined): Promise<void>;
  /**
   * The real org ids that rotations, bulk rotations, policies and consumers name, or that have publications.
   */
  candidates(): Promise<string[]>;
  /** Of these, the orgs that no worker has lately ruled out. */
  untried(orgIds: string[]): Promise<string[]>;
  /** Rules an org out for a time. */
  noteTried(orgId: string, forMs: number): Promise<void>;
  /** Whether anything is published under `c`. */
  isInUse(): Promise<boolean>;
  /**
   * Assistants published under `c`: those that were seen last, and those that were seen the longest time ago.
   */
  sample(count: number): Promise<{ newest: string[]; oldest: string[] }>;
  /**
   * Takes the lock under which workers identify the org and rename, or renews it; false if another has it.
   */
  lock(token: string, leaseMs: number): Promise<boolean>;
  unlock(token: string): Promise<void>;
  /** Renames a page of open rotations, after the id `after`. */
  adoptRotations(after: string): Promise<{ renamed: number; next?: string }>;
  /**
   * A page of the assistants published under `c`, and how many of all are left there. What the index has and
   * was never published, or under another org, is taken off it.
   */
  page(offset: number, count: number): Promise<{ assistantIds: string[]; left: number }>;
}

const ADOPTED_AT_ONCE = 500;
/** How many of the newest rotations and bulk rotations are searched for the orgs that they name. */
const NAMED_BY = 100;
const KEEP_TRIED = 1000;
const KEEP_TRIED_MS = 7 * 86_400_000;

const Conflict = z.object({
  sinceMs: z.number().nonnegative(),
  why: z.string(),
  orgIds: z.array(z.string()),
});

const sourceOf = (how: string | null | undefined): AliasSource =>
  how === 'configured' ? 'configured' : 'learned';

const readAlias =
  ({ redis, keys }: Connection, registry: Registry): OrgAlias['read'] =>
  async () => {
    await registry.look();
    const [orgId, how, since, conflict] = await redis.hmget(
      keys.ledger,
      'alias',
      'alias_how',
      'alias_at',
      'alias_conflict',
    );
    const parsed = conflict ? Conflict.safeParse(parseJson(conflict)) : undefined;
    const proved = registry.alias() === ORG_ALIAS ? undefined : registry.alias();
    return {
      ...(proved !== undefined && {
        known: {
          orgId: proved,
          how: sourceOf(how),
          sinceMs: Number(since ?? 0),
          ...(orgId !== proved && { isAltered: true as const }),
        },
      }),
      ...(orgId && proved === undefined && { unproved: orgId }),
      ...(parsed?.success && { conflict: parsed.data }),
    };
  };

const noteAlias =
  (read: OrgAlias['read'], registry: Registry): OrgAlias['note'] =>
  async (orgId, how) => {
    const noted = await registry.noteAlias(orgId, how);
    if (noted.kind !== 'contradicts') return noted;
    return { kind: 'contradicts', known: (await read()).known! };
  };

const findCandidates =
  ({ redis, keys }: Connection, registry: Registry): OrgAlias['candidates'] =>
  async () => {
    const { notedAlias } = await registry.look();
    const newest = (index: string) => redis.zrange(index, '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, NAMED_BY);
    const [published, policies, bulks, rotations] = await Promise.all([
      readOrgIds({ redis, keys }),
      redis.zrange(keys.policies, '0', String(MAX_POLICIES - 1)),
      newest(keys.bulks),
      newest(keys.rotations('open')),
    ]);
    const ofConsumers = registry.list().consumers.flatMap(({ storedOrgs }) => storedOrgs);
    const hashes = [...policies.map(keys.policy), ...bulks.map(keys.bulk), ...rotations.map(keys.rotation)];
    const pipeline = redis.pipeline();
    for (const key of hashes) pipeline.hget(key, 'org');
    // An entry that cannot be read names no org.
    const named = ((await pipeline.exec()) ?? []).flatMap(([error, org]) =>
      error || !org ? [] : [String(org)],
    );
    return [...new Set([...published, ...ofConsumers, ...named, ...(notedAlias ? [notedAlias] : [])])]
      .filter((orgId) => orgId !== ORG_ALIAS && orgId !== '*' && OrgId.safeParse(orgId).success)
      .toSorted();
  };

/** An entry that cannot be read stays: its check quarantines it. */
const readPage =
  ({ redis, keys }: Connection): OrgAlias['page'] =>
  async (offset, count) => {
    const underAlias = keys.assistants(ORG_ALIAS);
    const ids = count === 0 ? [] : await redis.zrange(underAlias, String(offset), String(offset + count - 1));
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hmget(keys.assistant(id), 'org', 'fingerprint', 'version');
    const replies = ids.length === 0 ? [] : ((await pipeline.exec()) ?? []);
    const isElsewhere = (_: string, i: number): boolean => {
      const [error, reply] = replies[i]!;
      if (error && !isWrongType(error)) throw error;
      if (error) return false;
      const [org, state, version] = reply as (string | null)[];
      return org !== ORG_ALIAS || !state || !version || state === 'deleted';
    };
    const elsewhere = new Set(ids.filter(isElsewhere));
    if (elsewhere.size > 0) await redis.zrem(underAlias, ...elsewhere);
    const left = await redis.zcard(underAlias);
    if (left === 0) await redis.srem(keys.orgs, ORG_ALIAS);
    return { assistantIds: ids.filter((id) => !elsewhere.has(id)), left };
  };

export const openOrgAlias = (connection: Connection, registry: Registry): OrgAlias => {
  const { redis, keys, run } = connection;
  const read = readAlias(connection, registry);
  return {
    read,
    mayNote: () => registry.untrusted() === undefined,
    note: noteAlias(read, registry),
    candidates: findCandidates(connection, registry),
    page: readPage(connection),

    noteConflict: async (conflict) => {
      if (!conflict) {
        await redis.hdel(keys.ledger, 'alias_conflict');
        return;
      }
      const text = JSON.stringify({ sinceMs: await redisNowMs(redis), ...conflict });
      await redis.hset(keys.ledger, 'alias_conflict', text);
    },

    untried: async (orgIds) => {
      if (orgIds.length === 0) return [];
      const [until, nowMs] = await Promise.all([
        redis.zmscore(keys.aliasTried, ...orgIds),
        redisNowMs(redis),
      ]);
      return orgIds.filter((_, i) => Number(until[i] ?? 0) <= nowMs);
    },

    noteTried: async (orgId, forMs) => {
      const untilMs = Math.round((await redisNowMs(redis)) + forMs);
      await redis
        .pipeline()
        .zadd(keys.aliasTried, untilMs, orgId)
        .zremrangebyrank(keys.aliasTried, 0, -KEEP_TRIED - 1)
        .pexpire(keys.aliasTried, KEEP_TRIED_MS)
        .exec();
    },

    isInUse: async () => (await redis.exists(keys.assistants(ORG_ALIAS))) === 1,

    sample: async (count) => {
      const last = String(count - 1);
      const [newest, oldest] = await Promise.all([
        redis.zrange(keys.assistants(ORG_ALIAS), '0', last, 'REV'),
        redis.zrange(keys.assistants(ORG_ALIAS), '0', last),
      ]);
      return { newest, oldest };
    },

    lock: async (token, leaseMs) => {
      if ((await redis.set(keys.aliasing, token, 'PX', leaseMs, 'NX')) === 'OK') return true;
      const isOwn = (await redis.get(keys.aliasing)) === token;
      return isOwn && (await redis.pexpire(keys.aliasing, leaseMs)) === 1;
    },

    unlock: async (token) => {
      if ((await redis.get(keys.aliasing)) === token) await redis.del(keys.aliasing);
    },

    adoptRotations: async (after) => {
      const { next, renamed } = await orgsCommands(run).orgAdopt({
        open: keys.rotations('open'),
        after: after === '' ? undefined : after,
        count: ADOPTED_AT_ONCE,
      });
      // With scores of another client, Redis returns the same ids again: whoever reads on must end.
      return { renamed, ...(next !== undefined && next > after && { next }) };
    },
  };
};
