import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Time as a process sees it. Redis time alone decides leases and windows; this measures how long something
 * takes.
 */
export interface Clock {
  /** Monotonic, in ms. */
  nowMs(): number;
  sleep(ms: number): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  sleep: async (ms) => {
    await sleep(ms);
  },
};

/** A moment of Redis time, and one of this process's clock at which Redis had answered with it. */
export interface Anchor {
  redisMs: number;
  clockMs: number;
}

/**
 * What time it is by the clock of Redis, reckoned from an anchor: earlier than it is by what the answer took,
 * and never later.
 */
export const redisNowMs = (clock: Clock, { redisMs, clockMs }: Anchor): number =>
  Math.floor(redisMs + clock.nowMs() - clockMs);
