import { nextOpening, openings, type Policies } from '@rekey/ledger';
import { DAY_MS, type RotationPolicy, type RotationWindow } from '@rekey/schema';

/** What is known of the age of an assistant's key. Times are Redis time, in ms since 1970. */
export interface PolicyCandidate {
  assistantId: string;
  /** The earliest moment at which the key can have been made; absent where nobody knows. */
  rotatedMs?: number | undefined;
  /** Where that is not known: since when the key is known. It is at least so old. */
  knownMs?: number | undefined;
}

export interface DueOptions {
  /** When the window opened, or was made good. */
  nowMs: number;
  everyDays: number;
  /** When the policy was made. */
  createdMs: number;
  window: Pick<RotationWindow, 'cron' | 'timeZone'>;
}

/**
 * So many windows are looked up; further ones are reckoned from these, for each costs a tenth of a
 * millisecond. Deadlines come near in time.
 */
const LOOKED_UP = 100;
/**
 * What opens so soon is the window that is open now: the clocks of Redis and of BullMQ's timers are two.
 * Policies' windows lie an hour apart.
 */
const SAME_WINDOW_MS = 10 * 60_000;

/**
 * How many windows there are until a moment, none of them later than `lastMs`; the one that is open now
 * included. Throws POLICY_NOT_SCHEDULED: an error of the calendar must not read as "this is the last window",
 * in which everything would be due.
 */
const windowsFrom = (
  nowMs: number,
  lastMs: number,
  window: DueOptions['window'],
): ((untilMs: number) => number) => {
  const rising: number[] = [];
  for (const ms of openings(window, nowMs + SAME_WINDOW_MS))
    if (rising.push(ms) === LOOKED_UP || ms > lastMs) break;
  const last = rising.at(-1)!;
  const gapMs = (last - nowMs) / rising.length;
  return (untilMs) =>
    1 + (untilMs > last ? rising.length + Math.floor((untilMs - last) / gapMs) : countUpTo(rising, untilMs));
};

/** How many of the numbers, which rise, are not above one. */
const countUpTo = (rising: readonly number[], most: number): number => {
  let [from, to] = [0, rising.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (rising[middle]! <= most) from = middle + 1;
    else to = middle;
  }
  return from;
};

/** Collects keys, and then chooses. Of each it keeps the id and two numbers, of all of them one more. */
export interface DueKeys {
  add(candidate: PolicyCandidate): void;
  /** Throws POLICY_NOT_SCHEDULED. */
  chosen(): string[];
}

/**
 * Whose keys a policy has replaced in the window that is open now: the oldest, and as many as keep the
 * windows to come even.
 *
 * Each key has a deadline: N days after it was made, or is known, or the policy was made, whichever is last.
 * So nothing is overdue when a policy is made, and an org whose keys are all old is spread over the first N
 * days, like one that a leak has rotated at once. Of the keys by deadline, the first j have to be done in the
 * w windows until the deadline of the j-th: the least rate at which every deadline is met is the largest j /
 * w. It is as even as the deadlines allow: the number of keys by the number of windows where they are spread,
 * more ahead of a bunch, and at once what is due before the next window opens, such as what missed windows
 * have left. It is rounded down, which loses no deadline (what is left raises the next rate, and with one
 * window left it is whole); rounded up, a hundred keys in ninety windows would be two a window for ever, each
 * replaced after half of its term.
 *
 * To level a bunch, keys are replaced early, but none before half of its term: a key that was replaced
 * yesterday is not replaced today.
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

/** Without a difference, which of two that are infinite is no number. */
const compareAges = (a: number, b: number): number => (a < b ? -1 : Number(a > b));

/** A policy's share of the assistants of an org. */
export interface PolicyShare {
  /** Takes note of those of them that are the policy's. Throws POLICY_NOT_FOUND. */
  consider(candidates: PolicyCandidate[]): Promise<void>;
  /** Whose keys it has replaced, of all that it has considered. */
  chosen(): string[];
}

/**
 * Begins to choose, of the assistants of an org, those that a policy has replaced in the window that is open
 * at a moment. Throws POLICY_NOT_FOUND; and POLICY_NOT_SCHEDULED, before an org is listed for nothing.
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
