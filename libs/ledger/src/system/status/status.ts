import type { LastSweep, LedgerHoldings, ProcessStatus, SystemStatus } from '@rekey/schema';
import type { Connection } from '../../connection.ts';
import { archiveStatusOf, readArchive, type ReadArchiveReport } from '../../archive/archive-status.ts';
import type { ArchiveFeed } from '../../archive/archive-feed.ts';
import type { Consumers } from '../../consumers/consumers.ts';
import type { OrgAlias } from '../../orgs/org-alias.ts';
import { findQueueDamage } from '../../queues/queue-damage.ts';
import type { Registry } from '../../registry/registry.ts';
import { redisNowMs } from '../../time/redis-now.ts';
import { attentionOf } from '../attention/attention.ts';
import { findDamage } from './damage.ts';
import type { SystemFacts } from '../attention/facts.ts';
import { HoldingsNote, readSweepNote } from './notes.ts';
import { readOverdue, readUnscheduled } from './policy-facts.ts';
import {
  budgetKeys,
  readBudgets,
  readConsumers,
  readRedis,
  readRegistry,
  type KnownPositions,
} from './process-facts.ts';
import type { KnownProcess, Processes } from '../processes.ts';
import { readFacts, readNotes } from './read-notes.ts';
import { momentOf, readJson, readableReplies, unlessDamaged } from './replies.ts';
import {
  readBulks,
  readIntentsInAll,
  readOldest,
  readOpenIntents,
  readReconciling,
  readRolledBack,
  unknownsOf,
} from './rotation-facts.ts';

interface StatusSources {
  processes: Processes;
  consumers: Consumers;
  registry: Registry;
  alias: OrgAlias;
  positions: KnownPositions | undefined;
  archive: ArchiveFeed;
  readArchiveReport: ReadArchiveReport | undefined;
  holdings(): Promise<LedgerHoldings>;
}

/** The sweep that is running. */
export const readRunningSweep = async (
  { redis, keys }: Connection,
  nowMs: number,
): Promise<SystemFacts['sweeps']['running']> => {
  const [id, lease] = await redis.hmget(keys.sweeping, 'id', 'lease');
  if (!id || Number(lease ?? 0) <= nowMs) return undefined;
  return { id, ...momentOf('startedMs', await redis.hget(keys.sweep(id), 'started')) };
};

const readCounts = async ({ redis, keys }: Connection) => {
  const counts = (await readableReplies(
    redis
      .pipeline()
      .zcard(keys.rotations('open'))
      .zcard(keys.rotations('FAILED'))
      .hlen(keys.uncertain)
      .hlen(keys.quarantine)
      .zcard(keys.checks)
      .hlen(keys.stale)
      .zcard(keys.slowChecks)
      .hlen(keys.tooLarge),
  )) as (number | null)[];
  const [
    open = 0,
    failed = 0,
    uncertain = 0,
    quarantined = 0,
    checks = 0,
    stale = 0,
    slowChecks = 0,
    tooLarge = 0,
  ] = counts.map(Number);
  const checksDue = checks + slowChecks;
  return { open, failed, uncertain, quarantined, checksDue, stale, tooLarge };
};

const readWork = async (connection: Connection, facts: Record<string, string>) => {
  const openIntents = await unlessDamaged(readOpenIntents(connection, facts), []);
  const reconciling = await unlessDamaged(readReconciling(connection, openIntents), []);
  const bulks = await unlessDamaged(readBulks(connection), {
    openBulks: [],
    stopped: [],
    unreadable: [],
    waiting: 0,
  });
  return { openIntents, reconciling, bulks };
};

const readOthers = async (
  connection: Connection,
  { consumers, positions, archive: feed, readArchiveReport }: StatusSources,
  facts: Record<string, string>,
  nowMs: number,
  known: KnownProcess[],
) => {
  const [consumerFacts, budgets, oldest, overdue, unscheduled, running, rolledBack, archive, redis] =
    await Promise.all([
      unlessDamaged(readConsumers(consumers, positions), { unreadableConsumers: [] }),
      readBudgets(connection, nowMs, known),
      unlessDamaged(readOldest(connection), undefined),
      unlessDamaged(readOverdue(connection, nowMs), []),
      unlessDamaged(readUnscheduled(connection, nowMs), []),
      unlessDamaged(readRunningSweep(connection, nowMs), undefined),
      unlessDamaged(readRolledBack(connection, nowMs), []),
      readArchive(feed, readArchiveReport, known, facts['id']),
      readRedis(connection).catch((): SystemFacts['redis'] => ({})),
    ]);
  return { consumerFacts, budgets, oldest, overdue, unscheduled, running, rolledBack, archive, redis };
};

/** The limit is the worker's: two of them can have different ones. */
const overfullOf = (
  { keys }: Connection,
  openIntents: SystemStatus['openIntents'],
  known: KnownProcess[],
): { key: string; count: number }[] => {
  const limit = Math.max(0, ...known.flatMap(({ settings }) => settings.maxUnknowns ?? []));
  return openIntents
    .filter(({ count }) => limit > 0 && count > 2 * limit)
    .map(({ orgId, count }) => ({ key: keys.intents(orgId), count }));
};

const replacedOf = (facts: Record<string, string>) => ({
  ...momentOf('eventsReplacedMs', facts['events_replaced']),
  ...momentOf('activityReplacedMs', facts['activity_replaced']),
});

/** Who froze, if that was noted with this freeze: it starts with the same moment. */
const frozenBy = ({ frozen, frozen_by: by = '' }: Record<string, string>): { requestedBy?: string } =>
  by.startsWith(`${frozen} `) ? { requestedBy: by.slice(`${frozen} `.length) } : {};

const frozenOf = (facts: Record<string, string>): SystemFacts['frozen'] =>
  facts['frozen'] === undefined
    ? undefined
    : {
        ...momentOf('sinceMs', facts['frozen']),
        reason: facts['frozen_reason'] ?? '',
        ...frozenBy(facts),
      };

const ledgerOf = (facts: Record<string, string>, now: LedgerHoldings): SystemFacts['ledger'] => {
  const before = readJson(HoldingsNote, facts['before'] ?? '');
  return {
    id: facts['id'] ?? '',
    now,
    ...momentOf('begunMs', facts['begun']),
    ...momentOf('lostMs', facts['lost']),
    ...(before && { before }),
  };
};

const sweepOf = ({ id, state, endedMs, compared, errorCode }: LastSweep): LastSweep => ({
  id,
  state,
  endedMs,
  compared,
  ...(errorCode !== undefined && { errorCode }),
});

const sweepsOf = (
  lastEnded: LastSweep | undefined,
  lastSuccess: LastSweep | undefined,
  running: SystemFacts['sweeps']['running'],
): SystemFacts['sweeps'] => ({
  ...(lastEnded && { lastEnded }),
  ...(lastSuccess && { lastSuccess }),
  ...(running && { running }),
});

const processStatus = ({
  id,
  kind,
  roles,
  version,
  startedMs,
  seenMs,
  live,
}: KnownProcess): ProcessStatus => ({
  id,
  kind,
  roles,
  version,
  startedMs,
  seenMs,
  live,
});

/** Reads the status of the whole system. Entries that cannot be read are named in it, and do not break it. */
export const readStatus = async (connection: Connection, sources: StatusSources): Promise<SystemStatus> => {
  const nowMs = await redisNowMs(connection.redis);
  const counts = await readCounts(connection);
  const { facts, tooLong } = await readFacts(connection);
  const [known, holdings, { known: orgName, conflict }] = await Promise.all([
    unlessDamaged(sources.processes.list(), []),
    unlessDamaged(sources.holdings(), { assistants: 0, consumers: 0, policies: 0 }),
    unlessDamaged(sources.alias.read(), {} as Awaited<ReturnType<OrgAlias['read']>>),
  ]);
  const damaged = await findDamage(connection.redis, connection.keys, budgetKeys(connection, known));
  const damagedQueues = await findQueueDamage(connection.redis, connection.keys);
  const { openIntents, reconciling, bulks } = await readWork(connection, facts);
  const intentsInAll = await unlessDamaged(readIntentsInAll(connection, known), { count: 0, limit: 0 });
  const others = await readOthers(connection, sources, facts, nowMs, known);
  const notes = await readNotes(connection);
  const { uncertain, quarantined, stale, tooLarge, heldOrgs } = notes;
  const frozen = frozenOf(facts);
  const ledger = ledgerOf(facts, holdings);
  const lastEnded = readSweepNote(facts['sweep_ended']);
  const lastSuccess = readSweepNote(facts['sweep_succeeded']);
  const { running, oldest } = others;
  const open = counts.open + bulks.waiting;
  const attention = attentionOf({
    nowMs,
    damaged,
    damagedQueues,
    overfullIntents: overfullOf(connection, openIntents, known),
    tooLong: [...tooLong, ...notes.tooLong],
    ...replacedOf(facts),
    processes: known,
    ledger,
    openRotations: open,
    budgets: others.budgets,
    heldOrgs,
    stale: { first: stale, count: counts.stale },
    tooLarge: { first: tooLarge, count: counts.tooLarge },
    uncertain: { first: uncertain, count: counts.uncertain },
    quarantined: { first: quarantined, count: counts.quarantined },
    unknownsInARow: unknownsOf(facts),
    intentsInAll,
    indexedRotations: counts.open,
    rolledBack: others.rolledBack,
    stoppedBulks: bulks.stopped,
    unreadableBulks: bulks.unreadable,
    reconciling,
    unscheduledPolicies: others.unscheduled,
    overduePolicies: others.overdue,
    sweeps: sweepsOf(lastEnded, lastSuccess, running),
    redis: others.redis,
    archive: others.archive,
    registry: await readRegistry(sources.registry, facts['registry_repaired'], known),
    ...others.consumerFacts,
    ...(facts['clock_jump'] !== undefined && { clockJump: facts['clock_jump'] }),
    ...(frozen && { frozen }),
    ...(oldest && { oldest }),
    ...momentOf('restartedMs', facts['restarted']),
  });
  const shown = archiveStatusOf(others.archive);
  return {
    attention,
    processes: known.map(processStatus),
    ledger,
    ...(lastEnded && { lastSweep: sweepOf(lastEnded) }),
    ...(lastSuccess && { lastSuccess: sweepOf(lastSuccess) }),
    ...(running && { runningSweep: running }),
    openBulks: bulks.openBulks,
    ...(frozen && { frozen }),
    rotations: { open, failed: counts.failed, waitingInBulks: bulks.waiting },
    openIntents,
    uncertain,
    uncertainCount: counts.uncertain,
    quarantined,
    quarantinedCount: counts.quarantined,
    checksDue: counts.checksDue,
    heldOrgs,
    ...(shown && { archive: shown }),
    ...(orgName || conflict ? { orgAlias: { ...orgName, ...(conflict && { conflict }) } } : {}),
  };
};
