import type { ProtoStatus } from '@rekey/rpc';
import { Command } from 'commander';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { isoTime, table, withoutEmpty } from '../output.ts';

export const statusCommand = (): Command =>
  withGatewayOptions(new Command('status'))
    .description('show what is frozen, open, uncertain or in need of somebody')
    .action((options: GatewayOptions) => withGateway(options, async (client) => show(options, await client.getStatus({}))));

export const freezeCommand = (): Command =>
  withGatewayOptions(new Command('freeze'))
    .description('stop all rotations: nothing is sent that replaces a key; what is not known is still read back')
    .requiredOption('--reason <text>', 'why, for those who find it frozen')
    .action((options: GatewayOptions & { reason: string }) => withGateway(options, async (client) => show(options, await client.freeze({ reason: options.reason }))));

export const unfreezeCommand = (): Command =>
  withGatewayOptions(new Command('unfreeze'))
    .description('let rotations go on')
    .action((options: GatewayOptions) => withGateway(options, async (client) => show(options, await client.unfreeze({}))));

const show = (options: GatewayOptions, status: ProtoStatus): void => print(options, statusJson(status), statusText(status));

const statusJson = (status: ProtoStatus): Record<string, unknown> =>
  withoutEmpty({
    frozen: status.frozen && withoutEmpty({ since_time: isoTime(status.frozen.sinceTime), reason: status.frozen.reason }),
    open_rotation_count: status.openRotationCount,
    failed_rotation_count: status.failedRotationCount,
    open_intents: status.openIntents.map(({ orgId, count }) => ({ org_id: orgId, count })),
    uncertain_count: status.uncertainCount,
    uncertain: status.uncertain.map(({ assistantId, sinceTime }) => withoutEmpty({ assistant_id: assistantId, since_time: isoTime(sinceTime) })),
    quarantined_count: status.quarantinedCount,
    quarantined: status.quarantined.map(({ assistantId, sinceTime, why }) => withoutEmpty({ assistant_id: assistantId, since_time: isoTime(sinceTime), why })),
    check_count: status.checkCount,
    org_alias:
      status.orgAlias &&
      withoutEmpty({
        org_id: status.orgAlias.orgId, known_by: status.orgAlias.knownBy, since_time: isoTime(status.orgAlias.sinceTime),
        conflict: status.orgAlias.conflict, conflict_org_ids: status.orgAlias.conflictOrgIds, conflict_time: isoTime(status.orgAlias.conflictTime),
      }),
  });

const since = (time: Parameters<typeof isoTime>[0]): string => `since ${isoTime(time) ?? 'a time that cannot be read'}`;

const aliasRows = (alias: ProtoStatus['orgAlias']): [string, string][] => {
  if (!alias) return [];
  const known: [string, string][] = alias.orgId === '' ? [] : [['org `c`', `${alias.orgId}  ${alias.knownBy} ${since(alias.sinceTime)}`]];
  if (alias.conflict === '') return known;
  return [...known, ['alias conflict', `${since(alias.conflictTime)}: ${alias.conflict} (${alias.conflictOrgIds.join(', ')}); set INVENT_ORG_ID of the workers`]];
};

const statusText = (status: ProtoStatus): string =>
  table([
    ['frozen', status.frozen ? `${since(status.frozen.sinceTime)}: ${status.frozen.reason}` : 'no'],
    ['open rotations', String(status.openRotationCount)],
    ['failed rotations', String(status.failedRotationCount)],
    ['open intents', String(status.openIntents.reduce((sum, { count }) => sum + count, 0))],
    ...status.openIntents.map(({ orgId, count }): [string, string] => ['  of an org', `${count}  ${orgId}`]),
    ['uncertain', String(status.uncertainCount)],
    ...status.uncertain.map(({ assistantId, sinceTime }): [string, string] => ['  assistant', `${assistantId}  ${since(sinceTime)}`]),
    ['quarantined', String(status.quarantinedCount)],
    ...status.quarantined.map(({ assistantId, sinceTime, why }): [string, string] => ['  assistant', `${assistantId}  ${since(sinceTime)}: ${why}`]),
    ['checks due', String(status.checkCount)],
    ...aliasRows(status.orgAlias),
  ]);
