import type { Attention, SystemStatus } from '@rekey/client';
import { number } from '../bulk/bulk-output.ts';
import { archiveJson, archiveRows } from './archive-output.ts';
import { isoTime, printable, table, withoutEmpty } from './output.ts';
import { styled, styledState } from './style.ts';

/** Whether nothing needs operator action, for `rekey status --check`. */
export const isAllClear = ({ attention }: SystemStatus): boolean => attention.length === 0;

const holdingsJson = (held: NonNullable<SystemStatus['ledger']>['now']) =>
  held && {
    assistant_count: held.assistantCount,
    consumer_count: held.consumerCount,
    policy_count: held.policyCount,
  };

const sweepJson = (sweep: SystemStatus['lastSweep']) =>
  sweep &&
  withoutEmpty({
    id: sweep.id,
    state: sweep.state,
    end_time: isoTime(sweep.endTime),
    compared_count: sweep.comparedCount,
    reason: sweep.reason,
  });

/** The status as --json shows it: the contract's names, RFC 3339 times, unset fields left out. */
export const statusJson = (status: SystemStatus): Record<string, unknown> =>
  withoutEmpty({
    all_clear: isAllClear(status),
    attention: status.attention.map(({ code, sinceTime, subject, message, advice }) =>
      withoutEmpty({ code, since_time: isoTime(sinceTime), subject, message, advice }),
    ),
    processes: status.processes.map(({ id, kind, roles, version, startTime, seenTime, live }) =>
      withoutEmpty({
        id,
        kind,
        roles,
        version,
        start_time: isoTime(startTime),
        seen_time: isoTime(seenTime),
        live,
      }),
    ),
    last_sweep: sweepJson(status.lastSweep),
    last_successful_sweep: sweepJson(status.lastSuccessfulSweep),
    running_sweep_id: status.runningSweepId,
    open_bulk_rotations: status.openBulkRotations.map(({ id, state, totalCount, doneCount }) => ({
      id,
      state,
      total_count: totalCount,
      done_count: doneCount,
    })),
    frozen:
      status.frozen &&
      withoutEmpty({
        since_time: isoTime(status.frozen.sinceTime),
        reason: status.frozen.reason,
        requested_by: status.frozen.requestedBy,
      }),
    open_rotation_count: status.openRotationCount,
    waiting_in_bulks_count: status.waitingInBulksCount,
    failed_rotation_count: status.failedRotationCount,
    open_intents: status.openIntents.map(({ orgId, count }) => ({ org_id: orgId, count })),
    uncertain_count: status.uncertainCount,
    uncertain: status.uncertain.map(({ assistantId, sinceTime }) =>
      withoutEmpty({ assistant_id: assistantId, since_time: isoTime(sinceTime) }),
    ),
    quarantined_count: status.quarantinedCount,
    quarantined: status.quarantined.map(({ assistantId, sinceTime, why }) =>
      withoutEmpty({ assistant_id: assistantId, since_time: isoTime(sinceTime), why }),
    ),
    check_count: status.checkCount,
    org_alias:
      status.orgAlias &&
      withoutEmpty({
        org_id: status.orgAlias.orgId,
        known_by: status.orgAlias.knownBy,
        since_time: isoTime(status.orgAlias.sinceTime),
        conflict: status.orgAlias.conflict?.why,
        conflict_org_ids: status.orgAlias.conflict?.orgIds ?? [],
        conflict_time: isoTime(status.orgAlias.conflict?.sinceTime),
      }),
    archive: archiveJson(status.archive),
    registry: status.registry && {
      registry_rev: status.registry.registryRev,
      no_memory: status.registry.noMemory,
    },
    limited_callers: status.limitedCallers.map(({ caller, limit, refusedCount, sinceTime }) =>
      withoutEmpty({ caller, limit, refused_count: refusedCount, since_time: isoTime(sinceTime) }),
    ),
    ledger:
      status.ledger &&
      withoutEmpty({
        id: status.ledger.id,
        begin_time: isoTime(status.ledger.beginTime),
        lost_time: isoTime(status.ledger.lostTime),
        before: holdingsJson(status.ledger.before),
        now: holdingsJson(status.ledger.now),
      }),
  });

const since = (time: Parameters<typeof isoTime>[0]): string => `since ${isoTime(time) ?? 'an unknown time'}`;

const attentionText = ({ code, subject, sinceTime, message, advice }: Attention): string => {
  const head = [
    styled('bold', code),
    subject && printable(subject),
    sinceTime ? `since ${isoTime(sinceTime)}` : '',
  ]
    .filter(Boolean)
    .join('  ');
  return [head, `  ${printable(message)}`, `  To do: ${printable(advice)}`]
    .map((line) => `  ${line}`)
    .join('\n');
};

const count = (n: number, one: string): string => `${number(n)} ${one}${n === 1 ? '' : 's'}`;

/** The evidence for "all clear". */
const evidence = ({ processes, lastSuccessfulSweep }: SystemStatus): string => {
  const workers = processes.filter(({ live, roles }) => live && roles.includes('rotating')).length;
  const sweep = lastSuccessfulSweep
    ? `; the last sweep SUCCEEDED at ${isoTime(lastSuccessfulSweep.endTime)} ` +
      `and compared ${count(lastSuccessfulSweep.comparedCount, 'assistant')}`
    : '';
  return `${count(workers, 'live worker')}${sweep}`;
};

const inProgressText = ({
  openBulkRotations,
  runningSweepId,
  openRotationCount,
  waitingInBulksCount,
}: SystemStatus): string[] => {
  const waiting = waitingInBulksCount > 0 ? `, ${number(waitingInBulksCount)} of them in bulk rotations` : '';
  const lines = [
    ...openBulkRotations.map(({ id, state, doneCount, totalCount }) => {
      const progress = totalCount > 0 ? `${number(doneCount)} of ${number(totalCount)}` : '';
      return `  bulk rotation  ${printable(id)}  ${styledState(printable(state))}  ${progress}`.trimEnd();
    }),
    ...(runningSweepId === undefined ? [] : [`  sweep          ${printable(runningSweepId)}`]),
    ...(openRotationCount > 0 ? [`  rotations      ${number(openRotationCount)} open${waiting}`] : []),
  ];
  return lines.length > 0 ? ['', styled('bold', 'In progress'), ...lines] : [];
};

const aliasRows = (alias: SystemStatus['orgAlias']): [string, string][] => {
  if (!alias) return [];
  const known: [string, string][] =
    alias.orgId === undefined
      ? []
      : [['org `c`', `${alias.orgId}  ${alias.knownBy ?? ''} ${since(alias.sinceTime)}`]];
  const { conflict } = alias;
  if (!conflict) return known;
  return [
    ...known,
    [
      'alias conflict',
      `${since(conflict.sinceTime)}: ${conflict.why} (${conflict.orgIds.join(', ')}); ` +
        'set INVENT_ORG_ID for the workers',
    ],
  ];
};

const registryRows = (registry: SystemStatus['registry']): [string, string][] =>
  registry
    ? [
        [
          'registry',
          `rev ${registry.registryRev}` +
            (registry.noMemory ? '; kept in memory only: set REKEY_REGISTRY_MEMORY of the gateway' : ''),
        ],
      ]
    : [];

const limitedRows = (callers: SystemStatus['limitedCallers']): [string, string][] =>
  callers.length === 0
    ? []
    : [
        ['callers at a limit', 'of this gateway'],
        ...callers.map(({ caller, limit, refusedCount, sinceTime }): [string, string] => [
          `  ${printable(limit)}`,
          `${printable(caller)}  ${number(refusedCount)} refused ${since(sinceTime)}`,
        ]),
      ];

const totalsText = (status: SystemStatus): string =>
  table([
    [
      'processes',
      status.processes
        .filter(({ live }) => live)
        .map(({ id }) => id)
        .join(', ') || 'none live',
    ],
    [
      'last sweep',
      status.lastSweep
        ? `${status.lastSweep.state} at ${isoTime(status.lastSweep.endTime)}, ` +
          `${count(status.lastSweep.comparedCount, 'assistant')} compared`
        : 'none has ended',
    ],
    ['frozen', status.frozen ? `${since(status.frozen.sinceTime)}: ${status.frozen.reason}` : 'no'],
    ['frozen by', status.frozen?.requestedBy],
    ['open rotations', String(status.openRotationCount)],
    ['failed rotations', String(status.failedRotationCount)],
    ['open intents', String(status.openIntents.reduce((sum, one) => sum + one.count, 0))],
    ...status.openIntents.map(({ orgId, count: open }): [string, string] => ['  org', `${open}  ${orgId}`]),
    ['uncertain', String(status.uncertainCount)],
    ...status.uncertain.map(({ assistantId, sinceTime }): [string, string] => [
      '  assistant',
      `${assistantId}  ${since(sinceTime)}`,
    ]),
    ['quarantined', String(status.quarantinedCount)],
    ...status.quarantined.map(({ assistantId, sinceTime, why }): [string, string] => [
      '  assistant',
      `${assistantId}  ${since(sinceTime)}: ${why}`,
    ]),
    ['checks due', String(status.checkCount)],
    ...archiveRows(status.archive),
    ...registryRows(status.registry),
    ...limitedRows(status.limitedCallers),
    ...aliasRows(status.orgAlias),
  ]).replace(/^/gm, '  ');

/** What needs operator action, what is in progress, and the totals, in this order. */
export const statusText = (status: SystemStatus): string => {
  const { attention } = status;
  const lead = isAllClear(status)
    ? [`${styled(['bold', 'green'], 'All clear')}: ${evidence(status)}.`]
    : [
        styled(['bold', 'red'], `Needs operator action (${attention.length})`),
        ...attention.map(attentionText),
      ];
  return [...lead, ...inProgressText(status), '', styled('bold', 'Totals'), totalsText(status)].join('\n');
};
