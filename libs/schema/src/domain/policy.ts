import { z } from 'zod';
import { FailureLimit } from './bulk.ts';
import { OrgId, PolicyId, RequestId } from './ids.ts';
import { Reason } from './rotation.ts';

/** The most policies in a ledger, and the most assistants that one policy can name. */
export const MAX_POLICIES = 1000;
export const MAX_POLICY_ASSISTANTS = 10_000;
/** The most assistants that all policies together can name, and the length of their ids. */
export const MAX_POLICY_IDS_IN_ALL = 1_000_000;
export const MAX_POLICY_ID_BYTES_IN_ALL = 64 * 1024 * 1024;

const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

/** When keys may be replaced. The gateway checks the cron expression and the time zone. */
export const RotationWindow = z.object({
  /** When a window opens: a cron expression with five fields. */
  cron: z.string(),
  /** An IANA time zone. */
  timeZone: z.string(),
  /** How long the window stays open. No assistant starts after it. */
  lengthMs: z
    .int()
    .min(10 * MINUTE_MS, 'must be at least 10 minutes')
    .max(DAY_MS, 'must be at most 24 hours'),
});
export type RotationWindow = z.infer<typeof RotationWindow>;
export const DEFAULT_WINDOW: RotationWindow = {
  cron: '0 2 * * *',
  timeZone: 'UTC',
  lengthMs: 4 * 60 * MINUTE_MS,
};

/** A request for a policy. The ids of named assistants are passed separately. */
export const PolicySpec = z.object({
  orgId: OrgId,
  requestId: RequestId.optional(),
  reason: Reason,
  /** The policy rotates each key every N days. */
  everyDays: z.int().min(1, 'must be from 1 to 3650').max(3650, 'must be from 1 to 3650'),
  window: RotationWindow,
  /** For each bulk rotation that the policy creates. */
  maxFailures: FailureLimit,
});
export type PolicySpec = z.infer<typeof PolicySpec>;

/** A rotation policy, as the ledger holds it. Times are Redis time, in ms since 1970. */
export interface RotationPolicy extends Omit<PolicySpec, 'requestId'> {
  id: string;
  requestId?: string;
  /** The number of named assistants. Absent if the policy covers all that upstream lists for the org. */
  assistantCount?: number;
  paused: boolean;
  createdMs: number;
  updatedMs: number;
  /** The due time of the last window that the policy started. */
  lastDueMs?: number;
  /** The last bulk rotation that the policy created. */
  lastBulkId?: string;
  /** The principal that requested it; absent if an earlier version stored it. */
  requestedBy?: string;
}

/** The BullMQ job of a due window. */
export const PolicyJob = z.strictObject({ policyId: PolicyId });
export type PolicyJob = z.infer<typeof PolicyJob>;
