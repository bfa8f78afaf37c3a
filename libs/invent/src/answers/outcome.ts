import type { ErrorCode } from '@rekey/schema';

/** An upstream record: its key, if it has one, and its unchanged text. */
export interface UpstreamRecord {
  secretKey: string | undefined;
  /** The record has a key, but shows asterisks or the like in its place. */
  masked?: true;
  /** Soft-deleted upstream. */
  deleted: boolean;
  json: string;
  /**
   * The paths that are not as documented; also `content-encoding` if that header was wrong. The key is in
   * force all the same.
   */
  unexpected: string[];
  /** A listed record that is too long to be read on its own or published (MAX_RECORD_BYTES). */
  tooLarge?: true;
}

/** Certainly not done: the key has not changed. */
export interface NotDone {
  outcome: 'not-done';
  code: ErrorCode;
  /** Whether a later attempt can succeed without operator action. */
  retry: boolean;
  retryAfterMs?: number;
  status?: number;
  reason: string;
}

/** Whether the key changed is unknown until it is read back. */
interface Unknown {
  outcome: 'unknown';
  status?: number;
  /** Why a later POST would have the same result until an operator acts: a redirect, for example. */
  code?: ErrorCode;
  reason: string;
}

export type RotateOutcome =
  /**
   * `noted`: whether `updated_at` shows a change of the record since the POST was sent, by the clock of the
   * same answer; absent if that cannot be determined.
   */
  | { outcome: 'done'; record: UpstreamRecord & { secretKey: string }; noted?: 'since' | 'before' }
  | NotDone
  | Unknown;

export type ReadOutcome =
  /**
   * `ageMs`: the answer comes from a cache and has this age. `unchangedForMs`: the record has not changed for
   * at least this time, by its `updated_at` and the clock of the same answer; absent if that cannot be
   * determined.
   */
  | { outcome: 'read'; record: UpstreamRecord; ageMs?: number; unchangedForMs?: number }
  | { outcome: 'not-read'; code: ErrorCode; retryAfterMs?: number; status?: number; reason: string };

/** One page of an org's assistants. Upstream chooses its size. */
export interface Page {
  /** Records with valid ids, by the same rule as for callers. */
  records: (UpstreamRecord & { id: string })[];
  /**
   * A digest of each record that cannot be read or has no valid id. Equal digests mean equal records; a
   * digest reveals nothing of its record.
   */
  unreadable: string[];
  /** The total number of assistants that upstream reports. It may be wrong. */
  total: number | undefined;
  /** The page comes from a cache and has this age. */
  ageMs?: number;
}

export type ListOutcome = { outcome: 'read'; page: Page } | (ReadOutcome & { outcome: 'not-read' });
