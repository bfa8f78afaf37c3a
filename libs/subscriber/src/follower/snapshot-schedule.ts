import type { SnapshotReason } from '../keys.ts';
import { createSnapshotPace } from './snapshot-pace.ts';
import { NOWHERE, type FollowState } from './state.ts';

/** A snapshot that must be taken. */
interface DueSnapshot {
  reason: SnapshotReason;
  /** The earliest start, by `performance.now()`. */
  atMs: number;
}

/** Decides when a snapshot is taken. Snapshots that are demanded meanwhile become one. */
export interface SnapshotSchedule {
  readonly due: DueSnapshot | undefined;
  readonly isTaking: boolean;
  /** The last snapshot: its end and its duration. A new object for each. */
  readonly lastTaken: { endedAtMs: number; tookMs: number };
  demand(reason: SnapshotReason): void;
  postpone(ms: number): void;
  /** Runs the due snapshot. It stays due if the run rejects. */
  take(run: (due: DueSnapshot) => Promise<void>): Promise<void>;
  /** Records the end of the running snapshot. Returns its duration. */
  ended(beganMs: number): number;
}

export const createSnapshotSchedule = (state: FollowState): SnapshotSchedule => {
  const pace = createSnapshotPace();
  let due: DueSnapshot | undefined;
  /** Demanded while another one is being taken. */
  let next: DueSnapshot | undefined;
  let isTaking = false;
  let lastTaken = { endedAtMs: -Infinity, tookMs: 0 };

  return {
    get due() {
      return due;
    },
    get isTaking() {
      return isTaking;
    },
    get lastTaken() {
      return lastTaken;
    },
    demand: (reason) => {
      // Acknowledged positions have no meaning in another Redis.
      if (reason === 'other-redis') {
        state.position = NOWHERE;
        state.confirmed = { position: NOWHERE, appliedOrgs: undefined };
      }
      // Anyone who can write to Redis can cause gaps. The pace keeps them from causing snapshots without end.
      const atMs = pace.notBeforeMs(performance.now());
      const joined = (before: DueSnapshot | undefined): DueSnapshot => ({
        reason: before?.reason ?? reason,
        atMs: before?.atMs ?? atMs,
      });
      if (isTaking) next = joined(next);
      else due = joined(due);
    },
    postpone: (ms) => {
      due!.atMs = performance.now() + ms;
    },
    take: async (run) => {
      isTaking = true;
      const taken = due!;
      try {
        await run(taken);
        // The rest after a snapshot depends on its duration, which is known only now.
        due = next && { ...next, atMs: pace.notBeforeMs(performance.now()) };
      } catch (error) {
        due = taken;
        throw error;
      } finally {
        next = undefined;
        isTaking = false;
      }
    },
    ended: (beganMs) => {
      const endedAtMs = performance.now();
      lastTaken = { endedAtMs, tookMs: endedAtMs - beganMs };
      pace.taken(endedAtMs, lastTaken.tookMs);
      return lastTaken.tookMs;
    },
  };
};
