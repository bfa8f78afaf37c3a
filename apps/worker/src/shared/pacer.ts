import type { Lane, RequestBudget } from '@rekey/ledger';
import type { Clock } from './clock.ts';

/**
 * Waits for slots of the shared request budget. Every request to Invent takes one first. A rotation takes its
 * slot together with its claim.
 */
export interface Pacer {
  /**
   * Resolves with 0 when one request may leave. If that takes longer than `withinMs`, it resolves with the
   * time to wait before asking again (ms). The lane of bulk rotations reserves no slots, so there the limit
   * always holds. A slot that comes too late is given up once for another one, unless `acceptLate` is set.
   */
  take(lane: Lane, withinMs: number, options?: { acceptLate: boolean }): Promise<number>;
  /** The request for which a slot was taken does not leave. */
  unused(): Promise<void>;
  /**
   * Whether a request may still leave in a slot that was due at this moment of the clock. A process that was
   * suspended would otherwise send everything that it had collected at once.
   */
  isTimely(slotMs: number): boolean;
  /** For callers that take their slot with another command, as a claim does. */
  newSlot(): Slot;
}

/** A slot that is requested until it is granted. */
interface Slot {
  /** A slot is reserved and its time has come: the next request takes that one. */
  readonly granted: boolean;
  /**
   * When the slot was due that the request made at `askedMs` takes. Infinity if the slot is to be used
   * however late it comes.
   */
  atMs(askedMs: number): number;
  /**
   * Waits as long as the answer to that request says, and keeps the slot if it is reserved. A slot that has
   * expired by then is given up, once.
   */
  wait(askedMs: number, answer: { retryInMs: number; reserved: boolean }): Promise<void>;
}

/**
 * The longest pause before asking again, however long upstream says to wait: one worker has to probe whether
 * upstream still refuses, and an operator may reopen the budget.
 */
export const ASK_AGAIN_WITHIN_MS = 60_000;

export const createPacer = ({
  budget,
  clock,
  slotKeepsMs,
}: {
  budget: Pick<RequestBudget, 'take' | 'returnProbe'>;
  clock: Clock;
  slotKeepsMs: number;
}): Pacer => {
  const isTimely = (slotMs: number): boolean => clock.nowMs() - slotMs <= slotKeepsMs;

  const newSlot = ({ acceptLate } = { acceptLate: false }): Slot & { giveUp(): void } => {
    // If every slot comes late, Redis is slow, and the next slot would come no sooner: give up only one.
    let mayGiveUp = !acceptLate;
    let keptMs: number | undefined;
    const atMs = (askedMs: number): number => (mayGiveUp ? (keptMs ?? askedMs) : Infinity);
    const giveUp = () => {
      mayGiveUp = false;
      keptMs = undefined;
    };
    return {
      get granted() {
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
    unused: () => budget.returnProbe(),
    isTimely,
    newSlot: () => newSlot(),
    take: async (lane, withinMs, options) => {
      const giveUpMs = clock.nowMs() + withinMs;
      const slot = newSlot(options);
      for (;;) {
        const askedMs = clock.nowMs();
        const answer = await budget.take(lane, { slotGranted: slot.granted });
        if (answer.taken) {
          if (answer.probes || isTimely(slot.atMs(askedMs))) return 0;
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
