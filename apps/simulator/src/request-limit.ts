/** At most `max` requests of one address in any window: a sliding log, exact. `max` 0 limits nothing. */
export interface RequestLimit {
  /**
   * 0 where the request may pass; otherwise the ms until the next one may. A refused request does not count.
   */
  take(address: string, nowMs: number): number;
}

export const createRequestLimit = (max: number, windowMs: number): RequestLimit => {
  const logs = new Map<string, { times: Float64Array; next: number }>();
  return {
    take: (address, nowMs) => {
      if (max === 0) return 0;
      const log = logs.get(address) ?? {
        times: new Float64Array(max).fill(Number.NEGATIVE_INFINITY),
        next: 0,
      };
      logs.set(address, log);
      const oldest = log.times[log.next]!;
      if (nowMs - oldest < windowMs) return Math.ceil(oldest + windowMs - nowMs);
      log.times[log.next] = nowMs;
      log.next = (log.next + 1) % max;
      return 0;
    },
  };
};
