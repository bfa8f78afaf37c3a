/** Allows `max` requests of one address in any window, by an exact sliding log. `max` 0 means no limit. */
export interface RequestLimit {
  /**
   * Returns 0 if the request may pass, else the time until the next one may. Refused requests do not count.
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
