import {
  isErrorCode,
  type AssistantSince,
  type LastSweep,
  type LedgerHoldings,
  type OpenBulk,
  type SystemStatus,
} from '@rekey/schema';
import type { ChainableCommander, Redis } from 'ioredis';
import { z } from 'zod';
import { attentionOf, POLICY_OVERDUE_MS, POLICY_SCHEDULED_WITHIN_MS, type SystemFacts } from './attention.ts';
import type { ConsumerPositions } from '../consumers/consumer-positions.ts';
import { createConsumers } from '../consumers/consumers.ts';
import { findDamage } from './damage.ts';
import { moment } from '../hash-fields.ts';
import { heldOrgsOf } from '../orgs/held-orgs.ts';
import { ledgerKeys } from '../keys.ts';
import { nextOpening } from '../policies/openings.ts';
import { createOrgAlias } from '../orgs/org-alias.ts';
import { parsePolicy } from '../policies/policy-hash.ts';
import { createProcesses, type KnownProcess } from './processes.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { defineScripts, isWrongType } from '../scripts/scripts.ts';

/** What an operator sees of the whole, and the brake. Every method is one atomic command, or reads. */
export interface System {
  /**
   * From now on no request leaves for a rotation; what may have left is still read back. Frozen already:
   * since when and why stay.
   */
  freeze(reason: string): Promise<void>;
  unfreeze(): Promise<void>;
  /**
   * What needs an operator, and how everything stands. Entries that cannot be read are shown as such, and
   * never break it.
   */
  status(): Promise<SystemStatus>;
  /** What the ledger holds. */
  holdings(): Promise<LedgerHoldings>;
  /**
   * When a sweep of everything last began and last ended, and whether one is being made (Redis time, ms):
   * whatever the queue thinks.
   */
  sweepTimes(): Promise<{ nowMs: number; begunMs?: number; endedMs?: number; running: boolean }>;
}

export interface SystemOptions {
  redis: Redis;
  prefix: string;
  /**
   * How far consumers have come, when that is known; without it nothing is said of consumers that are gone or
   * behind.
   */
  positions?: Promise<Pick<ConsumerPositions, 'slowest' | 'instancesOf'>>;
}

/** How many of a long list are shown, and how many are looked at to find those. */
const SHOWN = 100;
const LOOKED_AT = 1000;
/** So begin the fields of the ledger's own facts that count unknown outcomes in a row, each of an org. */
const RUN_OF = 'run:';
/** A key that came back is told of for a day, or until it is replaced. */
const ROLLBACKS_SHOWN_FOR_MS = 86_400_000;
const RUN_AT_OF = 'run_at:';

export const createSystem = ({ redis, prefix, positions }: SystemOptions): System => {
  const keys = ledgerKeys(prefix);
  const run = defineScripts(redis, keys.prefix);
  const processes = createProcesses({ redis, prefix });
  const consumers = createConsumers({ redis, prefix });

  const alias = createOrgAlias({ redis, prefix });
  const holdings = async (): Promise<LedgerHoldings> => {
    const [orgIds, count, policies] = await Promise.all([
      redis.smembers(keys.orgs),
      redis.hlen(keys.consumers),
      redis.zcard(keys.policies),
    ]);
    const assistants = await replies(
      orgIds
        .slice(0, LOOKED_AT)
        .reduce((pipeline, orgId) => pipeline.zcard(keys.assistants(orgId)), redis.pipeline()),
    );
    return {
      assistants: assistants.reduce<number>((sum, number) => sum + Number(number), 0),
      consumers: count,
      policies,
    };
  };

  /** POSTs whose outcome is open, of each org; and of those whose outcome is unknown their rotations. */
  const openIntents = async (
    facts: Record<string, string>,
  ): Promise<{ openIntents: SystemStatus['openIntents']; reconciling: SystemFacts['reconciling'] }> => {
    // An org that nothing was published under yet is known by its unknown outcomes alone.
    const unknowns = Object.keys(facts)
      .filter((field) => field.startsWith(RUN_OF))
      .map((field) => field.slice(RUN_OF.length));
    const orgIds = [...new Set([...(await redis.smembers(keys.orgs)), ...unknowns])];
    const counts = await replies(
      orgIds.reduce((pipeline, orgId) => pipeline.zcard(keys.intents(orgId)), redis.pipeline()),
    );
    const open = orgIds
      .map((orgId, i) => ({ orgId, count: Number(counts[i]) }))
      .filter(({ count }) => count > 0)
      .toSorted((a, b) => b.count - a.count || (a.orgId < b.orgId ? -1 : 1));
    const names = (await replies(
      open
        .slice(0, LOOKED_AT)
        .reduce(
          (pipeline, { orgId }) => pipeline.zrange(keys.intents(orgId), '0', String(LOOKED_AT - 1)),
          redis.pipeline(),
        ),
    )) as string[][];
    const held = names.flat().slice(0, LOOKED_AT);
    const holders = (await asMany(
      held.reduce(
        (pipeline, name) => pipeline.hget(`${keys.prefix}:assistant:${name}`, 'holder'),
        redis.pipeline(),
      ),
    )) as (string | null)[];
    const ids = holders.filter((id) => typeof id === 'string');
    const rotations = (await asMany(
      ids.reduce(
        (pipeline, id) =>
          pipeline.hmget(
            keys.rotation(id),
            'state',
            'org',
            'assistant',
            'since',
            'read_error',
            'operator',
            'attempts',
          ),
        redis.pipeline(),
      ),
    )) as ((string | null)[] | null)[];
    const reconciling = rotations.flatMap((fields, i) => {
      const [state, orgId, assistantId, since, readError, operator, attempts] = fields ?? [];
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
    return {
      openIntents: open,
      reconciling: reconciling.toSorted((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0)),
    };
  };

  const bulksNow = async (): Promise<{
    openBulks: OpenBulk[];
    stopped: SystemFacts['stoppedBulks'];
    waiting: number;
  }> => {
    const ids = (await redis.zdiff(2, keys.bulks, keys.bulksEnded)).slice(-LOOKED_AT);
    const hashes = (await asMany(
      ids.reduce(
        (pipeline, id) =>
          pipeline.hmget(
            keys.bulk(id),
            'state',
            'org',
            'why',
            'updated',
            'total',
            'succeeded',
            'shared',
            'failed',
            'cancelled',
            'open',
            'validate_only',
          ),
        redis.pipeline(),
      ),
    )) as ((string | null)[] | null)[];
    const found = hashes.flatMap((fields, i) => {
      const [state, orgId, why, updated, total, succeeded, shared, failed, cancelled, open] = fields ?? [];
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
      waiting: found.reduce((sum, { total, done, open }) => sum + Math.max(total - done - open, 0), 0),
    };
  };

  const budgetsNow = async (nowMs: number, known: KnownProcess[]): Promise<SystemFacts['budgets']> => {
    const names = [...new Set(['default', ...known.flatMap(({ settings }) => settings.egress ?? [])])].slice(
      0,
      SHOWN,
    );
    const hashes = (await asMany(
      names.reduce(
        (pipeline, name) => pipeline.hmget(keys.budget(name), 'closed_until', 'closed_since'),
        redis.pipeline(),
      ),
    )) as ((string | null)[] | null)[];
    return hashes.flatMap((fields, i) => {
      const { untilMs } = momentOf('untilMs', fields?.[0]);
      // One that lies much farther ahead than any closure was set by a clock that has been turned back since.
      if (untilMs === undefined || untilMs <= nowMs || untilMs > nowMs + 2 * 3_600_000 + 60_000) return [];
      return [{ egress: names[i]!, untilMs, ...momentOf('sinceMs', fields?.[1]) }];
    });
  };

  const consumersNow = async (): Promise<Pick<SystemFacts, 'consumers' | 'unreadableConsumers'>> => {
    const { consumers: seen, unreadable } = await consumers.list();
    if (!positions) return { unreadableConsumers: unreadable };
    const known = await positions;
    const now = await Promise.all(
      seen.map(async ({ consumer }) => {
        const slowest = known.slowest(consumer.name);
        const instances = known.instancesOf(consumer.name);
        const lag = slowest && (await consumers.lagOf(slowest.position, slowest.seq));
        const heardMs = Math.max(0, ...instances.map((one) => one.heardMs));
        const unapplied = Math.max(
          0,
          ...instances.filter(({ live }) => live).map((one) => one.unapplied.count),
        );
        const createdMs = Date.parse(consumer.created_at);
        return {
          name: consumer.name,
          state: consumer.state,
          live: slowest !== undefined,
          lagMs: lag && lag.events > 0 ? lag.ms : 0,
          lagEvents: lag?.events ?? 0,
          unapplied,
          ...(Number.isFinite(createdMs) && { createdMs }),
          ...(heardMs > 0 && { heardMs }),
        };
      }),
    );
    return { consumers: now, unreadableConsumers: unreadable };
  };

  const oldestRotation = async (): Promise<SystemFacts['oldest']> => {
    const [id] = await redis.zrange(keys.rotations('open'), '0', '0');
    if (id === undefined) return undefined;
    const [fields] = (await asMany(
      redis.pipeline().hmget(keys.rotation(id), 'state', 'created', 'error'),
    )) as ((string | null)[] | null)[];
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

  const unscheduledPolicies = async (nowMs: number): Promise<SystemFacts['unscheduledPolicies']> => {
    const ids = await redis.zrange(keys.policies, '0', String(LOOKED_AT - 1));
    const hashes = (await asMany(
      ids.reduce((pipeline, id) => pipeline.hgetall(keys.policy(id)), redis.pipeline()),
    )) as (Record<string, string> | null)[];
    const scheduled = new Set(await redis.zrange(`${keys.bull}:policies:repeat`, '0', '-1'));
    const computable = new Map<string, boolean>();
    return ids.flatMap((id, i): SystemFacts['unscheduledPolicies'] => {
      const hash = hashes[i];
      // Deleted since its id was read.
      if (hash && Object.keys(hash).length === 0) return [];
      const policy = hash ? attempt(() => parsePolicy(id, hash)) : undefined;
      if (!policy) return [{ id, why: 'unreadable' }];
      if (policy.paused) return [];
      const { window } = policy;
      const schedule = JSON.stringify([window.cron, window.timeZone]);
      const isComputable =
        computable.get(schedule) ?? attempt(() => nextOpening(window, nowMs)) !== undefined;
      computable.set(schedule, isComputable);
      if (!isComputable) return [{ id, why: 'calendar' }];
      return scheduled.has(id) || nowMs - policy.updatedMs < POLICY_SCHEDULED_WITHIN_MS
        ? []
        : [{ id, why: 'missing' }];
    });
  };

  const overduePolicies = async (nowMs: number): Promise<SystemFacts['overduePolicies']> => {
    const scheduled = await redis.zrangebyscore(
      `${keys.bull}:policies:repeat`,
      0,
      nowMs - POLICY_OVERDUE_MS,
      'WITHSCORES',
      'LIMIT',
      0,
      SHOWN,
    );
    const due = scheduled.flatMap((id, i) => (i % 2 === 0 ? [{ id, dueMs: Number(scheduled[i + 1]) }] : []));
    const policies = (await asMany(
      due.reduce((pipeline, { id }) => pipeline.hmget(keys.policy(id), 'org', 'paused'), redis.pipeline()),
    )) as ((string | null)[] | null)[];
    return due.filter((_, i) => typeof policies[i]?.[0] === 'string' && policies[i]?.[1] !== '1');
  };

  const rolledBackNow = async (nowMs: number): Promise<SystemFacts['rolledBack']> => {
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
    const rotated = (await asMany(
      found.reduce(
        (pipeline, { assistantId }) => pipeline.hget(keys.assistant(assistantId), 'rotated'),
        redis.pipeline(),
      ),
    )) as (string | null)[];
    return found.filter(({ sinceMs }, i) => numberOf(rotated[i]) <= sinceMs);
  };

  const runningSweep = async (nowMs: number): Promise<SystemFacts['sweeps']['running']> => {
    const [id, lease] = await redis.hmget(keys.sweeping, 'id', 'lease');
    if (!id || Number(lease ?? 0) <= nowMs) return undefined;
    return { id, ...momentOf('startedMs', await redis.hget(keys.sweep(id), 'started')) };
  };

  const redisNow = async (): Promise<SystemFacts['redis']> => {
    const [memory, persistence] = await Promise.all([redis.info('memory'), redis.info('persistence')]);
    const field = (info: string, name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
    const limit = Number(field(memory, 'maxmemory') ?? 0);
    const policy = field(memory, 'maxmemory_policy');
    const aof = field(persistence, 'aof_enabled');
    return {
      ...(policy !== undefined && { policy }),
      ...(limit > 0 && { usedShare: Number(field(memory, 'used_memory') ?? 0) / limit }),
      ...(aof !== undefined && { durable: aof === '1' }),
      writesFail:
        (aof === '1' && field(persistence, 'aof_last_write_status') === 'err') ||
        field(persistence, 'rdb_last_bgsave_status') === 'err',
    };
  };

  return {
    freeze: async (reason) => {
      await run.freeze([keys.ledger], [reason]);
    },

    unfreeze: async () => {
      await redis.hdel(keys.ledger, 'frozen', 'frozen_reason');
    },

    holdings,

    sweepTimes: async () => {
      const nowMs = await redisNowMs(redis);
      const [begun, ended] = await redis.hmget(keys.ledger, 'sweep_begun', 'sweep_ended');
      const endedMs = readSweep(ended)?.endedMs;
      return {
        nowMs,
        running: (await runningSweep(nowMs)) !== undefined,
        ...momentOf('begunMs', begun),
        ...(endedMs !== undefined && { endedMs }),
      };
    },

    status: async () => {
      const nowMs = await redisNowMs(redis);
      const damaged = await findDamage(redis, keys);
      const [hash, ...counts] = (await asMany(
        redis
          .pipeline()
          .hgetall(keys.ledger)
          .zcard(keys.rotations('open'))
          .zcard(keys.rotations('FAILED'))
          .hlen(keys.uncertain)
          .hlen(keys.quarantine)
          .zcard(keys.checks)
          .hlen(keys.stale)
          .zcard(keys.slowChecks)
          .hlen(keys.tooLarge),
      )) as [Record<string, string> | null, ...(number | null)[]];
      const facts = hash ?? {};
      const [
        open,
        failed,
        uncertainCount,
        quarantinedCount,
        checksDue,
        staleCount,
        slowChecksDue,
        tooLargeCount,
      ] = counts.map(Number) as [number, number, number, number, number, number, number, number];
      const [known, held, { known: orgName, conflict }] = await Promise.all([
        unlessDamaged(processes.list(), []),
        unlessDamaged(holdings(), { assistants: 0, consumers: 0, policies: 0 }),
        unlessDamaged(alias.read(), {} as Awaited<ReturnType<typeof alias.read>>),
      ]);
      const { openIntents: intents, reconciling } = await unlessDamaged(openIntents(facts), {
        openIntents: [],
        reconciling: [],
      });
      const { openBulks, stopped, waiting } = await unlessDamaged(bulksNow(), {
        openBulks: [],
        stopped: [],
        waiting: 0,
      });
      const [consumerFacts, budgets, oldest, policies, unscheduled, running, rolledBack, redisFacts] =
        await Promise.all([
          unlessDamaged(consumersNow(), { unreadableConsumers: [] }),
          budgetsNow(nowMs, known),
          unlessDamaged(oldestRotation(), undefined),
          unlessDamaged(overduePolicies(nowMs), []),
          unlessDamaged(unscheduledPolicies(nowMs), []),
          unlessDamaged(runningSweep(nowMs), undefined),
          unlessDamaged(rolledBackNow(nowMs), []),
          redisNow().catch(() => ({})),
        ]);
      const [uncertainAll, quarantinedAll, staleAll, heldAll, tooLargeAll] = await Promise.all(
        [keys.uncertain, keys.quarantine, keys.stale, keys.held, keys.tooLarge].map((key) =>
          unlessDamaged(someFields(redis, key), []),
        ),
      );
      const uncertain = longestFirst(
        uncertainAll!.map(([assistantId, text]) => ({ assistantId, ...read(Doubt, text) })),
      );
      const quarantined = longestFirst(
        quarantinedAll!.map(([assistantId, text]) => ({
          assistantId,
          ...(read(Quarantine, text) ?? { why: 'its entry in the quarantine cannot be read' }),
        })),
      );
      const stale = longestFirst(
        staleAll!.map(([assistantId, text]) => ({ assistantId, ...read(Stale, text) })),
      );
      const tooLarge = longestFirst(
        tooLargeAll!.map(([assistantId, text]) => ({ assistantId, ...read(Stale, text) })),
      );
      const heldOrgs = heldOrgsOf(heldAll!);
      const since = facts['frozen'];
      const frozen =
        since === undefined
          ? undefined
          : { ...momentOf('sinceMs', since), reason: facts['frozen_reason'] ?? '' };
      const lastEnded = readSweep(facts['sweep_ended']);
      const lastSuccess = readSweep(facts['sweep_succeeded']);
      const before = read(Holdings, facts['before'] ?? '');
      const ledger = {
        id: facts['id'] ?? '',
        now: held,
        ...momentOf('begunMs', facts['begun']),
        ...momentOf('lostMs', facts['lost']),
        ...(before && { before }),
      };
      const unknownsInARow = Object.keys(facts).flatMap((field) => {
        if (!field.startsWith(RUN_OF)) return [];
        const orgId = field.slice(RUN_OF.length);
        return [{ orgId, count: numberOf(facts[field]), ...momentOf('atMs', facts[`${RUN_AT_OF}${orgId}`]) }];
      });
      const attention = attentionOf({
        nowMs,
        damaged,
        processes: known,
        ledger,
        openRotations: open + waiting,
        budgets,
        heldOrgs,
        stale: { first: stale, count: staleCount },
        tooLarge: { first: tooLarge, count: tooLargeCount },
        uncertain: { first: uncertain, count: uncertainCount },
        quarantined: { first: quarantined, count: quarantinedCount },
        unknownsInARow,
        rolledBack,
        stoppedBulks: stopped,
        reconciling,
        unscheduledPolicies: unscheduled,
        overduePolicies: policies,
        sweeps: {
          ...(lastEnded && { lastEnded }),
          ...(lastSuccess && { lastSuccess }),
          ...(running && { running }),
        },
        redis: redisFacts,
        ...consumerFacts,
        ...(facts['clock_jump'] !== undefined && { clockJump: facts['clock_jump'] }),
        ...(frozen && { frozen }),
        ...(oldest && { oldest }),
        ...momentOf('restartedMs', facts['restarted']),
      });
      return {
        attention,
        processes: known.map(({ id, kind, roles, version, startedMs, seenMs, live }) => ({
          id,
          kind,
          roles,
          version,
          startedMs,
          seenMs,
          live,
        })),
        ledger,
        ...(lastEnded && { lastSweep: sweepOf(lastEnded) }),
        ...(lastSuccess && { lastSuccess: sweepOf(lastSuccess) }),
        ...(running && { runningSweep: running }),
        openBulks,
        ...(frozen && { frozen }),
        rotations: { open: open + waiting, failed, waitingInBulks: waiting },
        openIntents: intents,
        uncertain,
        uncertainCount,
        quarantined,
        quarantinedCount,
        checksDue: checksDue + slowChecksDue,
        heldOrgs,
        ...(orgName || conflict ? { orgAlias: { ...orgName, ...(conflict && { conflict }) } } : {}),
      };
    },
  };
};

const attempt = <T>(compute: () => T): T | undefined => {
  try {
    return compute();
  } catch {
    return undefined;
  }
};

const replies = async (pipeline: ChainableCommander): Promise<unknown[]> =>
  ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });

/** The same; null for an entry of a wrong type, which must not hide the others. */
const asMany = async (pipeline: ChainableCommander): Promise<unknown[]> =>
  ((await pipeline.exec()) ?? []).map(([error, reply]) => (error ? null : reply));

/** What is read from a key of another type is as if it were not there: the status names that key. */
const unlessDamaged = <T>(reading: Promise<T>, otherwise: T): Promise<T> =>
  reading.catch((error: unknown) => {
    if (isWrongType(error)) return otherwise;
    throw error;
  });

/**
 * Fields and values of a hash that may be long: all of a short one, and of a long one about as many as are
 * looked at.
 */
const someFields = async (redis: Redis, key: string): Promise<[string, string][]> => {
  const found = new Map<string, string>();
  let cursor = '0';
  do {
    const [next, flat] = await redis.hscan(key, cursor, 'COUNT', LOOKED_AT);
    for (let i = 0; i + 1 < flat.length; i += 2) found.set(flat[i]!, flat[i + 1]!);
    cursor = next;
  } while (cursor !== '0' && found.size < LOOKED_AT);
  return [...found];
};

const longestFirst = <T extends AssistantSince>(entries: T[]): T[] =>
  entries.toSorted((a, b) => (a.sinceMs ?? 0) - (b.sinceMs ?? 0)).slice(0, SHOWN);

const Doubt = z
  .object({ time: z.iso.datetime({ offset: true }) })
  .transform(({ time }) => ({ sinceMs: Date.parse(time) }));
const Quarantine = z
  .object({ since: moment, why: z.string() })
  .transform(({ since, why }) => ({ sinceMs: since, why }));
const Stale = z
  .object({ since: moment, org: z.string().optional() })
  .transform(({ since, org }) => ({ sinceMs: since, ...(org !== undefined && { orgId: org }) }));
const Holdings = z.object({
  assistants: z.int().nonnegative(),
  consumers: z.int().nonnegative(),
  policies: z.int().nonnegative(),
});
const EndedSweep = z.object({
  id: z.string(),
  state: z.enum(['SUCCEEDED', 'FAILED']),
  began: moment.optional(),
  ended: moment,
  compared: z.int().nonnegative(),
  error: z.string().regex(/^[A-Z_]{0,64}$/),
});

const readSweep = (text: string | null | undefined): (LastSweep & { beganMs?: number }) | undefined => {
  const parsed = read(EndedSweep, text ?? '');
  if (!parsed) return undefined;
  const { id, state, began, ended, compared, error } = parsed;
  return {
    id,
    state,
    endedMs: ended,
    compared,
    ...(began !== undefined && { beganMs: began }),
    ...(error !== '' && { errorCode: error }),
  };
};
const sweepOf = ({ id, state, endedMs, compared, errorCode }: LastSweep): LastSweep => ({
  id,
  state,
  endedMs,
  compared,
  ...(errorCode !== undefined && { errorCode }),
});

/** A moment under a name, if the text is one. */
const momentOf = <K extends string>(name: K, text: string | null | undefined): { [P in K]?: number } => {
  const isMoment = typeof text === 'string' && text !== '' && moment.safeParse(Number(text)).success;
  return (isMoment ? { [name]: Number(text) } : {}) as { [P in K]?: number };
};
const numberOf = (text: string | null | undefined): number => {
  const number = Number(text ?? 0);
  return Number.isFinite(number) && number > 0 ? Math.floor(number) : 0;
};

const read = <T extends z.ZodType>(schema: T, text: string): z.output<T> | undefined => {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
};
