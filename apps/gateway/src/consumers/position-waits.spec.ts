import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createPositionWaits } from './position-waits.ts';

const never = new AbortController().signal;

const setUp = () => {
  let change = () => {};
  const waits = createPositionWaits({
    onChange: (listener) => {
      change = listener;
      return () => {};
    },
  });
  return { waits, change: () => change() };
};

describe('a wait', () => {
  it('ends in the turn in which its condition begins to hold', async () => {
    const { waits, change } = setUp();
    let holds = false;
    let ended = false;
    void waits.until(() => holds, never).then(() => (ended = true));
    change();
    await Promise.resolve();
    expect([ended, waits.waiting()]).toEqual([false, 1]);
    holds = true;
    change();
    await new Promise((resolve) => setImmediate(resolve));
    expect([ended, waits.waiting()]).toEqual([true, 0]);
  });

  it('ends when its signal aborts, and does not begin if it has', async () => {
    const { waits } = setUp();
    await waits.until(() => false, AbortSignal.abort());
    const leaving = new AbortController();
    const waiting = waits.until(() => false, leaving.signal);
    leaving.abort();
    await waiting;
    expect(waits.waiting()).toBe(0);
  });

  it('ends with SHUTTING_DOWN when all are closed', async () => {
    const { waits } = setUp();
    const waiting = waits.until(() => false, never);
    waits.close();
    await expect(waiting).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await expect(waits.until(() => true, never)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

describe('many waits', () => {
  it('leave most of the time to others, and all end when their conditions hold', async () => {
    const { waits, change } = setUp();
    let reviews = 0;
    let holds = false;
    const condition = () => {
      reviews += 1;
      // As long as looking at several consumers takes.
      for (const endMs = performance.now() + 0.02; performance.now() < endMs;);
      return holds;
    };
    const all = Promise.all(Array.from({ length: 1000 }, () => waits.until(condition, never)));
    reviews = 0;
    const endMs = performance.now() + 500;
    while (performance.now() < endMs) {
      change();
      await sleep(1);
    }
    // Each review takes 20 ms: one at most in 200 ms, and the one under way.
    expect(reviews).toBeLessThanOrEqual(4000);
    holds = true;
    change();
    await all;
    expect(waits.waiting()).toBe(0);
  });
});
