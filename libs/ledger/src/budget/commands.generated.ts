/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */
import type { Actor } from '@rekey/schema';
import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

interface OpenBudgetInput {
  /** the request budget */
  budget: string;
  /** how long ago the answered request left; absent for an operator */
  ageMs?: number | undefined;
  /** Who acts. */
  actor: Actor;
}
type OpenBudgetReply =
  | { kind: 'opened' }
  | { kind: 'not-closed' }
  /** that request left before the budget was closed */
  | { kind: 'too-old' };
const readOpenBudgetReply = (reply: unknown[]): OpenBudgetReply => {
  switch (reply[0]) {
    case 'OPENED':
      return { kind: 'opened' };
    case 'NOT_CLOSED':
      return { kind: 'not-closed' };
    case 'TOO_OLD':
      return { kind: 'too-old' };
    default:
      throw unexpectedReply('open-budget', reply);
  }
};

interface ReturnProbeInput {
  /** the request budget */
  budget: string;
}
type ReturnProbeReply = { kind: 'done' };
const readReturnProbeReply = (reply: unknown[]): ReturnProbeReply => {
  switch (reply[0]) {
    case 'DONE':
      return { kind: 'done' };
    default:
      throw unexpectedReply('return-probe', reply);
  }
};

interface SlowDownInput {
  /** the request budget */
  budget: string;
  /** how long ago the refused request left */
  ageMs: number;
  /** how long upstream says to wait */
  retryAfterMs?: number | undefined;
}
type SlowDownReply =
  | { kind: 'slowed' }
  /** it left before the pace was last slowed down; only the time to wait is new */
  | { kind: 'known' };
const readSlowDownReply = (reply: unknown[]): SlowDownReply => {
  switch (reply[0]) {
    case 'SLOWED':
      return { kind: 'slowed' };
    case 'KNOWN':
      return { kind: 'known' };
    default:
      throw unexpectedReply('slow-down', reply);
  }
};

interface TakeSlotInput {
  /** the request budget */
  budget: string;
  /** the pause between two requests */
  stepUs: number;
  /** `first`, `bulk` or `sweep` */
  lane: string;
  /** a slot was reserved and has been waited for */
  slotGranted: boolean;
}
type TakeSlotReply =
  /** the budget is closed, and this request finds out whether it still is */
  | { kind: 'taken'; probes: boolean }
  /** ask again after that time. `reserved`: a slot is kept until then */
  | { kind: 'wait'; waitMs: number; reserved: boolean };
const readTakeSlotReply = (reply: unknown[]): TakeSlotReply => {
  switch (reply[0]) {
    case 'TAKEN':
      return { kind: 'taken', probes: reply[1] === '1' };
    case 'WAIT':
      return { kind: 'wait', waitMs: Number(reply[1]), reserved: reply[2] === '1' };
    default:
      throw unexpectedReply('take-slot', reply);
  }
};

/**
 * The commands of budget/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const budgetCommands = (run: RunCommand) => ({
  /**
   * Opens a budget that upstream closed (429): upstream answered a later request, or an operator decides so.
   * The pace begins at a tenth and recovers within a minute, as after a refusal.
   *
   * Keeps: only a request that left after the refusal opens a budget.
   */
  openBudget: async (input: OpenBudgetInput): Promise<OpenBudgetReply> =>
    readOpenBudgetReply(
      await run(
        'open-budget',
        [input.budget],
        [
          input.ageMs ?? '',
          input.actor.by,
          input.actor.also ?? '',
          input.actor.request ?? '',
          input.actor.trace ?? '',
        ],
      ),
    ),
  /**
   * A request that took a slot has not left. While the budget is closed, it was the one that probes: then the
   * next one may leave in its place.
   */
  returnProbe: async (input: ReturnProbeInput): Promise<ReturnProbeReply> =>
    readReturnProbeReply(await run('return-probe', [input.budget], [])),
  /**
   * The upstream has refused a request that came too soon (429). All requests wait for a while, and then leave
   * more slowly; the pace recovers within a minute.
   *
   * Keeps: refusals of requests that were under way together slow the pace down once.
   */
  slowDown: async (input: SlowDownInput): Promise<SlowDownReply> =>
    readSlowDownReply(await run('slow-down', [input.budget], [input.ageMs, input.retryAfterMs ?? ''])),
  /**
   * Takes a request from the budget for a read.
   *
   * Keeps: over any time, no more requests than the pace allows, plus two.
   */
  takeSlot: async (input: TakeSlotInput): Promise<TakeSlotReply> =>
    readTakeSlotReply(
      await run('take-slot', [input.budget], [input.stepUs, input.lane, input.slotGranted ? '1' : '']),
    ),
});
