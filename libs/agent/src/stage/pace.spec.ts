import { describe, expect, it } from '@jest/globals';
import { createPace } from './pace.ts';

const pace = () => createPace({ share: 0.1, burstMs: 100 });

/** Works whenever it may, from 0 ms on. Returns how many runs have begun by `untilMs`. */
const runsWithin = (untilMs: number, workedMs: number): number => {
  const { next } = pace();
  let runs = 0;
  for (let atMs = 0; atMs < untilMs; runs += 1) atMs = next(atMs + workedMs, workedMs);
  return runs;
};

describe('a pace', () => {
  it('always lets rare work begin at once', () => {
    const { next } = pace();
    for (let atMs = 0; atMs < 100_000; atMs += 80) expect(next(atMs + 8, 8)).toBe(atMs + 8);
  });

  it('is the share of the time in the long run, and a burst', () => {
    expect(runsWithin(1, 5)).toBe(1);
    expect(runsWithin(100_000, 5)).toBeGreaterThanOrEqual(2000);
    expect(runsWithin(100_000, 5)).toBeLessThanOrEqual(2000 + 100 / 5 + 1);
  });

  it('lets the first runs follow each other, and then work and rest take turns', () => {
    const { next } = pace();
    expect(next(40, 40)).toBe(40);
    expect(next(80, 40)).toBe(80);
    expect(next(120, 40)).toBe(200);
    expect(next(240, 40)).toBe(600);
  });

  it('saves no more than a burst while nothing is done', () => {
    const { next } = pace();
    next(100, 100);
    expect(next(1_000_000, 150)).toBe(1_000_000 + 350);
  });
});
