import { z } from 'zod';
import { sweepStates, type SweepState as State } from '../states/sweep-states.ts';
import { SweepId } from './ids.ts';

export const SweepState = z.enum(sweepStates);
export type SweepState = State;

/**
 * What a sweep has found so far. Each compared record also counts in one of the fields below it: as agreeing,
 * or by the result of the difference.
 */
export interface SweepCounts {
  /** Upstream requests. */
  requests: number;
  /** Records compared with the published ones. */
  compared: number;
  agreed: number;
  /** Seen for the first time, and published. */
  imported: number;
  /** Rotated elsewhere; the key in force is published (`drift`). */
  adopted: number;
  /** Found without a key or deleted, and published as such. */
  removed: number;
  /** Held by a rotation at that time, which resolves the difference itself. */
  held: number;
  /** Differences that are not resolved yet; checked again later. */
  unresolved: number;
}

export const noSweepCounts: Readonly<SweepCounts> = {
  requests: 0,
  compared: 0,
  agreed: 0,
  imported: 0,
  adopted: 0,
  removed: 0,
  held: 0,
  unresolved: 0,
};

/** One comparison of all upstream keys with the published ones. Times are Redis time, in ms since 1970. */
export interface Sweep {
  id: string;
  /** Only this org; absent: all configured orgs. */
  orgId?: string;
  state: SweepState;
  createdMs: number;
  /** When it last started. A sweep whose worker died starts again. */
  startedMs?: number;
  updatedMs: number;
  endedMs?: number;
  counts: SweepCounts;
  /** Why it FAILED: a code of the error table. */
  errorCode?: string;
  /** The principal that requested it; absent if an earlier version stored it. */
  requestedBy?: string;
}

/** The BullMQ job of a sweep. The scheduled sweep has no id. */
export const SweepJob = z.strictObject({ sweepId: SweepId.optional() });
export type SweepJob = z.infer<typeof SweepJob>;
