import { RekeyError, type PolicySpec, type RotationPolicy, type RotationWindow } from '@rekey/schema';
import { z } from 'zod';
import { count, optional } from '../hash-fields.ts';

const PolicyHash = z.object({
  org: z.string(),
  request: optional(z.string()),
  reason: z.string(),
  assistants: optional(count),
  every_days: count,
  window_cron: z.string(),
  window_zone: z.string(),
  window_length: count,
  limit_count: optional(count),
  limit_percent: optional(z.coerce.number().nonnegative()),
  paused: z.literal(['', '1']),
  created: count,
  updated: count,
  bulk: optional(z.string()),
  bulk_due: optional(count),
  requested_by: optional(z.string()),
});

/** What an update changes of a policy. An absent field stays as it is. */
export interface PolicyChanges extends Partial<Pick<PolicySpec, 'everyDays' | 'reason' | 'maxFailures'>> {
  window?: Partial<RotationWindow>;
}

/** The changes of an update, as fields and values of the hash. */
export const changedFields = ({
  everyDays,
  reason,
  window = {},
  maxFailures,
}: PolicyChanges): (string | number)[] => {
  const fields = {
    every_days: everyDays,
    reason,
    window_cron: window.cron,
    window_zone: window.timeZone,
    window_length: window.lengthMs,
    ...(maxFailures && {
      limit_count: 'count' in maxFailures ? maxFailures.count : '',
      limit_percent: 'percent' in maxFailures ? maxFailures.percent : '',
    }),
  };
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
};

/** A policy from its hash in Redis. Throws LEDGER_CORRUPT, which names the policy and the invalid fields. */
export const parsePolicy = (id: string, hash: Record<string, string>): RotationPolicy => {
  const parsed = PolicyHash.safeParse(hash);
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw new RekeyError('LEDGER_CORRUPT', { cause: new Error(`policy ${id}: ${fields}`) });
  }
  const {
    org,
    request,
    reason,
    assistants,
    every_days: everyDays,
    limit_count: limitCount,
    limit_percent: limitPercent,
    paused,
    created,
    updated,
    bulk,
    bulk_due: bulkDue,
  } = parsed.data;
  const policy = {
    id,
    orgId: org,
    requestId: request,
    requestedBy: parsed.data.requested_by,
    reason,
    assistantCount: assistants,
    everyDays,
    window: {
      cron: parsed.data.window_cron,
      timeZone: parsed.data.window_zone,
      lengthMs: parsed.data.window_length,
    },
    maxFailures: limitPercent === undefined ? { count: limitCount ?? 0 } : { percent: limitPercent },
    paused: paused === '1',
    createdMs: created,
    updatedMs: updated,
    lastDueMs: bulkDue,
    lastBulkId: bulk,
  };
  return Object.fromEntries(
    Object.entries(policy).filter(([, value]) => value !== undefined),
  ) as unknown as RotationPolicy;
};
