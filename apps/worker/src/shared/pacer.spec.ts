import { beforeEach, describe, expect, it } from '@jest/globals';
import type { RequestBudget } from '@rekey/ledger';
import type { Clock } from './clock.ts';
import { createPacer } from './pacer.ts';

/** One slot every 100 ms. Time passes for the process only if the test says so. */
const STEP_MS = 100;
let nowMs: number;
let nextMs: number;
let asked: { slotGranted: boolean; atMs: number }[];
/** How long the process is suspended, in turn: each answer of Redis and each pause takes one. */
let stalls: number[];

const clock: Clock = {
  nowMs: () => nowMs,
  sleep: async (ms) => {
    nowMs += ms + (stalls.shift() ?? 0);
  },
};
const budget: Pick<RequestBudget, 'take' | 'returnProbe'> = {
  returnProbe: async () => {},
  take: async (lane, { slotGranted } = { slotGranted: false }) => {
    asked.push({ slotGranted, atMs: nowMs });
    const slotMs = Math.max(nextMs, nowMs);
    const waitMs = slotMs - nowMs;
    const reserved = lane === 'first';
    if (!slotGranted && (waitMs === 0 || reserved)) nextMs = slotMs + STEP_MS;
    nowMs += stalls.shift() ?? 0;
    return slotGranted || waitMs === 0 ? { taken: true } : { taken: false, retryInMs: waitMs, reserved };
  },
};
const pacer = createPacer({ budget, clock, slotKeepsMs: 400 });

beforeEach(() => {
  [nowMs, nextMs, asked, stalls] = [10_000, 0, [], []];
});

describe('a slot', () => {
  it('is used at once if one is free', async () => {
    expect(await pacer.take('bulk', 0)).toBe(0);
    expect(asked).toEqual([{ slotGranted: false, atMs: 10_000 }]);
  });

  it('is waited for if it is reserved, and requested again if it is not', async () => {
    nextMs = 10_250;
    expect(await pacer.take('first', 0)).toBe(0);
    expect(asked).toEqual([
      { slotGranted: false, atMs: 10_000 },
      { slotGranted: true, atMs: 10_250 },
    ]);
    expect(await pacer.take('bulk', 0)).toBe(100);
    expect(await pacer.take('bulk', 1000)).toBe(0);
    expect(asked.slice(2)).toEqual([10_250, 10_250, 10_350].map((atMs) => ({ slotGranted: false, atMs })));
  });

  it('is used however late it comes if it probes a closed budget', async () => {
    stalls = [60_000];
    const probing: typeof budget = {
      ...budget,
      take: async (lane, options) => ({ ...(await budget.take(lane, options)), taken: true, probes: true }),
    };
    expect(await createPacer({ budget: probing, clock, slotKeepsMs: 400 }).take('bulk', 0)).toBe(0);
    expect(asked).toEqual([{ slotGranted: false, atMs: 10_000 }]);
  });

  it('is given up for another if the process was suspended after it was granted', async () => {
    stalls = [401];
    expect(await pacer.take('bulk', 0)).toBe(0);
    expect(asked).toEqual([
      { slotGranted: false, atMs: 10_000 },
      { slotGranted: false, atMs: 10_401 },
    ]);
  });

  it('that was reserved is given up if the process slept too long', async () => {
    nextMs = 10_050;
    stalls = [0, 600];
    expect(await pacer.take('first', 0)).toBe(0);
    expect(asked).toEqual([
      { slotGranted: false, atMs: 10_000 },
      { slotGranted: false, atMs: 10_650 },
    ]);
  });

  it('that was reserved and awaited in time is given up if Redis answers too late', async () => {
    nextMs = 10_050;
    stalls = [0, 0, 600];
    expect(await pacer.take('first', 0)).toBe(0);
    expect(asked).toEqual([
      { slotGranted: false, atMs: 10_000 },
      { slotGranted: true, atMs: 10_050 },
      { slotGranted: false, atMs: 10_650 },
    ]);
  });

  it('may be used a little late', async () => {
    stalls = [400];
    expect(await pacer.take('bulk', 0)).toBe(0);
    expect(asked).toHaveLength(1);
  });

  it('is used however late if one was given up before', async () => {
    stalls = [1000];
    expect(await pacer.take('bulk', 0, { acceptLate: true })).toBe(0);
    expect(asked).toHaveLength(1);
  });

  it('is given up only once, so that a slow Redis does not waste one slot after the other', async () => {
    stalls = [1000, 1000, 1000];
    expect(await pacer.take('first', 0)).toBe(0);
    expect(asked).toHaveLength(2);
  });

  it('taken by another command is kept, given up once if late, and then used however late', async () => {
    const slot = pacer.newSlot();
    expect([slot.granted, slot.atMs(nowMs)]).toEqual([false, 10_000]);
    await slot.wait(nowMs, { retryInMs: 50, reserved: true });
    expect([slot.granted, slot.atMs(nowMs)]).toEqual([true, 10_050]);
    stalls = [401];
    await slot.wait(nowMs, { retryInMs: 50, reserved: true });
    expect([slot.granted, slot.atMs(nowMs)]).toEqual([false, Infinity]);
    stalls = [401];
    await slot.wait(nowMs, { retryInMs: 50, reserved: true });
    expect(slot.granted).toBe(true);
    expect(pacer.isTimely(slot.atMs(nowMs))).toBe(true);
  });

  it('that is not reserved is requested as a new one', async () => {
    const slot = pacer.newSlot();
    await slot.wait(nowMs, { retryInMs: 50, reserved: true });
    await slot.wait(nowMs, { retryInMs: 50, reserved: false });
    expect([slot.granted, slot.atMs(nowMs)]).toEqual([false, 10_100]);
  });
});
