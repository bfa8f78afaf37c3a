/**
 * How long to wait between tries, in ms: at first, and at the longest. Each pause is twice the one before,
 * less a random half at the most.
 */
export interface RetryOptions {
  /** 100 where not given. */
  firstPauseMs?: number;
  /** 2000 where not given. */
  longestPauseMs?: number;
}

export interface Backoff {
  nextMs(): number;
  reset(): void;
}

export const createBackoff = (
  { firstPauseMs = 100, longestPauseMs = 2000 }: RetryOptions = {},
  random: () => number = Math.random,
): Backoff => {
  let tries = 0;
  return {
    nextMs: () => {
      const ms = Math.min(firstPauseMs * 2 ** tries, longestPauseMs);
      tries += 1;
      return ms * (1 - random() / 2);
    },
    reset: () => {
      tries = 0;
    },
  };
};
