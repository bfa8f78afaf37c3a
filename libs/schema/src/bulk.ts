import { z } from 'zod';
import type { ErrorCode } from './errors.ts';
import { OrgId, RequestId } from './ids.ts';
import { Reason } from './rotation.ts';

export const bulkStates = [
  'PREPARING',
  'RUNNING',
  'PAUSED',
  'HALTED',
  'VERIFYING',
  'CANCELLING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'VALIDATED',
] as const;
export const BulkState = z.enum(bulkStates);
export type BulkState = z.infer<typeof BulkState>;

const endStates: ReadonlySet<BulkState> = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'VALIDATED']);
export const isBulkEnded = (state: BulkState): boolean => endStates.has(state);

/** The most assistants that one bulk rotation takes, and the most that it may leave out by name. */
export const MAX_BULK_ASSISTANTS = 2_000_000;
export const MAX_BULK_EXCLUDED = 100_000;

/** Text that upstream is asked to search for. */
const SearchTerm = z
  .string()
  .min(1)
  .max(256)
  .refine(
    (text) => text.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text),
    'must be well-formed, without control characters',
  );

/** Which assistants: those that are named, or those that upstream lists for the org. */
export const BulkSelection = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ids') }),
  z.strictObject({
    kind: z.literal('org'),
    search: SearchTerm.optional(),
    /** Only those whose key is not known to be newer than this moment (ms since 1970). */
    rotatedBeforeMs: z.int().nonnegative().optional(),
    /** Only as many of the oldest keys as this policy wants replaced now. */
    policyId: z.string().optional(),
  }),
]);
export type BulkSelection = z.infer<typeof BulkSelection>;

/**
 * How many of a bulk's assistants may have failed or be of unknown outcome before it halts: a number, or a
 * share of all of them.
 */
export const FailureLimit = z.union([
  z.strictObject({ count: z.int().nonnegative().max(MAX_BULK_ASSISTANTS) }),
  z.strictObject({ percent: z.number().min(0).max(100) }),
]);
export type FailureLimit = z.infer<typeof FailureLimit>;
export const DEFAULT_FAILURE_LIMIT: FailureLimit = { percent: 5 };

/** What a caller asks for when asking for many rotations at once. The ids themselves travel beside it. */
export const BulkSpec = z.object({
  orgId: OrgId,
  requestId: RequestId.optional(),
  reason: Reason,
  selection: BulkSelection,
  /** Before all bulks that are not. */
  urgent: z.boolean(),
  /** Nothing is rotated: it ends as VALIDATED, and says what it would do. */
  validateOnly: z.boolean(),
  /**
   * The first so many, then PAUSED; or, where all of them succeeded (and all live consumers have applied
   * their keys), the others too.
   */
  canary: z
    .object({ count: z.int().positive(), continues: z.boolean(), awaitsConsumers: z.boolean().optional() })
    .optional(),
  maxFailures: FailureLimit,
  /** Redis time (ms): past it no further assistant is begun, and those that wait are CANCELLED. */
  untilMs: z.int().positive().optional(),
});
export type BulkSpec = z.infer<typeof BulkSpec>;

export interface BulkCounts {
  total: number;
  /** Not begun. Of a bulk that is CANCELLED they are `cancelled`. */
  waiting: number;
  /** A request may be under way. `unknown` of these are being read back. */
  rotating: number;
  unknown: number;
  /** Replaced by this bulk. */
  succeeded: number;
  /** Replaced by another rotation, after this bulk was asked for: that serves both. */
  shared: number;
  failed: number;
  cancelled: number;
  /** Of a dry run: would be rotated. */
  valid: number;
  /** Ids that were named more than once, and are counted once in `total`. */
  duplicates: number;
}

/** What upstream's list of the org held, from which the assistants of a bulk were taken. */
export interface BulkList {
  /** False if it does not agree with its own count, or part of it could not be read. */
  complete: boolean;
  /** Distinct assistants that were listed. */
  listed: number;
  /** How many upstream counts; absent if it does not say so. */
  counted?: number;
  /** Listed records that could not be read, or have no valid id. They are left out. */
  unreadable: number;
}

/** What the comparison with upstream at the end found. */
export interface BulkVerification {
  /** Published and in force, of those that succeeded or were shared. */
  verified: number;
  /** Another key was in force, and is published now. */
  repaired: number;
  /** Could not be compared; it is looked at again later. */
  unverified: number;
  /** Repaired and unverified ones by name, the first hundred. */
  differing: string[];
  /** Since when it is being compared (Redis time, ms). */
  sinceMs?: number;
}

export interface BulkFailure {
  assistantId: string;
  code: string;
  atMs: number;
}

/**
 * Many rotations that were asked for at once, as the ledger holds them. Times are Redis time, in ms since
 * 1970.
 */
export interface BulkRotation extends Omit<BulkSpec, 'requestId' | 'canary' | 'untilMs'> {
  id: string;
  requestId?: string;
  canary?: { count: number; continues: boolean; awaitsConsumers?: boolean };
  untilMs?: number;
  state: BulkState;
  createdMs: number;
  startedMs?: number;
  updatedMs: number;
  endedMs?: number;
  counts: BulkCounts;
  /** Why it is PAUSED, HALTED, FAILED or CANCELLED: a code of the error table. */
  why?: string;
  /** Assistants a second that came to an end lately; absent where too few have. */
  perSecond?: number;
  /**
   * When its assistants have been found or, where they were named, the first are drawn: upstream requests
   * that it takes, and how long, at the configured rate.
   */
  estimate?: { requests: number; durationMs: number };
  verification?: BulkVerification;
  /** Absent if the assistants were named, or are not known yet. */
  list?: BulkList;
  /** The entry of the event stream in which the last of its keys stands. */
  entry?: string;
  /** Newest first. */
  lastFailures: BulkFailure[];
  /** No worker is live that could continue it. Only the gateway sets this; the ledger does not store it. */
  noLiveWorker?: boolean;
}

export const bulkItemStates = [
  'WAITING',
  'ROTATING',
  'SUCCEEDED',
  'SHARED',
  'FAILED',
  'CANCELLED',
  'VALID',
] as const;
export const BulkItemState = z.enum(bulkItemStates);
export type BulkItemState = z.infer<typeof BulkItemState>;

/** One assistant of a bulk. */
export interface BulkItem {
  index: number;
  assistantId: string;
  state: BulkItemState;
  /** Why it FAILED. */
  errorCode?: ErrorCode;
}

/**
 * The ledger keeps the state of each assistant of a bulk in one letter: a million of them are a megabyte.
 * Capital letters are failures. `end-item.lua` in libs/ledger has the same table.
 */
export const failureLetters = {
  A: 'ASSISTANT_NOT_FOUND',
  B: 'ASSISTANT_DELETED',
  C: 'NO_SECRET_KEY',
  D: 'UPSTREAM_REJECTED',
  E: 'UPSTREAM_UNAUTHENTICATED',
  F: 'UPSTREAM_FORBIDDEN',
  G: 'ORG_NOT_CONFIGURED',
  H: 'UPSTREAM_UNREACHABLE',
  I: 'LEDGER_CORRUPT',
  J: 'REPLICAS_MISSING',
  K: 'SENT_TOO_LATE',
  L: 'INVALID_ARGUMENT',
  M: 'UPSTREAM_UNEXPECTED',
  N: 'ANSWER_UNREADABLE',
  O: 'RECORD_TOO_LARGE',
  Z: 'INTERNAL',
} as const satisfies Record<string, ErrorCode>;

const letters: Readonly<Record<string, BulkItemState>> = {
  '.': 'WAITING',
  r: 'ROTATING',
  s: 'SUCCEEDED',
  m: 'SHARED',
  x: 'CANCELLED',
  v: 'VALID',
};

/** What a letter says. */
export const readItemLetter = (letter: string): Pick<BulkItem, 'state' | 'errorCode'> => {
  const state = letters[letter];
  if (state) return { state };
  return { state: 'FAILED', errorCode: (failureLetters as Record<string, ErrorCode>)[letter] ?? 'INTERNAL' };
};
