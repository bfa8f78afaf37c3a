import { z } from 'zod';
import { SweepId } from './ids.ts';

export const sweepStates = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED'] as const;
export const SweepState = z.enum(sweepStates);
export type SweepState = z.infer<typeof SweepState>;

/**
 * What a sweep has found so far. Each record that was compared is counted once more: as agreeing, or by what
 * became of the difference.
 */
export interface SweepCounts {
  /** Upstream requests made. */
  requests: number;
  /** Records compared with what is published. */
  compared: number;
  agreed: number;
  /** First seen, and published. */
  imported: number;
  /** Rotated elsewhere, and what is in force published (`drift`). */
  adopted: number;
  /** Found without a key, or gone, and published so. */
  removed: number;
  /** Held by a rotation at that time, which finds out itself. */
  held: number;
  /** Differences that could not be resolved yet; they are looked at again later. */
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

/** One comparison of everything upstream with what is published. Times are Redis time, in ms since 1970. */
export interface Sweep {
  id: string;
  /** Only this org; absent: all that are configured. */
  orgId?: string;
  state: SweepState;
  createdMs: number;
  /** When it last began: one whose worker died begins anew. */
  startedMs?: number;
  updatedMs: number;
  endedMs?: number;
  counts: SweepCounts;
  /** Why it FAILED: a code of the error table. */
  errorCode?: string;
}

/** The BullMQ job of a sweep. Without an id it is the scheduled one. */
export const SweepJob = z.strictObject({ sweepId: SweepId.optional() });
export type SweepJob = z.infer<typeof SweepJob>;
