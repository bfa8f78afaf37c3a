import type { Connection } from '../../connection.ts';
import type { ConsumerPositions } from '../../consumers/consumer-positions.ts';
import type { Consumers } from '../../consumers/consumers.ts';
import type { SeenConsumer } from '../../registry/believed.ts';
import type { SystemFacts } from '../attention/facts.ts';
import type { KnownProcess } from '../processes.ts';
import { readRepaired, type RegistryProblem } from '../../registry/problems.ts';
import type { Registry } from '../../registry/registry.ts';
import { SHOWN, fieldsOf, momentOf, unlessDamaged } from './replies.ts';

/** The progress of consumers, as the status needs it. */
export type KnownPositions = Promise<Pick<ConsumerPositions, 'slowest' | 'instancesOf' | 'unreadableForMs'>>;

/** The addresses that requests leave from, as far as they are shown. */
const egressesOf = (known: KnownProcess[]): string[] => {
  const egresses = known.flatMap(({ settings }) => settings.egress ?? []);
  return [...new Set(['default', ...egresses])].slice(0, SHOWN);
};

/** The request budgets of these addresses. */
export const budgetKeys = ({ keys }: Connection, known: KnownProcess[]): string[] =>
  egressesOf(known).map(keys.budget);

/** The request budgets that upstream has closed. */
export const readBudgets = async (
  { redis, keys }: Connection,
  nowMs: number,
  known: KnownProcess[],
): Promise<SystemFacts['budgets']> => {
  const names = egressesOf(known);
  const hashes = await fieldsOf(redis, names.map(keys.budget), 'closed_until', 'closed_since');
  return hashes.flatMap((fields, i) => {
    const { untilMs } = momentOf('untilMs', fields?.[0]);
    // A closure that lasts much longer than any was set before the clock was turned back.
    if (untilMs === undefined || untilMs <= nowMs || untilMs > nowMs + 2 * 3_600_000 + 60_000) return [];
    return [{ egress: names[i]!, untilMs, ...momentOf('sinceMs', fields?.[1]) }];
  });
};

const consumerFacts = async (
  { consumer }: SeenConsumer,
  consumers: Consumers,
  known: Awaited<KnownPositions>,
): Promise<NonNullable<SystemFacts['consumers']>[number]> => {
  const slowest = known.slowest(consumer.name);
  const instances = known.instancesOf(consumer.name);
  const lag = slowest && (await consumers.lagOf(slowest.position, slowest.seq));
  const heardMs = Math.max(0, ...instances.map((one) => one.heardMs));
  const unapplied = Math.max(0, ...instances.filter(({ live }) => live).map((one) => one.unapplied.count));
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
};

export const readConsumers = async (
  consumers: Consumers,
  positions: KnownPositions | undefined,
): Promise<Pick<SystemFacts, 'consumers' | 'acknowledgementsUnreadableMs' | 'unreadableConsumers'>> => {
  const { consumers: seen, unreadable } = await consumers.list();
  if (!positions) return { unreadableConsumers: unreadable };
  const known = await positions;
  const unreadableMs = known.unreadableForMs();
  if (unreadableMs !== undefined)
    return { acknowledgementsUnreadableMs: unreadableMs, unreadableConsumers: unreadable };
  return {
    consumers: await Promise.all(seen.map((one) => consumerFacts(one, consumers, known))),
    unreadableConsumers: unreadable,
  };
};

/** `noted`: what some process has repaired, as it noted that in the ledger. */
export const readRegistry = async (
  registry: Registry,
  noted: string | undefined,
  known: KnownProcess[],
): Promise<NonNullable<SystemFacts['registry']>> => {
  await unlessDamaged(registry.look(), undefined);
  const own = registry.problems();
  const isOwn = ({ code, subject }: RegistryProblem) =>
    own.some((one) => one.code === code && one.subject === subject);
  return {
    problems: [...own, ...readRepaired(noted).filter((one) => !isOwn(one))],
    lagging: registry.lagging(known),
  };
};

/** Memory and persistence of Redis. */
export const readRedis = async ({ redis }: Connection): Promise<SystemFacts['redis']> => {
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
