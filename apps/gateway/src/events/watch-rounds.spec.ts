import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Waiter, WatchRounds } from './watch-rounds.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Rounds whose ends the test decides, and the times at which each watch was woken. */
const useRounds = () => {
  const ends: (() => void)[] = [];
  const rounds = new WatchRounds((done) => void ends.push(done));
  const beganMs = performance.now();
  const wokenMs: Record<string, number[]> = { a: [], b: [] };
  const wake = (name: string): (() => void) => (wakes[name] ??= () => wokenMs[name]!.push(now()));
  const wakes: Record<string, () => void> = {};
  const now = () => performance.now() - beganMs;
  return { rounds, wokenMs, wake, ends: () => ends.shift()!() };
};

describe('a round of messages', () => {
  it('begins at once if nothing was sent for a moment', () => {
    const { rounds, wokenMs, wake, ends } = useRounds();
    rounds.add([wake('a'), wake('b')]);
    ends();
    jest.advanceTimersByTime(5);
    rounds.add([wake('a')]);
    expect(wokenMs).toEqual({ a: [0, 5], b: [0] });
  });

  it('begins ten times as long after the one before as that took, for all that waits by then', () => {
    const { rounds, wokenMs, wake, ends } = useRounds();
    rounds.add([wake('a'), wake('b')]);
    jest.advanceTimersByTime(8);
    ends();
    rounds.add([wake('a')]);
    jest.advanceTimersByTime(40);
    rounds.add([wake('a'), wake('b')]);
    jest.advanceTimersByTime(100);
    expect(wokenMs).toEqual({ a: [0, 80], b: [0, 80] });
  });

  it('begins later also if it was due before the one before had ended', () => {
    const { rounds, wokenMs, wake, ends } = useRounds();
    rounds.add([wake('a')]);
    rounds.add([wake('b')]);
    jest.advanceTimersByTime(4);
    ends();
    jest.advanceTimersByTime(100);
    expect(wokenMs).toEqual({ a: [0], b: [40] });
  });

  it('begins 100 ms after the one before at the latest', () => {
    const { rounds, wokenMs, wake, ends } = useRounds();
    rounds.add([wake('a')]);
    jest.advanceTimersByTime(50);
    ends();
    rounds.add([wake('a')]);
    jest.advanceTimersByTime(100);
    expect(wokenMs['a']).toEqual([0, 100]);
  });

  it('leaves out a watch that has ended, and wakes all when the gateway stops', () => {
    const { rounds, wokenMs, wake } = useRounds();
    rounds.add([wake('a')]);
    rounds.add([wake('a'), wake('b')]);
    rounds.remove(wake('a'));
    rounds.flush();
    expect(wokenMs).toEqual({ a: [0], b: [0] });
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a watch that waits', () => {
  it('stops waiting when its caller leaves, or has left', async () => {
    const leaving = new AbortController();
    const waiter = new Waiter();
    const waits = waiter.until(leaving.signal);
    leaving.abort();
    await expect(waits).resolves.toBeUndefined();
    await expect(waiter.until(leaving.signal)).resolves.toBeUndefined();
    waiter.end();
  });
});
