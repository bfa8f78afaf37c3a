/** Exponential, at most `maxMs`, with half of it jitter: 0.5 to 1 times the step. */
export const backoffMs = (
  attempt: number,
  { firstMs, maxMs }: { firstMs: number; maxMs: number },
): number => {
  const step = Math.min(firstMs * 2 ** Math.min(attempt - 1, 30), maxMs);
  return Math.round(step * (0.5 + Math.random() / 2));
};

/**
 * How long BullMQ rests when its connection was closed. One that is told to end meanwhile rests to the end of
 * it.
 */
export const RUN_RETRY_DELAY_MS = 500;
