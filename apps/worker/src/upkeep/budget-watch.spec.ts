import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createRecordingLogger } from '@rekey/runtime';
import { startBudgetWatch, type BudgetWatch } from './budget-watch.ts';

let nowMs: number;
let isClosed: boolean;
let opened: number[];
let watch: BudgetWatch;
beforeEach(() => {
  jest.useFakeTimers();
  nowMs = 10_000;
  isClosed = false;
  opened = [];
  const close = async () => {
    isClosed = true;
  };
  watch = startBudgetWatch({
    budget: {
      slowDown: close,
      noteClosed: close,
      isClosed: async () => isClosed,
      answered: async ({ ageMs }) => {
        opened.push(ageMs);
        isClosed = false;
        return 'opened';
      },
    },
    limited: true,
    logger: createRecordingLogger().logger,
    clock: { nowMs: () => nowMs },
  });
});
afterEach(async () => {
  jest.useRealTimers();
  await watch.close();
});

const pass = async (ms: number): Promise<void> => {
  nowMs += ms;
  await jest.advanceTimersByTimeAsync(ms);
};

describe('an answer opens a closed budget', () => {
  it('if its request left after the refusal arrived, and not if it left before', async () => {
    watch.refused({ ageMs: 5 });
    await pass(20);
    watch.answered({ ageMs: 25 });
    watch.answered({ ageMs: 20 });
    expect(opened).toEqual([]);
    watch.answered({ ageMs: 19 });
    expect(opened).toEqual([19]);
  });

  it('if its request left after the worker knew of a refusal that another one met', async () => {
    await pass(1000);
    isClosed = true;
    await pass(1000);
    await pass(20);
    watch.answered({ ageMs: 20 });
    expect(opened).toEqual([]);
    watch.answered({ ageMs: 19 });
    expect(opened).toEqual([19]);
  });

  it('that was closed when the worker started, whenever its request left', async () => {
    isClosed = true;
    await pass(1000);
    watch.answered({ ageMs: 900 });
    expect(opened).toEqual([900]);
  });

  it('once', async () => {
    watch.refused({ ageMs: 5 });
    await pass(20);
    watch.answered({ ageMs: 10 });
    await pass(1);
    watch.answered({ ageMs: 1 });
    expect(opened).toEqual([10]);
  });
});
