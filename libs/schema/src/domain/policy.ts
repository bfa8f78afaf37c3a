import { z } from 'zod';
import { FailureLimit } from './bulk.ts';
import { OrgId, PolicyId, RequestId } from './ids.ts';
import { Reason } from './rotation.ts';

/** The most policies that a ledger keeps, and the most assistants that one names. */
export const MAX_POLICIES = 1000;
export const MAX_POLICY_ASSISTANTS = 10_000;

const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

/** When keys may be replaced. Whether expression and zone mean anything is checked where requests come in. */
export const RotationWindow = z.object({
  /** When a window opens: a cron expression of five fields. */
  cron: z.string(),
  /** Of the IANA. */
  timeZone: z.string(),
  /** For how long after it has opened further assistants are begun. */
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

/**
 * What a caller asks for when making a policy. The ids of its assistants, where they are named, travel beside
 * it.
 */
export const PolicySpec = z.object({
  orgId: OrgId,
  requestId: RequestId.optional(),
  reason: Reason,
  /** Every key is replaced once in so many days. */
  everyDays: z.int().min(1, 'must be from 1 to 3650').max(3650, 'must be from 1 to 3650'),
  window: RotationWindow,
  /** Of each bulk rotation that it asks for. */
  maxFailures: FailureLimit,
});
export type PolicySpec = z.infer<typeof PolicySpec>;

/**
 * A rule by which keys are replaced again and again, as the ledger holds it. Times are Redis time, in ms
 * since 1970.
 */
export interface RotationPolicy extends Omit<PolicySpec, 'requestId'> {
  id: string;
  requestId?: string;
  /** How many assistants were named; absent: all that upstream lists for the org. */
  assistantCount?: number;
  paused: boolean;
  createdMs: number;
  updatedMs: number;
  /** When the window was due that it last began to ask for. */
  lastDueMs?: number;
  /** The bulk rotation that it asked for last. */
  lastBulkId?: string;
}

/** The BullMQ job of a window that is due. */
export const PolicyJob = z.strictObject({ policyId: PolicyId });
export type PolicyJob = z.infer<typeof PolicyJob>;
