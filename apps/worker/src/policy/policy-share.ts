import { nextOpening, openings, type Policies } from '@rekey/ledger';
import { DAY_MS, type RotationPolicy, type RotationWindow } from '@rekey/schema';

/** What is known of the age of an assistant's key. Times are Redis time, in ms since 1970. */
export interface PolicyCandidate {
  assistantId: string;
  /** The earliest moment at which the key can have been made; absent if that is unknown. */
  rotatedMs?: number | undefined;
  /** If that is unknown: since when the key is known. The key is at least that old. */
  knownMs?: number | undefined;
}

export interface DueOptions {
  /** When the window opened, or a missed one was made up for. */
  nowMs: number;
  everyDays: number;
  /** When the policy was created. */
  createdMs: number;
  window: Pick<RotationWindow, 'cron' | 'timeZone'>;
}

/**
 * How many windows are computed from the calendar. Later ones are extrapolated, because each costs a tenth of
 * a millisecond. They are computed as their time comes near.
 */
const COMPUTED_WINDOWS = 100;
/**
 * A window that opens within this time is the one that is open now: the clocks of Redis and of BullMQ's
 * timers differ. Windows of a policy are at least an hour apart.
 */
const SAME_WINDOW_MS = 10 * 60_000;

/**
 * Counts the windows until a moment, up to `lastMs`, including the one that is open now. Throws
 * POLICY_NOT_SCHEDULED: an error of the calendar must not look like the last window, in which everything
 * would be due.
 */
const windowsFrom = (
  nowMs: number,
  lastMs: number,
  window: DueOptions['window'],
): ((untilMs: number) => number) => {
  const rising: number[] = [];
  for (const ms of openings(window, nowMs + SAME_WINDOW_MS))
    if (rising.push(ms) === COMPUTED_WINDOWS || ms > lastMs) break;
  const last = rising.at(-1)!;
  const gapMs = (last - nowMs) / rising.length;
  return (untilMs) =>
    1 + (untilMs > last ? rising.length + Math.floor((untilMs - last) / gapMs) : countUpTo(rising, untilMs));
};

/** Counts the numbers, in rising order, that are at most `most`. */
const countUpTo = (rising: readonly number[], most: number): number => {
  let [from, to] = [0, rising.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (rising[middle]! <= most) from = middle + 1;
    else to = middle;
  }
  return from;
};

/** Collects keys, and then chooses among them. It keeps the id and two numbers of each key. */
interface DueKeys {
  add(candidate: PolicyCandidate): void;
  /** Throws POLICY_NOT_SCHEDULED. */
  chosen(): string[];
}

/**
 * Chooses the keys that a policy rotates in the window that is open now: the oldest ones, and as many as keep
 * the load of later windows even.
 *
 * Each key has a deadline: N days after it was made or became known, or after the policy was created,
 * whichever is latest. So nothing is overdue when a policy is created. An org whose keys are all old is
 * spread over the first N days, like one that was rotated at once after a leak. With keys ordered by
 * deadline, the first j have to be done in the w windows until the deadline of the j-th. The lowest rate that
 * meets every deadline is the largest j / w. It is as even as the deadlines allow: the number of keys divided
 * by the number of windows if they are spread, more before a cluster of deadlines, and all at once for keys
 * that are due before the next window opens, for example after missed windows. The rate is rounded down,
 * which misses no deadline: the remainder raises the next rate, and with one window left the rate is whole.
 * Rounded up, a hundred keys in ninety windows would be two a window forever, each rotated after half of its
 * term.
 *
 * To level a cluster, keys are rotated early, but never before half of their term: a key that was rotated
 * yesterday is not rotated today.
 */
export const collectDue = ({ nowMs, everyDays, createdMs, window }: DueOptions): DueKeys => {
  const termMs = everyDays * DAY_MS;
  const ids: string[] = [];
  const rotatedMs: number[] = [];
  const deadlineMs: number[] = [];
  return {
    add: ({ assistantId, rotatedMs: rotated, knownMs = 0 }) => {
      ids.push(assistantId);
      rotatedMs.push(rotated ?? Number.NEGATIVE_INFINITY);
      deadlineMs.push(Math.max(createdMs, rotated ?? knownMs) + termMs);
    },
    chosen: () => {
      if (ids.length === 0) return [];
      const queue = new Uint32Array(ids.length)
        .map((_, i) => i)
        .toSorted((a, b) => deadlineMs[a]! - deadlineMs[b]! || compareAges(rotatedMs[a]!, rotatedMs[b]!));
      const windowsUntil = windowsFrom(nowMs, deadlineMs[queue.at(-1)!]!, window);
      let rate = 0;
      for (const [place, i] of queue.entries())
        rate = Math.max(rate, (place + 1) / windowsUntil(deadlineMs[i]!));
      return Array.from(
        queue.subarray(0, Math.floor(rate)).filter((i) => rotatedMs[i]! <= nowMs - termMs / 2),
        (i) => ids[i]!,
      );
    },
  };
};

/** Compares without subtracting: the difference of two infinite ages is not a number. */
const compareAges = (a: number, b: number): number => (a < b ? -1 : Number(a > b));

/** The assistants of an org that a policy rotates in a window. */
export interface PolicyShare {
  /** Adds the candidates that belong to the policy. Throws POLICY_NOT_FOUND. */
  consider(candidates: PolicyCandidate[]): Promise<void>;
  /** The chosen ones of all candidates. */
  chosen(): string[];
}

/**
 * Begins to choose the assistants of an org that a policy rotates in the window that is open at a moment.
 * Throws POLICY_NOT_FOUND. Throws POLICY_NOT_SCHEDULED before the org is listed in vain.
 */
export const openPolicyShare =
  (policies: Pick<Policies, 'get' | 'members'>) =>
  async (policyId: string, nowMs: number): Promise<PolicyShare> => {
    const { everyDays, createdMs, window }: RotationPolicy = await policies.get(policyId);
    nextOpening(window, nowMs);
    const due = collectDue({ nowMs, everyDays, createdMs, window });
    return {
      consider: async (candidates) => {
        const members = await policies.members(
          policyId,
          candidates.map(({ assistantId }) => assistantId),
        );
        for (const [i, candidate] of candidates.entries()) if (members[i]) due.add(candidate);
      },
      chosen: due.chosen,
    };
  };
