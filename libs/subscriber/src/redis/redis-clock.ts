/**
 * The clock of Redis, as it was asked last, carried on by one that does not jump: the service's own wall
 * clock may be off.
 */
export interface RedisClock {
  /** Takes over what TIME has answered: seconds and microseconds. */
  set(time: unknown): void;
  /** Whether a version lies in the future by more than a day. It would shut out all that follow. */
  isAbsurd(version: number): boolean;
}

const DAY_US = 86_400_000_000;

export const createRedisClock = (): RedisClock => {
  let us = 0;
  let askedAtMs = 0;
  return {
    set: (time) => {
      const [seconds, microseconds] = time as [string | number, string | number];
      us = Number(seconds) * 1_000_000 + Number(microseconds);
      askedAtMs = performance.now();
    },
    isAbsurd: (version) => version > us + (performance.now() - askedAtMs) * 1000 + DAY_US,
  };
};
