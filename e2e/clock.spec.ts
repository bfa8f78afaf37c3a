import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startSystem, type System } from './system.ts';

const THREE_DAYS_MS = 3 * 86_400_000;
/** A process whose wall clock is wrong, and whose monotonic clock is not. */
const clockOffBy = (ms: number) => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`const now = Date.now; Date.now = () => now() + ${ms};`)}`,
});

let system: System;
beforeAll(async () => {
  system = await startSystem({ simulator: ['--assistants', '5'], worker: false });
});
afterAll(() => system.stop());

it.each([
  ['ahead', 'ast_1', THREE_DAYS_MS],
  ['behind', 'ast_2', -THREE_DAYS_MS],
])(
  'a worker whose clock is three days %s sends nothing, says so, marks nothing, and holds up no other',
  async (_way, assistantId, byMs) => {
    const wrong = await system.startWorker(clockOffBy(byMs));
    await wrong.untilOutput(/"event":"clock_jump","why":"disagrees"/);
    const rotation = await system.rotate(assistantId);
    await sleep(3000);
    expect(await system.client.getRotation(rotation.id)).toMatchObject({ state: 'QUEUED' });
    expect(await system.redis.hget('{rekey}:ledger', 'clock_jump')).toBeNull();
    const right = await system.startWorker();
    expect(await system.waitFor(rotation.id)).toMatchObject({ state: 'SUCCEEDED' });
    const versions = (await system.versions()).filter(({ subject }) => subject === assistantId);
    expect(versions.map(({ data }) => data.version / 1000 < Date.now() + 1000)).toEqual([true]);
    expect(await right.child.stop()).toBe(0);
    await wrong.child.kill();
  },
  60_000,
);
