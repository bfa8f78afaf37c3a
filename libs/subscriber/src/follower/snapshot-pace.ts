/**
 * How soon after the last snapshots the next one may begin. Anyone who can write to Redis can demand a
 * snapshot with each event.
 */
interface SnapshotPace {
  /** The earliest start of the next snapshot, by `performance.now()`. */
  notBeforeMs(nowMs: number): number;
  /** Records a snapshot that ended at this time and took this long. */
  taken(endedAtMs: number, tookMs: number): void;
}

/** After the first few, one snapshot in this time. */
const EVERY_MS = 5000;
const BURST = 5;
const LONGEST_REST_MS = 30_000;

export const createSnapshotPace = (): SnapshotPace => {
  /** After each snapshot, the follower rests as long as it took. */
  let restUntilMs = -Infinity;
  /** When all snapshots so far would have ended at one in EVERY_MS. */
  let budgetSpentUntilMs = -Infinity;
  return {
    notBeforeMs: (nowMs) =>
      Math.max(Math.min(restUntilMs, nowMs + LONGEST_REST_MS), budgetSpentUntilMs - (BURST - 1) * EVERY_MS),
    taken: (endedAtMs, tookMs) => {
      restUntilMs = endedAtMs + tookMs;
      budgetSpentUntilMs = Math.max(budgetSpentUntilMs, endedAtMs) + EVERY_MS;
    },
  };
};
