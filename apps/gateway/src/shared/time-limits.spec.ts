import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { TimeLimits } from './time-limits.ts';

it('calls back when the time is up, not before, and not if it was removed', async () => {
  const limits = new TimeLimits();
  const beganMs = performance.now();
  const tookMs: Record<string, number> = {};
  const limited = (name: string) => ({ onTimeUp: () => void (tookMs[name] = performance.now() - beganMs) });
  const removed = limited('removed');
  const alone = limited('alone');
  const removedAt = limits.add(removed, 30);
  limits.add(limited('beside'), 30);
  limits.add(limited('later'), 200);
  limits.remove(alone, limits.add(alone, 100));
  limits.remove(removed, removedAt);
  limits.remove(removed, removedAt);
  while (tookMs['later'] === undefined) await sleep(5);
  expect(Object.keys(tookMs)).toEqual(['beside', 'later']);
  expect(tookMs['beside']).toBeGreaterThanOrEqual(29);
  expect(tookMs['later']).toBeGreaterThanOrEqual(199);
});

it('calls back soon for a time that is up', async () => {
  const limits = new TimeLimits();
  const soon = new Promise<string>((resolve) => limits.add({ onTimeUp: () => resolve('up') }, -5));
  expect(await soon).toBe('up');
});
