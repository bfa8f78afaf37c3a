import type { Clock } from '../../shared/clock.ts';

/** Orgs and bulk rotations, by id, from which nothing is claimed for a while. */
export interface Pauses {
  isPaused(id: string): boolean;
  /** Keeps the longer one if the id is paused already. */
  pause(id: string, ms: number): void;
  pausedBulks(): string[];
  /** When pauses end, by this process's clock; also of pauses that have ended. */
  ends(): number[];
}

export const createPauses = (clock: Clock): Pauses => {
  const untilMs = new Map<string, number>();
  const isPaused = (id: string): boolean => {
    const until = untilMs.get(id);
    if (until === undefined) return false;
    if (until > clock.nowMs()) return true;
    untilMs.delete(id);
    return false;
  };
  return {
    isPaused,
    pause: (id, ms) => {
      untilMs.set(id, Math.max(untilMs.get(id) ?? 0, clock.nowMs() + ms));
    },
    pausedBulks: () => [...untilMs.keys()].filter((id) => id.startsWith('blk_') && isPaused(id)),
    ends: () => [...untilMs.values()],
  };
};
