import { expect, it } from '@jest/globals';
import { ReturnTimes } from './return-times.ts';

const PACE = { perSecond: 100, atLeastMs: 1000, atMostMs: 3000 };

it('callers that are refused together come back at an even pace, those of each subject apart', () => {
  const times = new ReturnTimes(PACE, () => 50_000);
  const many = Array.from({ length: 101 }, () => times.nextMs());
  expect([many[0], many[1], many[2], many[100]]).toEqual([1000, 1020, 1020, 2000]);
  expect(new Set(many).size).toBe(51);
  expect([times.nextMs('uri:a'), times.nextMs()]).toEqual([1000, 2020]);
});

it('the time of the first one is exact, whenever that is', () => {
  let nowMs = 0;
  const times = new ReturnTimes(PACE, () => nowMs);
  for (nowMs = 0.1; nowMs < 1_000_000; nowMs += 2000.123456789) expect(times.nextMs()).toBe(1000);
});

it('the pace continues from the last one, until nobody comes back any more', () => {
  let nowMs = 50_000;
  const times = new ReturnTimes(PACE, () => nowMs);
  for (let i = 0; i < 100; i += 1) times.nextMs();
  nowMs += 500;
  expect(times.nextMs()).toBe(1500);
  nowMs += 60_000;
  expect(times.nextMs()).toBe(1000);
});

it('callers beyond the longest time come back at random within its second half', () => {
  const randoms = [0, 0.5, 0.999];
  const times = new ReturnTimes(
    PACE,
    () => 50_000,
    () => randoms.shift()!,
  );
  for (let i = 0; i < 201; i += 1) times.nextMs();
  expect([times.nextMs(), times.nextMs(), times.nextMs()]).toEqual([3000, 2260, 1520]);
});

it('subjects that were refused least recently are forgotten beyond 10,000', () => {
  const times = new ReturnTimes(PACE, () => 50_000);
  for (let i = 0; i < 10_001; i += 1) times.nextMs(`uri:${i}`);
  expect([times.nextMs('uri:0'), times.nextMs('uri:10000')]).toEqual([1000, 1020]);
});
