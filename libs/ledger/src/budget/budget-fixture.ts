import { beforeAll, beforeEach } from '@jest/globals';
import { ledgerKeys } from '../keys.ts';
import { connectSimulated, redis, setNow, useLedger, waitOf } from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';
import { slotsOf, type Lane, type RequestBudget } from './budget.ts';

export const OPTIONS = { egress: 'spec', requestsPerMinute: 500 };
export const { budgetKey, stepUs } = slotsOf(ledgerKeys('spec'), OPTIONS);
export const STEP_MS = stepUs / 1000;
export const SECOND = 1_000_000;

export let budget: RequestBudget;
export let nowUs: number;

const clockShows = (us: number) => setNow((nowUs = us));
export const pass = (us: number) => clockShows(nowUs + us);
export const taken = async (lane: Lane): Promise<boolean> => (await budget.take(lane)).taken;
export const waitMs = async (lane: Lane): Promise<number> => waitOf(await budget.take(lane));
export const hash = () => redis.hgetall(budgetKey);
/** Asks until no slot is granted; returns how many were. */
export const takeAll = async (lane: Lane): Promise<number> => {
  let count = 0;
  while (await taken(lane)) count += 1;
  return count;
};
/**
 * When a granted slot begins: at once, or later if it is reserved. Undefined without a slot.
 */
export const slotOf = async (lane: Lane): Promise<number | undefined> => {
  const askedUs = nowUs;
  const slot = await budget.take(lane);
  if (slot.taken) return askedUs;
  return slot.reserved ? askedUs + slot.retryInMs * 1000 : undefined;
};
/**
 * Lanes ask in turn at an interval: returns when the slots of each begin. No lane waits for replies: the
 * connection keeps the order.
 */
export const askEvery = async (everyUs: number, overUs: number, ...lanes: Lane[]): Promise<number[][]> => {
  const asked: Promise<(number | undefined)[]>[] = [];
  for (let passedUs = 0; passedUs < overUs; passedUs += everyUs) {
    asked.push(Promise.all(lanes.map(slotOf)));
    void pass(everyUs);
  }
  const rows = await Promise.all(asked);
  return lanes.map((_, i) => rows.flatMap((row) => row[i] ?? []));
};
export const countTaken = async (lane: Lane, overUs: number, everyUs: number): Promise<number> =>
  (await askEvery(everyUs, overUs, lane))[0]!.length;

/** Gives each test of a file an empty budget, at a time that only the test moves. */
export const useBudget = (): void => {
  useLedger({ connect: connectSimulated, budget: OPTIONS });
  beforeAll(() => {
    budget = openLedger(redis, { prefix: 'spec', budget: { ...OPTIONS } }).budget;
  });
  beforeEach(async () => {
    await clockShows(1_800_000_000 * SECOND);
  });
};
