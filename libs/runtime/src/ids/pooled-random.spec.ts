import { describe, expect, it } from '@jest/globals';
import { pooledRandom } from './pooled-random.ts';

describe('pooledRandom', () => {
  it('returns each of 256 numbers in [0, 1) about equally often, across refills of the pool', () => {
    const random = pooledRandom();
    const counts = new Map<number, number>();
    for (let i = 0; i < 256 * 400; i += 1) {
      const value = random();
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 256 }, (_, byte) => byte / 256),
    );
    // Ten standard deviations around 400.
    expect(Math.min(...counts.values())).toBeGreaterThan(200);
    expect(Math.max(...counts.values())).toBeLessThan(600);
  });
});
