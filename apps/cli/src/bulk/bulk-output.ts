import type { BulkItem, BulkRotation } from '@rekey/client';
import {
  byText,
  NO_WORKER,
  consumersJson,
  explained,
  isoTime,
  printable,
  table,
  withoutEmpty,
} from '../output/output.ts';

/** The JSON form of a proto3 duration: seconds and an `s`. */
export const jsonDuration = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : `${ms / 1000}s`;

const units: [name: string, ms: number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/** The two largest units: `1 h 57 min`. */
export const humanDuration = (ms: number): string => {
  const seconds = Math.max(Math.ceil(ms / 1000), 0) * 1000;
  const first = units.findIndex(([, unitMs]) => seconds >= unitMs);
  if (first === -1) return '0 s';
  const [[name, unitMs], next] = [units[first]!, units[first + 1]];
  const whole = `${Math.floor(seconds / unitMs)} ${name}`;
  const part = next ? Math.floor((seconds % unitMs) / next[1]) : 0;
  return part > 0 ? `${whole} ${part} ${next![0]}` : whole;
};

export const number = (n: number): string => n.toLocaleString('en-US');

/** The number of assistants that have ended. */
export const doneOf = ({ counts }: BulkRotation): number =>
  counts.succeeded + counts.shared + counts.failed + counts.cancelled + counts.valid;

export const isBulkStopped = ({ state }: BulkRotation): boolean => state === 'PAUSED' || state === 'HALTED';

/** A bulk rotation as --json shows it: the contract's names, RFC 3339 times, unset fields left out. */
export const bulkJson = (bulk: BulkRotation): Record<string, unknown> =>
  withoutEmpty({
    id: bulk.id,
    org_id: bulk.orgId,
    state: bulk.state,
    reason: bulk.reason,
    request_id: bulk.requestId,
    requested_by: bulk.requestedBy,
    create_time: isoTime(bulk.createTime),
    start_time: isoTime(bulk.startTime),
    update_time: isoTime(bulk.updateTime),
    end_time: isoTime(bulk.endTime),
    urgent: bulk.urgent,
    validate_only: bulk.validateOnly,
    explicit: bulk.explicit,
    search: bulk.search,
    rotated_before: isoTime(bulk.rotatedBefore),
    canary: bulk.canary,
    max_failures: bulk.maxFailures,
    counts: bulk.counts,
    stop: bulk.stop,
    rate: bulk.rate,
    remaining: jsonDuration(bulk.remainingMs),
    estimate: bulk.estimate && {
      request_count: bulk.estimate.requestCount,
      duration: jsonDuration(bulk.estimate.durationMs),
    },
    verification: bulk.verification && {
      verified: bulk.verification.verified,
      repaired: bulk.verification.repaired,
      unverified: bulk.verification.unverified,
      differing_assistant_ids: bulk.verification.differingAssistantIds,
    },
    last_failures: bulk.lastFailures.map(({ assistantId, reason, time }) =>
      withoutEmpty({ assistant_id: assistantId, reason, time: isoTime(time) }),
    ),
    list:
      bulk.list &&
      withoutEmpty({
        incomplete: bulk.list.incomplete,
        listed_count: bulk.list.listedCount,
        invent_count: bulk.list.inventCount,
        unreadable_count: bulk.list.unreadableCount,
      }),
    policy_id: bulk.policyId,
    no_live_worker: bulk.noLiveWorker,
    consumers: consumersJson(bulk.consumers),
  });

const selectionText = ({ explicit, search, rotatedBefore }: BulkRotation): string => {
  if (explicit) return 'listed by id';
  const filters = [
    search && `matching ${printable(search)}`,
    rotatedBefore && `not rotated since ${isoTime(rotatedBefore)}`,
  ].filter(Boolean);
  return ['all of the org', ...filters].join(', ');
};

/** The listed number and Invent's count, unless they agree. */
export const listText = ({ list }: BulkRotation): string | undefined => {
  if (!list || (!list.incomplete && list.unreadableCount === 0)) return undefined;
  return [
    `${list.incomplete ? 'incomplete: ' : ''}${number(list.listedCount)} listed`,
    list.inventCount === undefined ? 'no count from Invent' : `${number(list.inventCount)} counted by Invent`,
    ...(list.unreadableCount > 0
      ? [`${number(list.unreadableCount)} left out (unreadable record or invalid id)`]
      : []),
  ].join(', ');
};

export const limitText = ({ maxFailures }: Pick<BulkRotation, 'maxFailures'>): string | undefined => {
  if (!maxFailures) return undefined;
  const limit = 'count' in maxFailures ? number(maxFailures.count) : `${maxFailures.percent}%`;
  return `if more than ${limit} have failed or have an unknown outcome`;
};

const canaryText = ({ canary }: BulkRotation): string | undefined => {
  if (!canary) return undefined;
  if (!canary.continues) return `${number(canary.count)}, then pause`;
  const consumers = canary.awaitsConsumers ? ' and consumers have applied their keys' : '';
  return `${number(canary.count)}, then the others if all of them succeed${consumers}`;
};

const verificationRows = ({ verification }: BulkRotation): [string, string | undefined][] => {
  if (!verification) return [];
  const { verified, repaired, unverified, differingAssistantIds } = verification;
  return [
    ['verified', verified ? `${number(verified)} published keys are in force at Invent` : undefined],
    ['repaired', repaired ? `${number(repaired)} had another key, which is now published` : undefined],
    ['not verified', unverified ? `${number(unverified)}; each is checked again later` : undefined],
    ...differingAssistantIds.slice(0, 10).map((id): [string, string] => ['  differs', id]),
  ];
};

const remainingText = ({ noLiveWorker, remainingMs }: BulkRotation): string | undefined => {
  if (noLiveWorker) return `unknown: ${NO_WORKER}`;
  return remainingMs === undefined ? undefined : `about ${humanDuration(remainingMs)}`;
};

/** A policy requests on behalf of whoever requested the policy. */
const requestedByText = ({ requestedBy, policyId }: BulkRotation): string | undefined =>
  requestedBy === undefined || policyId === undefined ? requestedBy : `${requestedBy}, policy ${policyId}`;

export const bulkText = (bulk: BulkRotation): string => {
  const { counts, estimate } = bulk;
  const total = counts.total > 0 || bulk.state !== 'PREPARING' ? number(counts.total) : 'not known yet';
  const some = (name: string, count: number | undefined): [string, string | undefined] => [
    `  ${name}`,
    count ? number(count) : undefined,
  ];
  return table([
    ['bulk rotation', bulk.id],
    ['org', bulk.orgId],
    ['state', bulk.validateOnly ? `${bulk.state} (dry run: nothing is rotated)` : bulk.state],
    ['why', explained(bulk.stop)],
    ['reason', bulk.reason],
    ['requested by', requestedByText(bulk)],
    ['assistants', `${total} (${selectionText(bulk)})`],
    ['list', listText(bulk)],
    some('waiting', counts.waiting),
    some('rotating', counts.rotating),
    some('outcome unknown', counts.unknown),
    some('succeeded', counts.succeeded),
    some('shared', counts.shared),
    some('failed', counts.failed),
    some('cancelled', counts.cancelled),
    some('would be rotated', counts.valid),
    some('duplicates left out', counts.duplicates),
    ['canary', canaryText(bulk)],
    ['halts', limitText(bulk)],
    ['urgent', bulk.urgent ? 'yes' : undefined],
    ['created', isoTime(bulk.createTime)],
    ['started', isoTime(bulk.startTime)],
    ['ended', isoTime(bulk.endTime)],
    ['rate', bulk.rate ? `${bulk.rate.toFixed(1)}/s` : undefined],
    ['remaining', remainingText(bulk)],
    [
      'estimate',
      estimate
        ? `${number(estimate.requestCount)} requests to Invent, about ${humanDuration(estimate.durationMs)}`
        : undefined,
    ],
    ...verificationRows(bulk),
    ...bulk.lastFailures.map(({ assistantId, reason }, i): [string, string] => [
      i === 0 ? 'last failures' : '',
      `${assistantId} ${reason}`,
    ]),
  ]);
};

/** One line of a list of bulk rotations. */
export const bulkLine = (bulk: BulkRotation): string => {
  const { id, state, orgId, counts, createTime, stop } = bulk;
  const progress = `${number(doneOf(bulk))}/${number(counts.total)}`;
  return [
    id,
    String(state).padEnd(10),
    isoTime(createTime),
    printable(orgId),
    progress,
    counts.failed ? `${number(counts.failed)} failed` : '',
    stop?.reason ?? '',
    byText(bulk),
  ]
    .filter(Boolean)
    .join('  ');
};

export const itemJson = ({ assistantId, state, error }: BulkItem): Record<string, unknown> =>
  withoutEmpty({ assistant_id: assistantId, state, error });

export const itemLine = ({ assistantId, state, error }: BulkItem): string =>
  `${String(state).padEnd(9)}  ${printable(assistantId)}${error ? `  ${explained(error)}` : ''}`;
