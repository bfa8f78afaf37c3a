import type { Lane, RequestBudget } from '@rekey/ledger';
import type { Clock } from './clock.ts';

/**
 * Waits for requests of the shared budget. Every request to Invent takes one first; those that rotate take it
 * with their claim.
 */
export interface Pacer {
  /**
   * Resolves with 0 when one request may leave; or, where that takes longer than `withinMs`, with how long to
   * wait before asking again (ms): in the lane of bulk rotations, where no slot is kept, always by then. One
   * slot that comes late is given up for another, but for `asItComes`.
   */
  take(lane: Lane, withinMs: number, options?: { asItComes: boolean }): Promise<number>;
  /**
   * Whether a request may still leave in the slot that was to be had at this moment of the clock, or later.
   * What a process that stood still had gathered would leave all at once.
   */
  isTimely(slotMs: number): boolean;
  /** For who takes its slot with another command, as a claim does. */
  newSlot(): Slot;
}

/** A slot that is asked for until there is one. */
export interface Slot {
  /** Whether one is kept, and has been waited for: the next question is for that one. */
  readonly paid: boolean;
  /**
   * When the slot was to be had that is taken by the question which was asked last, at that moment; Infinity
   * where it is to be used however late.
   */
  atMs(askedMs: number): number;
  /**
   * Waits for as long as the answer to that question says, and keeps the slot if it is reserved. One that has
   * passed by then is given up, once.
   */
  wait(askedMs: number, answer: { retryInMs: number; reserved: boolean }): Promise<void>;
}

/**
 * However long upstream says to wait: one worker has to probe whether it still refuses, and an operator may
 * open the budget.
 */
export const ASK_AGAIN_WITHIN_MS = 60_000;

export const createPacer = ({
  budget,
  clock,
  slotKeepsMs,
}: {
  budget: Pick<RequestBudget, 'take'>;
  clock: Clock;
  slotKeepsMs: number;
}): Pacer => {
  const isTimely = (slotMs: number): boolean => clock.nowMs() - slotMs <= slotKeepsMs;

  const newSlot = ({ asItComes } = { asItComes: false }): Slot & { giveUp(): void } => {
    // Where every slot comes late, Redis is far away, and the next would come no sooner.
    let mayGiveUp = !asItComes;
    let keptMs: number | undefined;
    const atMs = (askedMs: number): number => (mayGiveUp ? (keptMs ?? askedMs) : Infinity);
    const giveUp = () => {
      mayGiveUp = false;
      keptMs = undefined;
    };
    return {
      get paid() {
        return keptMs !== undefined;
      },
      atMs,
      wait: async (askedMs, { retryInMs, reserved }) => {
        await clock.sleep(retryInMs);
        keptMs = reserved ? askedMs + retryInMs : undefined;
        if (reserved && !isTimely(atMs(askedMs))) giveUp();
      },
      giveUp,
    };
  };

  return {
    isTimely,
    newSlot: () => newSlot(),
    take: async (lane, withinMs, options) => {
      const giveUpMs = clock.nowMs() + withinMs;
      const slot = newSlot(options);
      for (;;) {
        const askedMs = clock.nowMs();
        const answer = await budget.take(lane, { paid: slot.paid });
        if (answer.taken) {
          if (isTimely(slot.atMs(askedMs))) return 0;
          slot.giveUp();
          continue;
        }
        const retryInMs = Math.ceil(Math.min(answer.retryInMs, ASK_AGAIN_WITHIN_MS));
        if (!answer.reserved && clock.nowMs() + retryInMs > giveUpMs) return retryInMs;
        await slot.wait(askedMs, { retryInMs, reserved: answer.reserved });
      }
    },
  };
};
