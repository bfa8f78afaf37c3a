import { describe, expect, it } from '@jest/globals';
import { pooledRandom } from './pooled-random.ts';

describe('pooledRandom', () => {
  it('gives numbers from 0 to below 1, all 256 of them about equally often, also beyond one draw', () => {
    const random = pooledRandom();
    const counts = new Map<number, number>();
    for (let i = 0; i < 256 * 400; i += 1) {
      const value = random();
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 256 }, (_, byte) => byte / 256),
    );
    // Ten standard deviations from 400.
    expect(Math.min(...counts.values())).toBeGreaterThan(200);
    expect(Math.max(...counts.values())).toBeLessThan(600);
  });
});
