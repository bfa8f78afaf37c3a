/** Work that takes a share of the time in the long run, and none of it waits while there is little. */
interface PaceOptions {
  /** Of the time, from 0 to 1. */
  share: number;
  /** Work that is done without a rest after a time without work. */
  burstMs: number;
}

interface Pace {
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

/** Has a run keep the pace by its CPU time: waiting for a disk is no work. */
export const createPacedRun = (
  options: PaceOptions,
  run: () => Promise<void>,
): { run(): Promise<void>; restUntilMs(): number } => {
  const pace = createPace(options);
  let workedMs = 0;
  return {
    run: async () => {
      const before = process.cpuUsage();
      const beganMs = performance.now();
      await run();
      const { user, system } = process.cpuUsage(before);
      workedMs = Math.min((user + system) / 1000, performance.now() - beganMs);
    },
    restUntilMs: () => pace.next(performance.now(), workedMs),
  };
};
