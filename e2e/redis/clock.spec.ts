import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startSystem, type System } from '../support/system.ts';

const THREE_DAYS_MS = 3 * 86_400_000;
/** Variables for a process with a wrong wall clock and a correct monotonic clock. */
const clockOffBy = (ms: number) => {
  const script = `const now = Date.now; Date.now = () => now() + ${ms};`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` };
};

let system: System;
beforeAll(async () => {
  system = await startSystem({ simulator: ['--assistants', '5'], worker: false });
});
afterAll(() => system.stop());

it.each([
  ['ahead', 'ast_1', THREE_DAYS_MS],
  ['behind', 'ast_2', -THREE_DAYS_MS],
])(
  'a worker whose clock is three days %s sends nothing, reports it, and delays no other',
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
