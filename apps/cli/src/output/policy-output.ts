import type { RotationPolicy } from '@rekey/client';
import { humanDuration, jsonDuration, limitText, number } from '../bulk/bulk-output.ts';
import { printable } from './escape.ts';
import { recordOf, type Column } from './list.ts';
import { isoTime, table } from './output.ts';
import { relativeTime } from './relative-time.ts';

const scopeText = ({ orgId, assistantCount }: RotationPolicy): string =>
  `${printable(orgId)} (${assistantCount === undefined ? 'all' : `${number(assistantCount)} assistants`})`;

const windowText = ({ window }: RotationPolicy): string =>
  `${window.cron} ${window.timeZone}, for ${humanDuration(window.lengthMs ?? 0)}`;

const nextDue = (
  { paused, nextDueError }: Pick<RotationPolicy, 'paused' | 'nextDueError'>,
  time: string | undefined,
): string | undefined => (paused ? 'paused' : (nextDueError?.reason ?? time));

/** Policies as lists and JSON show them: the contract's names. */
export const policyColumns: readonly Column<RotationPolicy>[] = [
  { name: 'id', value: ({ id }) => id },
  { name: 'org_id', header: 'ORG', value: ({ orgId }) => orgId },
  {
    name: 'assistant_count',
    header: 'ASSISTANTS',
    kind: 'number',
    value: ({ assistantCount }) => assistantCount,
    show: ({ assistantCount }) => (assistantCount === undefined ? 'all' : number(assistantCount)),
  },
  {
    name: 'every_days',
    header: 'EVERY',
    kind: 'number',
    value: ({ everyDays }) => everyDays,
    show: ({ everyDays }) => `${number(everyDays)} d`,
  },
  {
    name: 'window',
    isOptional: true,
    value: ({ window }) => ({
      cron: window.cron,
      time_zone: window.timeZone,
      length: jsonDuration(window.lengthMs),
    }),
    show: windowText,
  },
  { name: 'max_failures', isOptional: true, value: ({ maxFailures }) => maxFailures, show: limitText },
  { name: 'reason', isOptional: true, value: ({ reason }) => reason },
  { name: 'request_id', isOptional: true, value: ({ requestId }) => requestId },
  { name: 'paused', isOptional: true, value: ({ paused }) => paused },
  { name: 'create_time', header: 'CREATED', isOptional: true, value: ({ createTime }) => createTime },
  { name: 'update_time', header: 'UPDATED', isOptional: true, value: ({ updateTime }) => updateTime },
  {
    name: 'next_due_time',
    header: 'NEXT DUE',
    value: ({ nextDueTime }) => nextDueTime,
    show: ({ nextDueTime, ...policy }) => nextDue(policy, nextDueTime && relativeTime(nextDueTime)),
  },
  { name: 'last_due_time', header: 'LAST DUE', value: ({ lastDueTime }) => lastDueTime },
  {
    name: 'last_bulk_rotation_id',
    header: 'LAST BULK',
    isOptional: true,
    value: ({ lastBulkRotationId }) => lastBulkRotationId,
  },
  {
    name: 'next_due_error',
    isOptional: true,
    value: ({ nextDueError }) => nextDueError,
    show: ({ nextDueError }) => nextDueError?.reason,
  },
  { name: 'requested_by', header: 'BY', value: ({ requestedBy }) => requestedBy },
];

/** A policy for programs. */
export const policyJson = (policy: RotationPolicy): Record<string, unknown> =>
  recordOf(policyColumns, policy);

export const policyText = (policy: RotationPolicy): string =>
  table([
    ['policy', policy.id],
    ['org', scopeText(policy)],
    ['every', `${number(policy.everyDays)} d`],
    ['window', windowText(policy)],
    ['halts', limitText(policy)],
    ['reason', policy.reason],
    ['requested by', policy.requestedBy],
    ['created', isoTime(policy.createTime)],
    ['next due', nextDue(policy, isoTime(policy.nextDueTime))],
    ['last due', isoTime(policy.lastDueTime)],
    ['last bulk', policy.lastBulkRotationId],
    [
      'error',
      policy.nextDueError ? `${policy.nextDueError.message} (${policy.nextDueError.reason})` : undefined,
    ],
    ['to do', policy.nextDueError?.advice],
  ]);
