import { createHash } from 'node:crypto';
import { ConsumerOrgs, ORG_ALIAS, OrgId, parseJson, type Removal } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { ledgerKeys } from '../keys.ts';
import { DEFAULT_KEEP_EVENTS, versionEvent, type Sealed } from '../rotations/rotations.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { defineScripts, isWrongType } from '../scripts/scripts.ts';

/**
 * How it is known which org `c` stands for: an operator said so (`INVENT_ORG_ID`), or a worker has seen it.
 */
export type AliasSource = 'configured' | 'learned';

export interface KnownAlias {
  orgId: string;
  how: AliasSource;
  sinceMs: number;
}

/** Evidence that does not agree: nothing is concluded from it. */
export interface AliasConflict {
  sinceMs: number;
  /** In a few words, without ids. */
  why: string;
  /** The orgs that it is about. */
  orgIds: string[];
}

export type NotedAlias = { kind: 'noted' | 'known' } | { kind: 'contradicts'; known: KnownAlias };

/** An assistant that is published under `c`. */
export interface UnderAlias {
  assistantId: string;
  /** `held`: by a rotation, or its key is in doubt; whatever ends that publishes it under its real name. */
  state: 'ready' | 'held' | 'unreadable';
  epoch: string;
  versionBefore?: number;
  /** A fingerprint, `no-key` or `deleted`. */
  stateBefore?: string;
  /** Its event, as it stands. */
  current: string | null;
}

/** A key version that is published again under the org's real name. */
export interface Moved {
  from: UnderAlias;
  version: number;
  key: { fingerprint: string } | { removal: Removal };
  sealed: string;
}

export type MoveResult =
  { kind: 'moved'; words: ('moved' | 'gone' | 'changed')[] } | { kind: 'other-readers' };

/**
 * Which org Invent's alias `c` stands for, and what the ledger keeps under it. Every method is one atomic
 * command, or reads.
 */
export interface OrgAlias {
  /** What is known of it. */
  read(): Promise<{ known?: KnownAlias; conflict?: AliasConflict }>;
  /** Notes which org it is, once. */
  note(orgId: string, how: AliasSource): Promise<NotedAlias>;
  noteConflict(conflict: Omit<AliasConflict, 'sinceMs'> | undefined): Promise<void>;
  /**
   * The real org ids that rotations, bulk rotations, policies and consumers name, or that anything was
   * published under.
   */
  candidates(): Promise<string[]>;
  /** Of these, the ones that no worker has found not to be it lately. */
  untried(orgIds: string[]): Promise<string[]>;
  /** Notes for a time that an org is not it. */
  noteTried(orgId: string, forMs: number): Promise<void>;
  /** Whether anything is published under `c`. */
  isInUse(): Promise<boolean>;
  /**
   * Assistants published under `c`: those that were seen last, and those that were not seen for the longest
   * time.
   */
  sample(count: number): Promise<{ newest: string[]; oldest: string[] }>;
  /** Takes the lock under which workers look for it and rename, or keeps it; false where another has it. */
  lock(token: string, leaseMs: number): Promise<boolean>;
  unlock(token: string): Promise<void>;
  /** Renames open rotations: a page of them, from `after` on. */
  adoptRotations(after: string): Promise<{ renamed: number; next?: string }>;
  /**
   * Assistants published under `c`, with what is published: a page of them. `nowUs`: by the clock of Redis.
   */
  page(offset: number): Promise<{ assistants: UnderAlias[]; nowUs: number }>;
  /**
   * Publishes them again under the real name. Safe to repeat. `readers`: at which revision of the consumers
   * they were sealed.
   */
  move(orgId: string, moved: Moved[], readers: number): Promise<MoveResult>;
}

const PAGE = 100;
/** A longer command would keep others waiting. */
const MOVED_AT_ONCE = 20;
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

export const createOrgAlias = ({
  redis,
  prefix,
  keepEvents = () => DEFAULT_KEEP_EVENTS,
}: {
  redis: Redis;
  prefix: string;
  keepEvents?: () => number;
}): OrgAlias => {
  const keys = ledgerKeys(prefix);
  const run = defineScripts(redis, keys.prefix);

  /** The `org` of each; what cannot be read names none. */
  const orgsOf = async (hashes: string[]): Promise<string[]> => {
    const pipeline = redis.pipeline();
    for (const key of hashes) pipeline.hget(key, 'org');
    return ((await pipeline.exec()) ?? []).flatMap(([error, org]) => (error || !org ? [] : [String(org)]));
  };

  const moveSome = async (orgId: string, moved: Moved[], readers: number): Promise<MoveResult> => {
    const nowMs = await redisNowMs(redis);
    const [kind, ...words] = await run['org-move'](
      [
        keys.assistants(ORG_ALIAS),
        keys.assistants(orgId),
        keys.orgs,
        ...moved.flatMap(({ from }) => [keys.assistant(from.assistantId), keys.current(from.assistantId)]),
      ],
      [
        orgId,
        encodeURIComponent(orgId),
        keepEvents(),
        readers,
        ...moved.flatMap(({ from, version, key, sealed }) => {
          const envelope: Sealed = { envelope: sealed, readers };
          const [head, tail] = versionEvent(
            { orgId, assistantId: from.assistantId, epoch: version },
            { key, sealed: envelope, cause: 'reconciliation', updatedMs: nowMs, rotation: 'goes-on' },
          );
          return [
            from.assistantId,
            createHash('sha1')
              .update(from.current ?? '')
              .digest('hex'),
            from.epoch,
            version,
            head,
            tail,
          ];
        }),
      ],
    );
    return kind === 'READERS'
      ? { kind: 'other-readers' }
      : { kind: 'moved', words: words as ('moved' | 'gone' | 'changed')[] };
  };

  return {
    read: async () => {
      const [orgId, how, since, conflict] = await redis.hmget(
        keys.ledger,
        'alias',
        'alias_how',
        'alias_at',
        'alias_conflict',
      );
      const parsed = conflict ? Conflict.safeParse(parseJson(conflict)) : undefined;
      return {
        ...(orgId && {
          known: {
            orgId,
            how: how === 'configured' ? ('configured' as const) : ('learned' as const),
            sinceMs: Number(since ?? 0),
          },
        }),
        ...(parsed?.success && { conflict: parsed.data }),
      };
    },

    note: async (orgId, how) => {
      const [kind, known, knownHow, since] = await run['org-alias']([keys.ledger], [orgId, how]);
      if (kind !== 'CONTRADICTS') return { kind: kind.toLowerCase() as 'noted' | 'known' };
      return {
        kind: 'contradicts',
        known: {
          orgId: String(known),
          how: knownHow === 'configured' ? 'configured' : 'learned',
          sinceMs: Number(since),
        },
      };
    },

    noteConflict: async (conflict) => {
      if (conflict)
        await redis.hset(
          keys.ledger,
          'alias_conflict',
          JSON.stringify({ sinceMs: await redisNowMs(redis), ...conflict }),
        );
      else await redis.hdel(keys.ledger, 'alias_conflict');
    },

    candidates: async () => {
      const [published, consumers, policies, bulks, rotations] = await Promise.all([
        redis.smembers(keys.orgs),
        redis.hvals(keys.consumers),
        redis.zrange(keys.policies, '0', '-1'),
        redis.zrange(keys.bulks, '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, NAMED_BY),
        redis.zrange(keys.rotations('open'), '+', '-', 'BYLEX', 'REV', 'LIMIT', 0, NAMED_BY),
      ]);
      const ofConsumers = consumers.flatMap((text) => {
        const orgs = ConsumerOrgs.safeParse((parseJson(text) as { orgs?: unknown } | undefined)?.orgs);
        return orgs.success ? orgs.data : [];
      });
      const named = await orgsOf([
        ...policies.map(keys.policy),
        ...bulks.map(keys.bulk),
        ...rotations.map(keys.rotation),
      ]);
      const all = new Set([...published, ...ofConsumers, ...named]);
      return [...all]
        .filter((orgId) => orgId !== ORG_ALIAS && orgId !== '*' && OrgId.safeParse(orgId).success)
        .toSorted();
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
      return (
        (await redis.get(keys.aliasing)) === token && (await redis.pexpire(keys.aliasing, leaseMs)) === 1
      );
    },

    unlock: async (token) => {
      if ((await redis.get(keys.aliasing)) === token) await redis.del(keys.aliasing);
    },

    adoptRotations: async (after) => {
      const [, next, renamed] = await run['org-adopt']([keys.rotations('open')], [after, ADOPTED_AT_ONCE]);
      return { renamed: Number(renamed), ...(next !== '' && { next: String(next) }) };
    },

    page: async (offset) => {
      const ids = await redis.zrange(keys.assistants(ORG_ALIAS), String(offset), String(offset + PAGE - 1));
      const pipeline = redis.pipeline();
      for (const id of ids)
        pipeline.hmget(keys.assistant(id), 'holder', 'uncertain', 'epoch', 'version', 'fingerprint');
      const [replies, currents, [seconds, micros]] = await Promise.all([
        pipeline.exec(),
        ids.length === 0 ? [] : redis.mget(ids.map(keys.current)),
        redis.time(),
      ]);
      const assistants = ids.map((assistantId, i): UnderAlias => {
        const [error, reply] = replies![i]!;
        if (error && !isWrongType(error)) throw error;
        const [holder, uncertain, epoch, version, state] = error ? [] : (reply as (string | null)[]);
        const current = currents[i] ?? null;
        const readable = !error && current !== null && version && state;
        return {
          assistantId,
          current,
          epoch: epoch ?? '',
          state: holder || uncertain ? 'held' : readable ? 'ready' : 'unreadable',
          ...(version && { versionBefore: Number(version) }),
          ...(state && { stateBefore: state }),
        };
      });
      return { assistants, nowUs: Number(seconds) * 1_000_000 + Number(micros) };
    },

    move: async (orgId, moved, readers) => {
      const words: ('moved' | 'gone' | 'changed')[] = [];
      for (let at = 0; at < moved.length; at += MOVED_AT_ONCE) {
        const result = await moveSome(orgId, moved.slice(at, at + MOVED_AT_ONCE), readers);
        if (result.kind === 'other-readers') return result;
        words.push(...result.words);
      }
      return { kind: 'moved', words };
    },
  };
};
