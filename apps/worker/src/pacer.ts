import type { Lane, RequestBudget } from '@rekey/ledger';
import type { Clock } from './clock.ts';

/** Waits for requests of the shared budget. Every request to Invent takes one first; those that rotate take it with their claim. */
export interface Pacer {
  /**
   * Resolves with 0 when one request may leave; or, where that takes longer than `withinMs`, with how long to wait before asking again (ms): in the
   * lane of bulk rotations, where no slot is kept, always by then. One slot that comes late is given up for another, but for `asItComes`.
   */
  take(lane: Lane, withinMs: number, options?: { asItComes: boolean }): Promise<number>;
  /** Whether a request may still leave in the slot that was to be had at this moment of the clock, or later. What a process that stood still had gathered would leave all at once. */
  isTimely(slotMs: number): boolean;
}

export const createPacer = ({ budget, clock, slotKeepsMs }: { budget: RequestBudget; clock: Clock; slotKeepsMs: number }): Pacer => {
  const isTimely = (slotMs: number): boolean => clock.nowMs() - slotMs <= slotKeepsMs;
  return {
    isTimely,
    take: async (lane, withinMs, { asItComes } = { asItComes: false }) => {
      const giveUpMs = clock.nowMs() + withinMs;
      // Where every slot comes late, Redis is far away, and the next would come no sooner.
      let mayGiveUp = !asItComes;
      /** When the slot is to be had that is kept. */
      let keptMs: number | undefined;
      for (;;) {
        const askedMs = clock.nowMs();
        const answer = await budget.take(lane, { paid: keptMs !== undefined });
        if (answer.taken) {
          if (!mayGiveUp || isTimely(keptMs ?? askedMs)) return 0;
          mayGiveUp = false;
          keptMs = undefined;
          continue;
        }
        const waitMs = Math.ceil(answer.retryInMs);
        if (!answer.reserved && clock.nowMs() + waitMs > giveUpMs) return waitMs;
        await clock.sleep(waitMs);
        keptMs = answer.reserved ? askedMs + waitMs : undefined;
      }
    },
  };
};
