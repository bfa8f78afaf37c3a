import { expect, it } from '@jest/globals';
import { growthOf } from './heap.ts';

it('the heap of a gateway with few calls may grow threefold, that of one with many by a tenth', () => {
  expect([0, 2000, 5000, 10_000, 15_000, 20_000, 60_000].map(growthOf)).toEqual([
    200, 180, 100, 40, 10, 10, 10,
  ]);
});
