import type { BulkItem, BulkRotation } from '@rekey/client';
import { paddedState } from '../output/style.ts';
import { NO_WORKER, explained, isoTime, printable, table } from '../output/output.ts';

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

export const itemLine = ({ assistantId, state, error }: BulkItem): string =>
  `${paddedState(String(state), 9)}  ${printable(assistantId)}${error ? `  ${explained(error)}` : ''}`;
