import { describe, expect, it } from '@jest/globals';
import { backoffMs } from './backoff.ts';

describe('backoffMs', () => {
  it.each([
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [7, 60_000],
    [5000, 60_000],
  ])('is half to all of its step: attempt %i', (attempt, stepMs) => {
    const samples = Array.from({ length: 200 }, () => backoffMs(attempt, { firstMs: 1000, maxMs: 60_000 }));
    expect(Math.min(...samples)).toBeGreaterThanOrEqual(stepMs / 2);
    expect(Math.max(...samples)).toBeLessThanOrEqual(stepMs);
    expect(new Set(samples).size).toBeGreaterThan(50);
  });
});
