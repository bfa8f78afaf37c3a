import { errorTable, type ErrorCode, type RotationPolicy as LedgerPolicy } from '@rekey/schema';
import type { RotationPolicy } from '../generated/rekey/v1/RotationPolicy.ts';
import { duration, timestamp } from './fields.ts';

/**
 * A policy of the ledger as the contract shows it, with the time of its next window, or the reason why that
 * time cannot be computed.
 */
export const toProtoPolicy = (
  policy: LedgerPolicy,
  nextDueMs: number | undefined,
  nextDueError?: ErrorCode,
): RotationPolicy => ({
  id: policy.id,
  orgId: policy.orgId,
  assistantCount: policy.assistantCount ?? 0,
  everyDays: policy.everyDays,
  window: {
    cron: policy.window.cron,
    timeZone: policy.window.timeZone,
    length: duration(policy.window.lengthMs),
  },
  maxFailures: policy.maxFailures,
  reason: policy.reason,
  requestId: policy.requestId ?? '',
  paused: policy.paused,
  createTime: timestamp(policy.createdMs),
  updateTime: timestamp(policy.updatedMs),
  nextDueTime: timestamp(policy.paused ? undefined : nextDueMs),
  lastDueTime: timestamp(policy.lastDueMs),
  lastBulkRotationId: policy.lastBulkId ?? '',
  requestedBy: policy.requestedBy ?? '',
  nextDueError:
    nextDueError === undefined || policy.paused
      ? null
      : {
          reason: nextDueError,
          message: errorTable[nextDueError].message,
          advice: errorTable[nextDueError].advice,
        },
});
