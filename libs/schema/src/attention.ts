import { errorTable, isErrorCode, type ErrorCode } from './errors.ts';

/**
 * What can need an operator, most urgent first. `status`, the contract and the metrics show the same list; the codes are stable, for alert rules
 * match on them.
 */
export const attentionCodes = [
  'LEDGER_LOST', 'CLOCK_JUMP', 'NO_WORKER', 'NO_SWEEPER', 'REDIS_EVICTS', 'REDIS_MEMORY_LOW', 'REDIS_WRITES_FAIL', 'FROZEN', 'OBSERVE_ONLY', 'BUDGET_CLOSED', 'ORG_HELD',
  'TOO_MANY_UNKNOWNS', 'BULK_HALTED', 'BULK_PAUSED', 'ROTATION_NEEDS_OPERATOR', 'OUTCOME_UNKNOWN', 'UNCERTAIN', 'STALE_READS', 'ROLLED_BACK', 'QUARANTINED', 'ROTATION_WAITS', 'POLICY_OVERDUE',
  'SWEEP_FAILED', 'SWEEP_OVERDUE', 'SWEEP_NEVER', 'SWEEPS_DISABLED', 'NOT_COMPARED_SINCE_RESTART', 'CONSUMER_UNREADABLE', 'CONSUMER_PENDING', 'CONSUMER_GONE', 'CONSUMER_BEHIND',
  'CONSUMER_UNAPPLIED', 'REDIS_NOT_DURABLE',
] as const;
export type AttentionCode = (typeof attentionCodes)[number];

/** One thing that needs an operator. Texts quote nothing that is secret; `subject` is an id as it was given. */
export interface Attention {
  code: AttentionCode;
  /** Since when, in ms since 1970 by the clock of Redis; absent if nobody knows. */
  sinceMs?: number;
  /** The id or name of what is concerned; empty if it is Rekey as a whole. */
  subject: string;
  /** What is wrong, and why. */
  message: string;
  /** What to do. */
  advice: string;
}

/** The advice of the error table is for the caller of a rotation; these codes mean something else to the operator of a sweep. */
const sweepAdvice: Partial<Record<ErrorCode, string>> = {
  UPSTREAM_RATE_LIMITED: 'See until when the request budget is closed (rekey status) and what else sends from the same address; then run rekey sweep. The next scheduled sweep tries again.',
  UPSTREAM_UNREACHABLE: 'Check the network and INVENT_BASE_URL, then run rekey sweep. The next scheduled sweep tries again.',
  UPSTREAM_REJECTED: 'Check the org ids that API keys are configured for, then run rekey sweep.',
  ASSISTANT_NOT_FOUND: 'Invent knows no such org: check the org id, and that the API key is of that org or of its parent; then run rekey sweep.',
  OUTCOME_UNKNOWN: 'The list of assistants could not be read: see whether Invent is well, then run rekey sweep.',
  INTERNAL: 'See the log of the worker, then run rekey sweep.',
};

/** What to do about a sweep that failed with a code. */
export const adviceOnSweep = (code: string): string => {
  if (!isErrorCode(code)) return sweepAdvice.INTERNAL!;
  return sweepAdvice[code] ?? errorTable[code].advice;
};

/** Why a sweep failed, in words. */
export const messageOnSweep = (code: string): string => {
  if (code === 'ASSISTANT_NOT_FOUND') return 'Invent does not know the org (404).';
  return isErrorCode(code) ? errorTable[code].message : errorTable.INTERNAL.message;
};
