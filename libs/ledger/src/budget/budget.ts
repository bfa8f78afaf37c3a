import { LOCAL_ACTOR, systemActor, type Actor } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import type { Keys } from '../keys.ts';
import { isWrongType } from '../scripts/run.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { budgetCommands } from './commands.generated.ts';

/**
 * What a request is for. `first`: single rotations, and reading back unknown outcomes. `bulk`: all requests
 * of a bulk rotation, its lists included. `sweep`: comparing everything, which has a guaranteed fiftieth and
 * what no other lane uses.
 */
export type Lane = 'first' | 'bulk' | 'sweep';

/** A request that upstream has refused (429): how long ago it left, and how long upstream says to wait. */
interface Refusal {
  ageMs: number;
  retryAfterMs?: number;
}

/** The request budget that all workers behind one address share. */
export interface RequestBudget {
  /**
   * Takes a slot, or says how long to wait. With `reserved` a slot is kept until then: ask again with
   * `slotGranted`. The slot is lost if upstream refuses other requests meanwhile.
   */
  take(
    lane: Lane,
    options?: { slotGranted: boolean },
  ): Promise<{ taken: true; probes?: true } | { taken: false; retryInMs: number; reserved: boolean }>;
  /** The request that took a slot has not left: if it was to probe a closed budget, the next one may. */
  returnProbe(): Promise<void>;
  /** Upstream has refused a request. */
  slowDown(refused: Refusal): Promise<void>;
  /** The same without a limit: no request is held back, but `rekey status` shows that upstream refuses. */
  noteClosed(refused: Refusal): Promise<void>;
  /**
   * Whether upstream has closed the budget, and the closure has not passed. Fails once if another client gave
   * its key another type, and begins a new budget.
   */
  isClosed(): Promise<boolean>;
  /**
   * Upstream has answered a request that left `ageMs` ago. That opens a budget that was closed before the
   * request left.
   */
  answered(request: { ageMs: number }): Promise<'opened' | 'not-closed' | 'too-old'>;
  /** An operator allows requests again. False if the budget is not closed. */
  open(actor?: Actor): Promise<boolean>;
}

export interface BudgetOptions {
  /** The name of the address that requests leave from. */
  egress: string;
  /** 0: no limit. */
  requestsPerMinute: number;
}

/**
 * The share of the limit that is used. The rest allows for requests that leave evenly and arrive unevenly,
 * and for two at once after idle time. At 500 a minute a request may be late by half a second before upstream
 * counts one too many in its minute.
 */
const USED_SHARE = 0.985;
const UNUSED_REQUESTS = 4;
/**
 * How long a slot is valid, in steps; and in ms, because with very short steps every request would be late.
 */
const KEPT_STEPS = 2;
const MIN_KEPT_MS = 25;
const usedPerMinute = (limit: number): number =>
  Math.max(Math.min(limit * USED_SHARE, limit - UNUSED_REQUESTS), limit / 4);

/** What a command needs to take slots from the budget. */
export const slotsOf = (
  keys: Keys,
  options: BudgetOptions | undefined,
): { budgetKey: string; stepUs: number } => ({
  budgetKey: keys.budget(options?.egress ?? 'default'),
  stepUs: options?.requestsPerMinute ? Math.ceil(60_000_000 / usedPerMinute(options.requestsPerMinute)) : 0,
});

/**
 * How long after its slot a request may leave, in ms; after that it takes another slot. This is far less than
 * the unused share of the limit allows, because all workers of a machine may be paused together.
 */
export const slotKeepsMs = (options: BudgetOptions): number =>
  options.requestsPerMinute ? Math.max(timeFor(KEPT_STEPS, options), MIN_KEPT_MS) : Infinity;

/** How long a number of requests takes, in ms. */
export const timeFor = (requests: number, { requestsPerMinute }: BudgetOptions): number =>
  requestsPerMinute ? (requests * 60_000) / usedPerMinute(requestsPerMinute) : 0;

export const openBudget = (
  { redis, keys, run }: Connection,
  options: BudgetOptions | undefined,
): RequestBudget => {
  const { budgetKey, stepUs } = slotsOf(keys, options);
  const commands = budgetCommands(run);

  const close = async ({ ageMs, retryAfterMs }: Refusal): Promise<void> => {
    await commands.slowDown({
      budget: budgetKey,
      ageMs: Math.max(Math.round(ageMs), 0),
      retryAfterMs: retryAfterMs === undefined ? undefined : Math.round(retryAfterMs),
    });
  };
  const closedUntil = async (): Promise<string | null> => {
    try {
      return await redis.hget(budgetKey, 'closed_until');
    } catch (error) {
      // No request could leave until an operator deletes it. What a new budget does not know, the next
      // refusal tells.
      if (isWrongType(error)) await redis.del(budgetKey);
      throw error;
    }
  };
  const open = async (actor: Actor, ageMs?: number) =>
    (await commands.openBudget({ budget: budgetKey, ageMs, actor })).kind;

  return {
    take: async (lane, { slotGranted } = { slotGranted: false }) => {
      if (stepUs === 0) return { taken: true };
      const reply = await commands.takeSlot({ budget: budgetKey, stepUs, lane, slotGranted });
      return reply.kind === 'taken'
        ? { taken: true, ...(reply.probes && { probes: true }) }
        : { taken: false, retryInMs: reply.waitMs, reserved: reply.reserved };
    },
    returnProbe: async () => {
      if (stepUs > 0) await commands.returnProbe({ budget: budgetKey });
    },
    slowDown: async (refused) => {
      if (stepUs > 0) await close(refused);
    },
    noteClosed: close,
    // Asked once a second: while it was never closed, the time is not asked for.
    isClosed: async () => {
      const untilMs = Number((await closedUntil()) ?? 0);
      return untilMs > 0 && untilMs > (await redisNowMs(redis));
    },
    answered: ({ ageMs }) => open(systemActor('rotation'), Math.max(Math.round(ageMs), 0)),
    open: async (actor = LOCAL_ACTOR) => (await open(actor)) === 'opened',
  };
};
