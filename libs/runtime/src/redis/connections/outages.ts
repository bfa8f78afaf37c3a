import type { Redis } from 'ioredis';

/** The reason of an outage whose connection is merely lost. */
export const UNREACHABLE = 'unreachable';

/** The outages of the connections of one process. */
export interface Outages {
  /** Calls `report` unless the outage is already reported for this reason. */
  begin(redis: Redis, reason: string, report: () => void): void;
  /** Calls `report` if this was the last connection with an outage. */
  end(redis: Redis, report: () => void): void;
}

/** Reports an outage of several connections once, and again if its reason changes. */
export const createOutages = (): Outages => {
  const reasons = new Map<Redis, string>();
  let reported: string | undefined;
  return {
    begin: (redis, reason, report) => {
      // A lost connection says no more than a reason that is already known.
      if (reason === UNREACHABLE ? reasons.has(redis) : reasons.get(redis) === reason) return;
      reasons.set(redis, reason);
      if (reason === UNREACHABLE ? reported !== undefined : reported === reason) return;
      reported = reason;
      report();
    },
    end: (redis, report) => {
      if (!reasons.delete(redis) || reasons.size > 0) return;
      reported = undefined;
      report();
    },
  };
};

/**
 * Demotions less than this apart belong to one outage: Redis claims to be a primary, or does not say, and
 * accepts no writes.
 */
const SAME_OUTAGE_MS = 10_000;

/** Counts the demotions of one outage, so that reconnecting slows down although each handshake succeeds. */
export interface Demotions {
  add(): void;
  /** The number of demotions in the current outage. */
  count(): number;
}

export const createDemotions = (): Demotions => {
  let demotions = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  const count = () => (performance.now() - lastMs < SAME_OUTAGE_MS ? demotions : 0);
  return {
    count,
    add: () => {
      demotions = count() + 1;
      lastMs = performance.now();
    },
  };
};
