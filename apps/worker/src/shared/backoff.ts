/** Exponential, capped at `maxMs`. Half of each step is jitter: the result is 0.5 to 1 times the step. */
export const backoffMs = (
  attempt: number,
  { firstMs, maxMs }: { firstMs: number; maxMs: number },
): number => {
  const step = Math.min(firstMs * 2 ** Math.min(attempt - 1, 30), maxMs);
  return Math.round(step * (0.5 + Math.random() / 2));
};
