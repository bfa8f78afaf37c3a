/**
 * How soon after the last snapshots another one may begin. Whoever can write to Redis can demand one with
 * each event.
 */
export interface SnapshotPace {
  /** When the next may begin, by the clock of `performance.now()`. */
  notBeforeMs(nowMs: number): number;
  /** One has ended, and took this time. */
  taken(endedAtMs: number, tookMs: number): void;
}

/** After the first few, one in this time. */
const EVERY_MS = 5000;
const AT_ONCE = 5;
const LONGEST_REST_MS = 30_000;

export const createSnapshotPace = (): SnapshotPace => {
  /** After each it rests as long as that one took. */
  let restedAtMs = -Infinity;
  /** Until then all that have been taken would be, had they come one in EVERY_MS. */
  let paidUntilMs = -Infinity;
  return {
    notBeforeMs: (nowMs) =>
      Math.max(Math.min(restedAtMs, nowMs + LONGEST_REST_MS), paidUntilMs - (AT_ONCE - 1) * EVERY_MS),
    taken: (endedAtMs, tookMs) => {
      restedAtMs = endedAtMs + tookMs;
      paidUntilMs = Math.max(paidUntilMs, endedAtMs) + EVERY_MS;
    },
  };
};
