import type { Consumer, UnappliedVersion } from '@rekey/client';
import { printable } from './escape.ts';
import { recordOf, type Column } from './list.ts';
import { isoTime, table } from './output.ts';

const time = (ms: number): string =>
  ms < 1000
    ? `${Math.round(ms)} ms`
    : ms < 120_000
      ? `${(ms / 1000).toFixed(1)} s`
      : `${Math.round(ms / 60_000)} min`;

const versionJson = ({ assistantId, version = 0, why }: UnappliedVersion) => ({
  assistant_id: assistantId,
  version,
  why,
});

const instanceJson = (one: Consumer['instances'][number]) => ({
  id: one.id,
  live: one.live,
  heard_time: isoTime(one.heardTime),
  position: one.position,
  seq: one.seq,
  key_count: one.keyCount,
  unapplied_count: one.unappliedCount,
  unapplied: one.unapplied.map(versionJson),
  refused_count: one.refusedCount,
  refused: one.refused.map(versionJson),
});

const live = (consumer: Consumer) => consumer.instances.filter((one) => one.live);
const unapplied = (consumer: Consumer): number =>
  live(consumer).reduce((sum, one) => sum + one.unappliedCount, 0);
const refused = (consumer: Consumer): number =>
  live(consumer).reduce((sum, one) => sum + one.refusedCount, 0);

const countText = (count: number): string | undefined => (count === 0 ? undefined : String(count));
const keysText = (consumer: Consumer): string | undefined =>
  live(consumer).length === 0
    ? undefined
    : Math.min(...live(consumer).map((one) => one.keyCount)).toLocaleString('en');

/** Its lag in words. */
const lagText = (consumer: Consumer): string => {
  if (!consumer.live) return 'not running';
  const events = consumer.lagEvents;
  return events === 0 ? 'up to date' : `${events.toLocaleString('en')} events, ${time(consumer.lagMs ?? 0)}`;
};

/** Consumers, for their list and their status. */
export const consumerColumns: readonly Column<Consumer>[] = [
  { name: 'name', value: ({ name }) => name },
  { name: 'state', kind: 'state', value: ({ state }) => state },
  { name: 'create_time', header: 'ADDED', isOptional: true, value: ({ createTime }) => createTime },
  { name: 'requested_by', header: 'BY', isOptional: true, value: ({ requestedBy }) => requestedBy },
  { name: 'key_type', isOptional: true, value: ({ keyType }) => keyType },
  { name: 'key_id', isOptional: true, value: ({ keyId }) => keyId },
  { name: 'live', isOptional: true, value: (consumer) => consumer.live },
  { name: 'lag_events', kind: 'number', isOptional: true, value: ({ lagEvents }) => lagEvents },
  { name: 'lag_ms', kind: 'number', isOptional: true, value: ({ lagMs }) => lagMs },
  { name: 'registry_rev', kind: 'number', isOptional: true, value: ({ registryRev }) => registryRev },
  {
    name: 'instances',
    kind: 'number',
    value: ({ instances }) => instances.map(instanceJson),
    show: (consumer) => String(live(consumer).length),
  },
  { name: 'lag', show: lagText },
  { name: 'keys', kind: 'number', show: keysText },
  { name: 'not_applied', kind: 'number', show: (consumer) => countText(unapplied(consumer)) },
  { name: 'refused', kind: 'number', show: (consumer) => countText(refused(consumer)) },
  { name: 'orgs', value: ({ orgs }) => orgs },
];

export const NO_CONSUMERS = 'no consumers; to add one, see rekey consumer add --help';

/** A consumer for programs. */
export const consumerJson = (consumer: Consumer): Record<string, unknown> =>
  recordOf(consumerColumns, consumer);

export const consumerText = (consumer: Consumer): string =>
  [
    table([
      ['consumer', consumer.name],
      ['state', String(consumer.state)],
      ['orgs', consumer.orgs.join(' ')],
      ['key', `${consumer.keyType} ${consumer.keyId ?? ''}`],
      ['added', isoTime(consumer.createTime)],
      ['added by', consumer.requestedBy],
      ['lag', lagText(consumer)],
      ['rev', consumer.registryRev === undefined ? undefined : String(consumer.registryRev)],
    ]),
    ...consumer.instances.map((one) => {
      const keys = `${one.keyCount.toLocaleString('en')} keys`;
      const failed = one.unappliedCount > 0 ? [`${one.unappliedCount} not applied`] : [];
      const refusals = one.refusedCount > 0 ? [`${one.refusedCount} refused since it started`] : [];
      return [
        `  ${one.live ? 'live' : 'gone'}`,
        printable(one.id),
        `seq ${one.seq}`,
        keys,
        `last seen ${isoTime(one.heardTime)}`,
        ...failed,
        ...refusals,
      ].join('  ');
    }),
    ...live(consumer).flatMap((one) =>
      one.unapplied
        .slice(0, 5)
        .map(({ assistantId, why }) => `  not applied for ${printable(assistantId)}: ${printable(why)}`),
    ),
    ...live(consumer).flatMap((one) =>
      one.refused
        .slice(0, 5)
        .map(
          ({ assistantId, why }) =>
            `  refused for ${printable(assistantId) || 'no assistant'}: ${printable(why)}`,
        ),
    ),
  ].join('\n');
