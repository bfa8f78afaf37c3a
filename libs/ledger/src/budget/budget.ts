import type { Redis } from 'ioredis';
import { ledgerKeys, type Keys } from '../keys.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { defineScripts } from '../scripts/scripts.ts';

/**
 * What a request is for. `first`: single rotations, and reading back what is unknown. `bulk`: all of a bulk
 * rotation, its own lists included. `sweep`: comparing everything, which has a fiftieth by right, and what
 * nobody else wants.
 */
export type Lane = 'first' | 'bulk' | 'sweep';

/** The budget of requests that all workers behind one address share. */
export interface RequestBudget {
  /**
   * Takes one, or says how long to wait; with `reserved` one is kept until then: ask again with `paid`. It is
   * still theirs then, unless upstream has refused others meanwhile.
   */
  take(
    lane: Lane,
    options?: { paid: boolean },
  ): Promise<{ taken: true } | { taken: false; retryInMs: number; reserved: boolean }>;
  /** Upstream has refused a request (429) that left so long ago. */
  slowDown(refused: { ageMs: number; retryAfterMs?: number }): Promise<void>;
  /** The same without a limit: nothing is held back, but `rekey status` says that upstream refuses. */
  noteClosed(refused: { ageMs: number; retryAfterMs?: number }): Promise<void>;
  /** Whether upstream has closed the budget, and its closure has not passed. */
  isClosed(): Promise<boolean>;
  /**
   * A request that left `ageMs` ago was answered and not refused: opens a budget that was closed before it
   * left.
   */
  answered(request: { ageMs: number }): Promise<'opened' | 'not-closed' | 'too-old'>;
  /** An operator says that requests may leave again. False if it is not closed. */
  open(): Promise<boolean>;
}

export interface BudgetOptions {
  /** The name of the address that requests leave from. */
  egress: string;
  /** 0: no limit. */
  requestsPerMinute: number;
}

/**
 * How much of the limit is used: what is left bears that requests which left evenly arrive unevenly, and
 * after idle time two at once. At 500 a minute they may be late by half a second, compared with others,
 * before upstream counts one too many in its minute.
 */
const USED_SHARE = 0.985;
const UNUSED_REQUESTS = 4;
/**
 * How long a slot keeps, in steps; and in ms, where steps are so short that every request is later than that.
 */
const KEPT_STEPS = 2;
const MIN_KEPT_MS = 25;
const usedPerMinute = (limit: number): number =>
  Math.max(Math.min(limit * USED_SHARE, limit - UNUSED_REQUESTS), limit / 4);

/** What a command needs to take requests from the budget. */
export const paceOf = (
  keys: Keys,
  options: BudgetOptions | undefined,
): { budgetKey: string; stepUs: number } => ({
  budgetKey: keys.budget(options?.egress ?? 'default'),
  stepUs: options?.requestsPerMinute ? Math.ceil(60_000_000 / usedPerMinute(options.requestsPerMinute)) : 0,
});

/**
 * How long after its slot a request may leave, in ms; later it takes another. Far less than what is left of
 * the limit bears, for all workers of a machine may stand still together.
 */
export const slotKeepsMs = (options: BudgetOptions): number =>
  options.requestsPerMinute ? Math.max(timeFor(KEPT_STEPS, options), MIN_KEPT_MS) : Infinity;

/** How long so many requests take, in ms. */
export const timeFor = (requests: number, { requestsPerMinute }: BudgetOptions): number =>
  requestsPerMinute ? (requests * 60_000) / usedPerMinute(requestsPerMinute) : 0;

export const createRequestBudget = ({
  redis,
  prefix,
  ...options
}: { redis: Redis; prefix: string } & BudgetOptions): RequestBudget => {
  const keys = ledgerKeys(prefix);
  const { budgetKey, stepUs } = paceOf(keys, options);
  const run = defineScripts(redis, keys.prefix);
  const close = async ({ ageMs, retryAfterMs }: { ageMs: number; retryAfterMs?: number }) => {
    await run['slow-down'](
      [budgetKey],
      [Math.max(Math.round(ageMs), 0), retryAfterMs === undefined ? '' : Math.round(retryAfterMs)],
    );
  };
  const open = async (ageMs: number | ''): Promise<'opened' | 'not-closed' | 'too-old'> => {
    const [kind] = await run['open-budget']([budgetKey], [ageMs]);
    return kind === 'OPENED' ? 'opened' : kind === 'TOO_OLD' ? 'too-old' : 'not-closed';
  };
  return {
    take: async (lane, { paid } = { paid: false }) => {
      if (stepUs === 0) return { taken: true };
      const [kind, waitMs, reserved] = await run['take-slot']([budgetKey], [stepUs, lane, paid ? '1' : '']);
      return kind === 'TAKEN'
        ? { taken: true }
        : { taken: false, retryInMs: Number(waitMs), reserved: reserved === '1' };
    },
    slowDown: async (refused) => {
      if (stepUs > 0) await close(refused);
    },
    noteClosed: close,
    isClosed: async () => {
      const [until, nowMs] = await Promise.all([redis.hget(budgetKey, 'closed_until'), redisNowMs(redis)]);
      return Number(until ?? 0) > nowMs;
    },
    answered: ({ ageMs }) => open(Math.max(Math.round(ageMs), 0)),
    open: async () => (await open('')) === 'opened',
  };
};
