import type { Lane, RequestBudget } from '@rekey/ledger';
import type { Clock } from './clock.ts';

/** Waits for requests of the shared budget. Every request to Invent takes one first; those that rotate take it with their claim. */
export interface Pacer {
  /** Resolves with 0 when one request may leave; or, where that takes longer than `withinMs`, with how long to wait before asking again (ms). */
  take(lane: Lane, withinMs: number): Promise<number>;
}

export const createPacer = ({ budget, clock }: { budget: RequestBudget; clock: Clock }): Pacer => ({
  take: async (lane, withinMs) => {
    const giveUpMs = clock.nowMs() + withinMs;
    for (let paid = false; ; ) {
      const answer = await budget.take(lane, { paid });
      if (answer.taken) return 0;
      const waitMs = Math.ceil(answer.retryInMs);
      if (!answer.reserved && clock.nowMs() + waitMs > giveUpMs) return waitMs;
      await clock.sleep(waitMs);
      paid = answer.reserved;
    }
  },
});
