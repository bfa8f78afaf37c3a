/**
 * Everything that can need operator action, most urgent first. `rekey status`, the contract and the metrics
 * show the same list. The codes are stable: alert rules match on them.
 */
export const attentionCodes = [
  'LEDGER_LOST',
  'LEDGER_DAMAGED',
  'QUEUE_DAMAGED',
  'REGISTRY_UNTRUSTED',
  'REGISTRY_NOT_TAKEN_OVER',
  'REGISTRY_KEY_OTHER',
  'REGISTRY_MEMORY_UNUSABLE',
  'REGISTRY_CONTESTED',
  'CLOCK_JUMP',
  'NO_WORKER',
  'NO_SWEEPER',
  'REDIS_EVICTS',
  'REDIS_MEMORY_LOW',
  'REDIS_WRITES_FAIL',
  'ARCHIVE_MISSING',
  'ARCHIVE_FAILED',
  'ARCHIVE_BEHIND',
  'CERTIFICATE_ENDS',
  'CERTIFICATES_REFUSED',
  'ACCESS_FILE_REFUSED',
  'FROZEN',
  'OBSERVE_ONLY',
  'BUDGET_CLOSED',
  'ORG_HELD',
  'TOO_MANY_UNKNOWNS',
  'TOO_MANY_UNKNOWNS_IN_ALL',
  'TOO_MANY_ROTATIONS',
  'BULK_HALTED',
  'BULK_UNREADABLE',
  'BULK_PAUSED',
  'ROTATION_NEEDS_OPERATOR',
  'OUTCOME_UNKNOWN',
  'UNCERTAIN',
  'STALE_READS',
  'ROLLED_BACK',
  'QUARANTINED',
  'RECORD_TOO_LARGE',
  'ROTATION_WAITS',
  'POLICY_NOT_SCHEDULED',
  'POLICY_OVERDUE',
  'SWEEP_FAILED',
  'SWEEP_OVERDUE',
  'SWEEP_NEVER',
  'SWEEPS_DISABLED',
  'NOT_COMPARED_SINCE_RESTART',
  'ARCHIVE_GAP',
  'REGISTRY_ROLLED_BACK',
  'REGISTRY_REPAIRED',
  'REGISTRY_LAGGING',
  'REGISTRY_KEY_MISSING',
  'LEDGER_ALTERED',
  'CONSUMER_LOST',
  'CONSUMER_ALTERED',
  'CONSUMER_UNTRUSTED',
  'CONSUMER_UNREADABLE',
  'CONSUMER_NOT_SEALED_FOR',
  'CONSUMER_PENDING',
  'ACKNOWLEDGEMENTS_UNREADABLE',
  'CONSUMER_GONE',
  'CONSUMER_BEHIND',
  'CONSUMER_UNAPPLIED',
  'REDIS_NOT_DURABLE',
] as const;
export type AttentionCode = (typeof attentionCodes)[number];

/** One thing that needs operator action. Its texts contain no secret; `subject` is an id as it was given. */
export interface Attention {
  code: AttentionCode;
  /** Since when, in ms since 1970 by the clock of Redis; absent if unknown. */
  sinceMs?: number;
  /** The id or name that is concerned; empty if it is Rekey as a whole. */
  subject: string;
  /** What is wrong, and why. */
  message: string;
  /** What to do. */
  advice: string;
}
