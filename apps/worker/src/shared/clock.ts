import { setTimeout as sleep } from 'node:timers/promises';

/** Time within one process. Redis time alone decides leases and windows; this clock measures durations. */
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

/** A moment of Redis time, and the moment of this process's clock at which the answer with it arrived. */
export interface Anchor {
  redisMs: number;
  clockMs: number;
}

/**
 * Redis time now, computed from an anchor. It is late by the time that the answer took to arrive, and never
 * ahead of Redis.
 */
export const redisNowMs = (clock: Clock, { redisMs, clockMs }: Anchor): number =>
  Math.floor(redisMs + clock.nowMs() - clockMs);
