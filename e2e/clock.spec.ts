import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startSystem, type System } from './system.ts';

const DAYS_AHEAD_MS = 3 * 86_400_000;
/** A process whose wall clock is wrong, and whose monotonic clock is not. */
const wrongClock = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`const now = Date.now; Date.now = () => now() + ${DAYS_AHEAD_MS};`)}` };

let system: System;
beforeAll(async () => {
  system = await startSystem({ simulator: ['--assistants', '5'], worker: false });
});
afterAll(() => system.stop());

it('a worker whose clock is three days ahead sends nothing, says so, marks nothing, and holds up no other', async () => {
  const wrong = await system.startWorker(wrongClock);
  await wrong.untilOutput(/"event":"clock_jump","why":"disagrees"/);
  const rotation = await system.rotate('ast_1');
  await sleep(3000);
  expect(await system.client.getRotation({ id: rotation.id })).toMatchObject({ state: 'QUEUED' });
  expect(await system.redis.hget('{rekey}:ledger', 'clock_jump')).toBeNull();
  await system.startWorker();
  expect(await system.waitFor(rotation.id)).toMatchObject({ state: 'SUCCEEDED' });
  expect((await system.versions()).map(({ data }) => data.version / 1000 < Date.now() + 1000)).toEqual([true]);
}, 60_000);
