/**
 * Pauses between tries, in ms. Each pause is twice the one before, minus a random part of up to one half.
 */
export interface RetryOptions {
  /** Default: 100. */
  firstPauseMs?: number;
  /** Default: 2000. */
  longestPauseMs?: number;
}

export interface Backoff {
  /**
   * `retryAfterMs`: how long the gateway asked to wait. The usual pause is added to it, so that clients that
   * were refused together do not return together.
   */
  nextMs(retryAfterMs?: number): number;
  reset(): void;
}

export const createBackoff = (
  { firstPauseMs = 100, longestPauseMs = 2000 }: RetryOptions = {},
  random: () => number = Math.random,
): Backoff => {
  let tries = 0;
  return {
    nextMs: (retryAfterMs = 0) => {
      const ms = Math.min(firstPauseMs * 2 ** tries, longestPauseMs);
      tries += 1;
      return retryAfterMs + ms * (1 - random() / 2);
    },
    reset: () => {
      tries = 0;
    },
  };
};
