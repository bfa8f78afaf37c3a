import { isErrorCode, type ErrorCode, type RotationJob } from '@rekey/schema';
import { keyBefore, type Hold } from '../assistants/hold.ts';
import { slotsOf, type BudgetOptions } from '../budget/budget.ts';
import type { Connection } from '../connection.ts';
import { rotationsCommands } from './commands.generated.ts';

/** A hold for one rotation, with its intent to POST. No other rotation claims the assistant meanwhile. */
export interface Claim extends Hold {
  rotationId: string;
  /**
   * How many times a POST was about to leave for the rotation, this one included, and when the first was
   * (Redis time).
   */
  attempts: number;
  startedMs: number;
  /**
   * `stateBefore` is known to have been in force after the rotation was asked for: any other key was made
   * since.
   */
  fresh: boolean;
  /** How many consecutive outcomes of the org were unknown. */
  unknownsInARow: number;
  /** An earlier outcome of this rotation was unknown. */
  doubted: boolean;
  /** Why another POST of this rotation would fare no better until an operator acts. */
  blocked?: ErrorCode;
}

export interface ClaimOptions {
  /** Limits the work under the claim. */
  leaseMs: number;
  /** How long after now the POST may still take effect, and a read still not show it. */
  landingWindowMs: number;
  /** How many intents of an org may be open at once. */
  maxOpenIntents: number;
  /** The same for all orgs together; as many as there are, unless it is given. */
  maxIntentsInAll?: number;
  /** Why no POST may leave now. */
  holdBack?: ErrorCode | undefined;
  /** An earlier claim has reserved a slot of the budget, and it has been waited for. */
  slotGranted?: boolean;
}

export type ClaimResult =
  /** `probes`: the budget is closed, and this request finds out whether it still is. */
  | { kind: 'claimed'; claim: Claim; probes?: boolean }
  | { kind: 'resumed'; claim: Claim; landsInMs: number; satisfied: boolean; noted: boolean }
  | { kind: 'busy' | 'full' | 'halted' | 'frozen'; retryInMs: number }
  /** The request budget grants no slot now. `reserved`: claim again after that time, with `slotGranted`. */
  | { kind: 'paced'; retryInMs: number; reserved: boolean }
  | { kind: 'ended' }
  | { kind: 'missing' };

export const NO_LIMIT = Number.MAX_SAFE_INTEGER;

type ClaimReply = Awaited<ReturnType<ReturnType<typeof rotationsCommands>['claim']>>;
type Held = Extract<ClaimReply, { kind: 'claimed' | 'resumed' }>;

const claimOf = (job: RotationJob, reply: Held): Claim => {
  const resumed = reply.kind === 'resumed' ? reply : undefined;
  return {
    ...job,
    epoch: reply.epoch,
    atMs: reply.nowMs,
    attempts: reply.attempts,
    startedMs: reply.startedMs,
    unknownsInARow: reply.unknowns,
    doubted: reply.doubted,
    ...keyBefore(reply.keyState, reply.version),
    uncertain: resumed?.uncertain ?? false,
    fresh: reply.fresh,
    ...(reply.bulk !== undefined && { bulkId: reply.bulk }),
    ...(resumed?.blocked !== undefined && isErrorCode(resumed.blocked) && { blocked: resumed.blocked }),
    ...(resumed?.tooLarge && { tooLarge: true as const }),
  };
};

/** Claims an assistant for a rotation: see `Rotations`. `ledgerId`: the ledger that this process knows. */
export const createClaim = (
  { keys, run }: Connection,
  budget: BudgetOptions | undefined,
  ledgerId: () => string | undefined,
) => {
  const commands = rotationsCommands(run);
  const slots = slotsOf(keys, budget);
  return async (job: RotationJob, options: ClaimOptions): Promise<ClaimResult> => {
    const { rotationId, orgId, assistantId } = job;
    const reply = await commands.claim({
      rotation: keys.rotation(rotationId),
      assistant: keys.assistant(assistantId),
      ledger: keys.ledger,
      intents: keys.intents(orgId),
      budget: slots.budgetKey,
      id: rotationId,
      org: orgId,
      assistantId,
      leaseMs: Math.round(options.leaseMs),
      landingMs: Math.round(options.landingWindowMs),
      maxOpen: options.maxOpenIntents,
      maxInAll: options.maxIntentsInAll ?? NO_LIMIT,
      holdBack: options.holdBack,
      stepUs: slots.stepUs,
      slotGranted: options.slotGranted ?? false,
      ledgerId: ledgerId(),
    });
    switch (reply.kind) {
      case 'claimed':
        return { kind: 'claimed', claim: claimOf(job, reply), probes: reply.probes };
      case 'resumed': {
        const { landsInMs, satisfied, noted } = reply;
        return { kind: 'resumed', claim: claimOf(job, reply), landsInMs, satisfied, noted };
      }
      case 'paced':
        return { kind: 'paced', retryInMs: reply.waitMs, reserved: reply.reserved };
      case 'ended':
      case 'missing':
        return { kind: reply.kind };
      default:
        return { kind: reply.kind, retryInMs: reply.waitMs };
    }
  };
};
