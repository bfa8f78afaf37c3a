import type { RotationPolicy } from '@rekey/client';
import { humanDuration, jsonDuration, limitText, number } from '../bulk/bulk-output.ts';
import { byText, isoTime, printable, table, withoutEmpty } from './output.ts';

/** A policy as --json shows it: the contract's names, RFC 3339 times, unset fields left out. */
export const policyJson = (policy: RotationPolicy): Record<string, unknown> =>
  withoutEmpty({
    id: policy.id,
    org_id: policy.orgId,
    assistant_count: policy.assistantCount,
    every_days: policy.everyDays,
    window: {
      cron: policy.window.cron,
      time_zone: policy.window.timeZone,
      length: jsonDuration(policy.window.lengthMs),
    },
    max_failures: policy.maxFailures,
    reason: policy.reason,
    request_id: policy.requestId,
    requested_by: policy.requestedBy,
    paused: policy.paused,
    create_time: isoTime(policy.createTime),
    update_time: isoTime(policy.updateTime),
    next_due_time: isoTime(policy.nextDueTime),
    last_due_time: isoTime(policy.lastDueTime),
    last_bulk_rotation_id: policy.lastBulkRotationId,
    next_due_error: policy.nextDueError,
  });

const scopeText = ({ orgId, assistantCount }: RotationPolicy): string =>
  `${printable(orgId)} (${assistantCount === undefined ? 'all' : `${number(assistantCount)} assistants`})`;

const windowText = ({ window }: RotationPolicy): string =>
  `${window.cron} ${window.timeZone}, for ${humanDuration(window.lengthMs ?? 0)}`;

const nextDue = ({ paused, nextDueError, nextDueTime }: RotationPolicy): string | undefined =>
  paused ? 'paused' : (nextDueError?.reason ?? isoTime(nextDueTime));

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
    ['next due', nextDue(policy)],
    ['last due', isoTime(policy.lastDueTime)],
    ['last bulk', policy.lastBulkRotationId],
    [
      'error',
      policy.nextDueError ? `${policy.nextDueError.message} (${policy.nextDueError.reason})` : undefined,
    ],
    ['to do', policy.nextDueError?.advice],
  ]);

/** One line of a list of policies. */
export const policyLine = (policy: RotationPolicy): string =>
  [
    policy.id,
    `every ${policy.everyDays} d`.padEnd(12),
    (nextDue(policy) ?? '').padEnd(24),
    scopeText(policy),
    byText(policy),
  ]
    .filter((cell) => cell !== '')
    .join('  ');
