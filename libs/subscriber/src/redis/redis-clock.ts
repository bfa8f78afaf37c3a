/**
 * The Redis clock, as last read, continued by a monotonic clock: the wall clock of the service may be wrong.
 */
export interface RedisClock {
  /** Sets the clock to a reply of TIME: seconds and microseconds. */
  set(time: unknown): void;
  /** The time in ms since 1970. */
  nowMs(): number;
  /** Whether the id of a stream entry is ahead. Redis gives no such id while its clock does not go back. */
  isAhead(entryId: string): boolean;
  /** Whether a version is more than a day in the future. It would block every later version. */
  isTooFarAhead(version: number): boolean;
  /**
   * Whether a version is in the future. Rekey draws none while its clock does not go back. This copy of the
   * clock can be behind: after `set`, by less than the time of a command that was sent before.
   */
  isInFuture(version: number): boolean;
  /** Whether it is, however far this copy of the clock is behind. */
  isFarInFuture(version: number): boolean;
}

const DAY_US = 86_400_000_000;
/** By how much this copy of the clock may be behind. */
const BEHIND_US = 5_000_000;

export const createRedisClock = (): RedisClock => {
  let us = 0;
  let readAtMs = 0;
  const nowUs = () => us + (performance.now() - readAtMs) * 1000;
  const nowMs = () => Math.floor(nowUs() / 1000);
  return {
    nowMs,
    isAhead: (entryId) => Number(entryId.split('-')[0]) > nowMs(),
    set: (time) => {
      const [seconds, microseconds] = time as [string | number, string | number];
      us = Number(seconds) * 1_000_000 + Number(microseconds);
      readAtMs = performance.now();
    },
    // Most need no look at the clock.
    isTooFarAhead: (version) => version > us + DAY_US && version > nowUs() + DAY_US,
    isInFuture: (version) => version > nowUs(),
    isFarInFuture: (version) => version > nowUs() + BEHIND_US,
  };
};
