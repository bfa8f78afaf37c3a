import type { Lane, RequestBudget } from '@rekey/ledger';
import type { Clock } from './clock.ts';

/** Waits for requests of the shared budget. Every request to Invent takes one first; those that rotate take it with their claim. */
export interface Pacer {
  /** Resolves with 0 when one request may leave; or, where that takes longer than `withinMs`, with how long to wait before asking again (ms). */
  take(lane: Lane, withinMs: number): Promise<number>;
  /** Whether a request may still leave in the slot that was to be had at this moment of the clock, or later. What a process that stood still had gathered would leave all at once. */
  isTimely(slotMs: number): boolean;
}

export const createPacer = ({ budget, clock, slotKeepsMs }: { budget: RequestBudget; clock: Clock; slotKeepsMs: number }): Pacer => {
  const isTimely = (slotMs: number): boolean => clock.nowMs() - slotMs <= slotKeepsMs;
  return {
    isTimely,
    take: async (lane, withinMs) => {
      const giveUpMs = clock.nowMs() + withinMs;
      // One slot is given up: where every one comes late, Redis is far away, and the next would come no sooner.
      let givenUp = false;
      const stillGood = (slotMs: number): boolean => {
        if (givenUp || isTimely(slotMs)) return true;
        givenUp = true;
        return false;
      };
      for (let paid = false; ; ) {
        const askedMs = clock.nowMs();
        const answer = await budget.take(lane, { paid });
        if (answer.taken) {
          if (stillGood(askedMs)) return 0;
          paid = false;
          continue;
        }
        const waitMs = Math.ceil(answer.retryInMs);
        if (!answer.reserved && clock.nowMs() + waitMs > giveUpMs) return waitMs;
        await clock.sleep(waitMs);
        paid = answer.reserved && stillGood(askedMs + waitMs);
      }
    },
  };
};
