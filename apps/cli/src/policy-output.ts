import type { ProtoPolicy } from '@rekey/rpc';
import { durationMs, humanDuration, jsonDuration, limitText, number } from './bulk-output.ts';
import { isoTime, printable, table, withoutEmpty } from './output.ts';

/** A policy as --json shows it: the contract's names, RFC 3339 times, nothing that is not set. */
export const policyJson = (policy: ProtoPolicy): Record<string, unknown> =>
  withoutEmpty({
    id: policy.id,
    org_id: policy.orgId,
    assistant_count: policy.assistantCount || undefined,
    every_days: policy.everyDays,
    window: policy.window && {
      cron: policy.window.cron,
      time_zone: policy.window.timeZone,
      length: jsonDuration(policy.window.length),
    },
    max_failures: policy.maxFailures && {
      [policy.maxFailures.limit!]: policy.maxFailures[policy.maxFailures.limit!],
    },
    reason: policy.reason,
    request_id: policy.requestId,
    paused: policy.paused,
    create_time: isoTime(policy.createTime),
    update_time: isoTime(policy.updateTime),
    next_due_time: isoTime(policy.nextDueTime),
    last_due_time: isoTime(policy.lastDueTime),
    last_bulk_rotation_id: policy.lastBulkRotationId,
    next_due_error: policy.nextDueError && {
      reason: policy.nextDueError.reason,
      message: policy.nextDueError.message,
      advice: policy.nextDueError.advice,
    },
  });

const wholeText = ({ orgId, assistantCount }: ProtoPolicy): string =>
  `${printable(orgId)} (${assistantCount > 0 ? `${number(assistantCount)} assistants` : 'all of it'})`;

const windowText = ({ window }: ProtoPolicy): string =>
  `${window!.cron} ${window!.timeZone}, for ${humanDuration(durationMs(window!.length) ?? 0)}`;

const nextDue = ({ paused, nextDueError, nextDueTime }: ProtoPolicy): string | undefined =>
  paused ? 'paused' : (nextDueError?.reason ?? isoTime(nextDueTime));

export const policyText = (policy: ProtoPolicy): string =>
  table([
    ['policy', policy.id],
    ['org', wholeText(policy)],
    ['every', `${number(policy.everyDays)} d`],
    ['window', windowText(policy)],
    ['halts', limitText(policy)],
    ['reason', policy.reason],
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
export const policyLine = (policy: ProtoPolicy): string =>
  [
    policy.id,
    `every ${policy.everyDays} d`.padEnd(12),
    (nextDue(policy) ?? '').padEnd(24),
    wholeText(policy),
  ].join('  ');
