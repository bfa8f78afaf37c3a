import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Acknowledgement } from '@rekey/schema';
import { createDraws } from '../held/draws-fixture.ts';
import { createAcknowledger, type Acknowledger } from './acknowledger.ts';

beforeEach(() => {
  jest.useFakeTimers();
  const draw = createDraws();
  jest.spyOn(Math, 'random').mockImplementation(() => draw(2 ** 20) / 2 ** 20);
});
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

/** As a gateway limits a caller: a number of calls a second, and a number at once. */
const createLimit = (perSecond: number, atOnce: number) => {
  let evenMs = 0;
  return (): boolean => {
    const nowMs = performance.now();
    evenMs = Math.max(evenMs, nowMs);
    if (evenMs - nowMs > (1000 / perSecond) * (atOnce - 1)) return false;
    evenMs += 1000 / perSecond;
    return true;
  };
};

/** 500 instances at 2,000 a second, a fifth of each. */
describe('many instances of one consumer', () => {
  it('share what the gateway accepts: each reports soon, and few are refused', async () => {
    const [INSTANCES, ROTATIONS_A_SECOND, SECONDS, ACCEPTED] = [100, 20, 20, 400];
    const takes = createLimit(ACCEPTED, ACCEPTED);
    let change = 0;
    let [sent, refused] = [0, 0];
    const reported = Array.from({ length: INSTANCES }, () => 0);
    const instances = reported.map((_, i): Acknowledger =>
      createAcknowledger(
        () => ({ number: change }) as Acknowledgement,
        async (ack) => {
          sent += 1;
          if (!takes()) {
            refused += 1;
            return 'later';
          }
          reported[i] = (JSON.parse(ack) as { number: number }).number;
          return 'added';
        },
      ),
    );
    const behind: number[] = [];
    for (let i = 0; i < SECONDS * ROTATIONS_A_SECOND; i += 1) {
      change += 1;
      for (const instance of instances) instance.applied();
      await jest.advanceTimersByTimeAsync(1000 / ROTATIONS_A_SECOND);
      behind.push(change - Math.min(...reported));
    }
    // One for each change would be five times what is accepted.
    expect(sent).toBeLessThan(SECONDS * ACCEPTED * 1.5);
    expect(refused / sent).toBeLessThan(0.25);
    // In seconds: less than four.
    expect(Math.max(...behind.slice(behind.length / 2))).toBeLessThan(4 * ROTATIONS_A_SECOND);
    await jest.advanceTimersByTimeAsync(2000);
    expect(Math.min(...reported)).toBe(change);
  });

  it('that are accepted send at once again', async () => {
    const sentMs: number[] = [];
    const answers = ['later', 'later', 'added', 'added'] as const;
    const acknowledger = createAcknowledger(
      () => ({}) as Acknowledgement,
      async () => {
        sentMs.push(performance.now());
        return answers[sentMs.length - 1] ?? 'added';
      },
    );
    acknowledger.applied();
    await jest.advanceTimersByTimeAsync(1000);
    expect(sentMs).toHaveLength(3);
    await jest.advanceTimersByTimeAsync(3000);
    const beganMs = performance.now();
    acknowledger.applied();
    acknowledger.applied();
    await jest.advanceTimersByTimeAsync(10);
    expect(sentMs.slice(3).map((ms) => ms - beganMs)).toEqual([0, 10]);
  });
});
