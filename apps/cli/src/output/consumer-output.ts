import type { Consumer, UnappliedVersion } from '@rekey/client';
import { columns, isoTime, printable, table, withoutEmpty } from './output.ts';

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

/** A consumer as --json shows it: the contract's names, RFC 3339 times, unset fields left out. */
export const consumerJson = (consumer: Consumer): Record<string, unknown> =>
  withoutEmpty({
    name: consumer.name,
    orgs: consumer.orgs,
    state: consumer.state,
    create_time: isoTime(consumer.createTime),
    requested_by: consumer.requestedBy,
    key_type: consumer.keyType,
    key_id: consumer.keyId,
    live: consumer.live,
    lag_events: consumer.lagEvents,
    lag_ms: consumer.lagMs,
    registry_rev: consumer.registryRev,
    instances: consumer.instances.map((one) => ({
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
    })),
  });

const live = (consumer: Consumer) => consumer.instances.filter((one) => one.live);
const unapplied = (consumer: Consumer): number =>
  live(consumer).reduce((sum, one) => sum + one.unappliedCount, 0);
const refused = (consumer: Consumer): number =>
  live(consumer).reduce((sum, one) => sum + one.refusedCount, 0);

/** Its lag in words. */
const lagText = (consumer: Consumer): string => {
  if (!consumer.live) return 'not running';
  const events = consumer.lagEvents;
  return events === 0 ? 'up to date' : `${events.toLocaleString('en')} events, ${time(consumer.lagMs ?? 0)}`;
};

const HEAD = ['NAME', 'STATE', 'INSTANCES', 'LAG', 'KEYS', 'NOT APPLIED', 'REFUSED', 'ORGS'];

export const consumersTable = (consumers: Consumer[]): string => {
  if (consumers.length === 0) return 'no consumers; to add one, see rekey consumer add --help\n';
  const rows = consumers.map((consumer) => [
    consumer.name,
    String(consumer.state),
    String(live(consumer).length),
    lagText(consumer),
    live(consumer).length === 0
      ? ''
      : Math.min(...live(consumer).map((one) => one.keyCount)).toLocaleString('en'),
    unapplied(consumer) === 0 ? '' : String(unapplied(consumer)),
    refused(consumer) === 0 ? '' : String(refused(consumer)),
    consumer.orgs.map(printable).join(' '),
  ]);
  return `${columns([HEAD, ...rows])}\n`;
};

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
