import { describe, expect, it } from '@jest/globals';
import { areTrials } from '@rekey/testing';
import { connectSimulated, redis, setNow, useLedger } from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';

const BEGAN_MS = 1_800_000_000_000;
const MINUTE_MS = 60_000;
const LIMIT = 500;
const TICK_MS = 20;
/** How long a response takes: all requests that leave meanwhile are refused together. */
const ANSWER_MS = 200;

useLedger({ connect: connectSimulated });

/**
 * Two deployments with separate ledgers behind one address, both with unlimited work, against an upstream
 * that takes
 * 500 requests in any minute from that address. They notice each other only by refusals.
 */
const shareAddress = async (requestsPerMinute: number, retryAfter: boolean, minutes: number) => {
  const budgets = ['one', 'other'].map((prefix) => ({
    budget: openLedger(redis, { prefix, budget: { egress: 'default', requestsPerMinute } }).budget,
    askAtMs: 0,
    refusals: [] as { atMs: number; retryAfterMs: number }[],
  }));
  const accepted: number[] = [];
  let [taken, refused] = [0, 0];
  for (let ms = 0; ms < minutes * MINUTE_MS; ms += TICK_MS) {
    await setNow((BEGAN_MS + ms) * 1000);
    while (accepted.length > 0 && accepted[0]! <= ms - MINUTE_MS) accepted.shift();
    for (const one of budgets) {
      while (one.refusals.length > 0 && one.refusals[0]!.atMs <= ms)
        await one.budget
          .slowDown({ ageMs: ANSWER_MS, ...(retryAfter && { retryAfterMs: one.refusals[0]!.retryAfterMs }) })
          .then(() => one.refusals.shift());
      if (one.askAtMs > ms) continue;
      const slot = await one.budget.take('bulk');
      if (!slot.taken) {
        one.askAtMs = ms + Math.min(slot.retryInMs, MINUTE_MS);
      } else if (accepted.length < LIMIT) {
        accepted.push(ms);
        taken += 1;
      } else {
        refused += 1;
        one.refusals.push({
          atMs: ms + ANSWER_MS,
          retryAfterMs: 1000 * Math.ceil((accepted[0]! + MINUTE_MS - ms) / 1000),
        });
      }
    }
  }
  return { taken, refused };
};

describe('two deployments behind one address', () => {
  it.each(areTrials ? [true, false] : [true])(
    'that each use the whole limit slow down: few are refused, most of it is used (Retry-After: %p)',
    async (retryAfter) => {
      const minutes = 6;
      const { taken, refused } = await shareAddress(LIMIT, retryAfter, minutes);
      expect(refused / (taken + refused)).toBeLessThan(0.04);
      expect(taken).toBeGreaterThan(0.85 * minutes * LIMIT);
    },
    120_000,
  );

  it('that each use half of it are never refused', async () => {
    const { taken, refused } = await shareAddress(LIMIT / 2, true, 3);
    expect(refused).toBe(0);
    expect(taken).toBeGreaterThan(0.95 * 3 * LIMIT);
  });
});
