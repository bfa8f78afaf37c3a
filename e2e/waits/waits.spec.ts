import { expect, it } from '@jest/globals';
import { readWaitsOptions, waitsCommand } from './options.ts';
import { faultsOf, runWaits } from './run-waits.ts';

/* A short form of npm run waits: more callers wait than the gateway holds. */

it('every waiter learns the end, also those that the gateway does not hold', async () => {
  const args = '--watchers 20 --waiters 80 --sdk 10 --connections 4 --processes 1 --waves 2 --wave-seconds 1';
  const options = readWaitsOptions(waitsCommand(), ['node', 'waits', ...args.split(' ')]);
  const result = await runWaits(options, { GATEWAY_MAX_WAITS: '25', GATEWAY_MAX_WATCHES: '20' });
  expect(faultsOf(result, options.within)).toEqual([]);
  const { late, refusals, watching, messages } = result;
  expect(late.held.waiters + late.refused.waiters + late.sdk.waiters).toBe(80);
  // Each wave ends half of the rotations, and more than half of the waiters were refused.
  expect(late.refused.waiters).toBeGreaterThan(20);
  expect([refusals > 20, watching, messages > 20]).toEqual([true, 20, true]);
});
