/**
 * The Redis clock, as last read, continued by a monotonic clock: the wall clock of the service may be wrong.
 */
export interface RedisClock {
  /** Sets the clock to a reply of TIME: seconds and microseconds. */
  set(time: unknown): void;
  /** The time in ms since 1970. */
  nowMs(): number;
  /** Whether a version is more than a day in the future. It would block every later version. */
  isTooFarAhead(version: number): boolean;
}

const DAY_US = 86_400_000_000;

export const createRedisClock = (): RedisClock => {
  let us = 0;
  let readAtMs = 0;
  const nowUs = () => us + (performance.now() - readAtMs) * 1000;
  return {
    nowMs: () => Math.floor(nowUs() / 1000),
    set: (time) => {
      const [seconds, microseconds] = time as [string | number, string | number];
      us = Number(seconds) * 1_000_000 + Number(microseconds);
      readAtMs = performance.now();
    },
    isTooFarAhead: (version) => version > nowUs() + DAY_US,
  };
};
