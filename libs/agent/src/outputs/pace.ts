/** Work that takes a share of the time in the long run, and none of it waits while there is little. */
interface PaceOptions {
  /** Of the time, from 0 to 1. */
  share: number;
  /** Work that is done without a rest after a time without work. */
  burstMs: number;
}

export interface Pace {
  /** Notes work that has ended. Returns when the next may begin. */
  next(nowMs: number, workedMs: number): number;
}

export const createPace = ({ share, burstMs }: PaceOptions): Pace => {
  /** When all work so far will have been its share of the time. */
  let paidAtMs = -Infinity;
  return {
    next: (nowMs, workedMs) => {
      paidAtMs = Math.max(paidAtMs, nowMs - workedMs) + workedMs / share;
      return Math.max(nowMs, paidAtMs - burstMs / share);
    },
  };
};

/** Measures the CPU time of this process for some work: waiting for a disk is no work. */
export const measureWork = (): (() => number) => {
  const began = process.cpuUsage();
  const beganMs = performance.now();
  return () => {
    const { user, system } = process.cpuUsage(began);
    return Math.min((user + system) / 1000, performance.now() - beganMs);
  };
};
