import { z } from 'zod';
import type { ErrorCode } from '../errors/error-table.ts';
import {
  bulkItemStates,
  bulkStates,
  type BulkItemState as ItemState,
  type BulkState as State,
} from '../states/bulk-states.ts';
import { OrgId, RequestId } from './ids.ts';
import { Reason } from './rotation.ts';

export const BulkState = z.enum(bulkStates);
export type BulkState = State;

/** The most assistants in one bulk rotation, and the most that it can exclude by id. */
export const MAX_BULK_ASSISTANTS = 2_000_000;
export const MAX_BULK_EXCLUDED = 100_000;

/** The search term of a LIST request. */
const SearchTerm = z
  .string()
  .min(1)
  .max(256)
  .refine(
    (text) => text.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text),
    'must be well-formed, without control characters',
  );

/** Which assistants: named ids, or those that upstream lists for the org. */
export const BulkSelection = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ids') }),
  z.strictObject({
    kind: z.literal('org'),
    search: SearchTerm.optional(),
    /** Skips assistants whose key is known to be newer than this time (ms since 1970). */
    rotatedBeforeMs: z.int().nonnegative().optional(),
    /** Only the oldest keys, in the number that this policy replaces in one window. */
    policyId: z.string().optional(),
  }),
]);
export type BulkSelection = z.infer<typeof BulkSelection>;

/**
 * How many assistants may have failed or have an unknown outcome before the bulk rotation halts: a number, or
 * a share of all.
 */
export const FailureLimit = z.union([
  z.strictObject({ count: z.int().nonnegative().max(MAX_BULK_ASSISTANTS) }),
  z.strictObject({ percent: z.number().min(0).max(100) }),
]);
export type FailureLimit = z.infer<typeof FailureLimit>;
export const DEFAULT_FAILURE_LIMIT: FailureLimit = { percent: 5 };

/** A request for a bulk rotation. Its ids are passed separately. */
export const BulkSpec = z.object({
  orgId: OrgId,
  requestId: RequestId.optional(),
  reason: Reason,
  selection: BulkSelection,
  /** Runs before all bulk rotations that are not urgent. */
  urgent: z.boolean(),
  /** Rotates nothing: it ends as VALIDATED and reports what it would do. */
  validateOnly: z.boolean(),
  /**
   * Rotates the first `count` assistants, then becomes PAUSED. With `continues` it rotates the others too if
   * all of these succeeded and, with `awaitsConsumers`, all live consumers have applied their keys.
   */
  canary: z
    .object({ count: z.int().positive(), continues: z.boolean(), awaitsConsumers: z.boolean().optional() })
    .optional(),
  maxFailures: FailureLimit,
  /** Redis time (ms). After it, no further assistant starts, and waiting ones are CANCELLED. */
  untilMs: z.int().positive().optional(),
});
export type BulkSpec = z.infer<typeof BulkSpec>;

export interface BulkCounts {
  total: number;
  /** Not started. In a CANCELLED bulk rotation they count as `cancelled`. */
  waiting: number;
  /** A request may be in flight. `unknown` of these are being read back. */
  rotating: number;
  unknown: number;
  /** Replaced by this bulk rotation. */
  succeeded: number;
  /** Replaced by another rotation after this bulk rotation was created: one rotation serves both. */
  shared: number;
  failed: number;
  cancelled: number;
  /** In a dry run: would be rotated. */
  valid: number;
  /** Repeated ids. Each counts once in `total`. */
  duplicates: number;
}

/** What upstream listed for the org when the assistants of a bulk rotation were selected. */
export interface BulkList {
  /** False if the list does not match its own count, or part of it could not be read. */
  complete: boolean;
  /** Distinct assistants in the list. */
  listed: number;
  /** The count that upstream gives, if any. */
  counted?: number;
  /** Listed records that could not be read or have no valid id. They are skipped. */
  unreadable: number;
}

/** The result of the comparison with upstream at the end. */
export interface BulkVerification {
  /** Succeeded or shared, with the published key in force. */
  verified: number;
  /** Another key was in force; it is published now. */
  repaired: number;
  /** Could not be compared; checked again later. */
  unverified: number;
  /** The first hundred ids that are repaired or unverified. */
  differing: string[];
  /** When the comparison started (Redis time, ms). */
  sinceMs?: number;
}

export interface BulkFailure {
  assistantId: string;
  code: string;
  atMs: number;
}

/** A bulk rotation, as the ledger holds it. Times are Redis time, in ms since 1970. */
export interface BulkRotation extends Omit<BulkSpec, 'requestId' | 'canary' | 'untilMs'> {
  id: string;
  requestId?: string;
  /**
   * The principal that requested it, or its policy; absent if an earlier version stored it.
   */
  requestedBy?: string;
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
  /** Recently ended assistants per second; absent if too few have ended. */
  perSecond?: number;
  /**
   * The upstream requests that it takes, and their duration at the configured rate. Known when its assistants
   * have been listed; if they were named, when the first range is drawn.
   */
  estimate?: { requests: number; durationMs: number };
  verification?: BulkVerification;
  /** Absent if the assistants were named, or are not listed yet. */
  list?: BulkList;
  /** The event stream entry with the last of its keys. */
  entry?: string;
  /** Newest first. */
  lastFailures: BulkFailure[];
  /** No live worker can continue it. Only the gateway sets this; the ledger does not store it. */
  noLiveWorker?: boolean;
}

export const BulkItemState = z.enum(bulkItemStates);
export type BulkItemState = ItemState;

/** One assistant of a bulk rotation. */
export interface BulkItem {
  index: number;
  assistantId: string;
  state: BulkItemState;
  /** Why it FAILED. */
  errorCode?: ErrorCode;
  /** If it SUCCEEDED: what was published; undefined if it is no longer among the last versions. */
  published?: { version: number; rotationId: string; publishedMs: number };
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

/** A letter that Rekey does not write is LEDGER_CORRUPT. */
export const readItemLetter = (letter: string): Pick<BulkItem, 'state' | 'errorCode'> => {
  const state = letters[letter];
  if (state) return { state };
  return {
    state: 'FAILED',
    errorCode: (failureLetters as Record<string, ErrorCode>)[letter] ?? 'LEDGER_CORRUPT',
  };
};
