import { describe, expect, it } from '@jest/globals';
import { useCleanup } from '../support/cleanup.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

const cleanUp = useCleanup();
const start = async (): Promise<System> => {
  const system = await startSystem({ worker: false, timing: { REKEY_SWEEP_EVERY_MS: '3600000' } });
  cleanUp(() => system.stop());
  return system;
};

const QUEUES = ['rotations', 'rotation-follow-ups', 'sweeps', 'policies'];
const LISTS = ['wait', 'active', 'paused'];
const OTHERS = ['meta', 'delayed', 'prioritized', 'failed', 'completed', 'stalled', 'marker', 'repeat'];

/** Gives every key of every queue another type. */
const spoilAll = async ({ redis }: System): Promise<void> => {
  for (const queue of QUEUES) {
    for (const name of LISTS) await redis.del(`{rekey}:bull:${queue}:${name}`);
    for (const name of LISTS) await redis.set(`{rekey}:bull:${queue}:${name}`, 'x');
    for (const name of OTHERS) await redis.del(`{rekey}:bull:${queue}:${name}`);
    for (const name of OTHERS) await redis.rpush(`{rekey}:bull:${queue}:${name}`, 'x');
  }
};

describe('keys of BullMQ that another client has spoiled', () => {
  it('are named by status, and neither refuse rotations and sweeps nor hold them up', async () => {
    const system = await start();
    await spoilAll(system);
    const named = async () =>
      (await system.client.getStatus()).attention.filter(({ code }) => code === 'QUEUE_DAMAGED');
    expect((await named()).map(({ subject }) => subject)).toContain('{rekey}:bull:rotations:wait');
    const { id } = await system.rotate('ast_1');
    const worker = await system.startWorker();
    expect(await system.waitFor(id)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await named()).toEqual([]);

    await spoilAll(system);
    await worker.untilOutput(/queue_key_deleted.*rotations:wait/);
    expect(await system.rotateAndWait('ast_2')).toMatchObject({ state: 'SUCCEEDED' });
    const sweep = await system.client.createSweep({});
    await eventually(
      () => system.client.getSweep(sweep.id),
      ({ state }) => state === 'SUCCEEDED',
    );
  });

  it('keep no worker from starting, and lose no rotation that was queued in them', async () => {
    const system = await start();
    const { id } = await system.rotate('ast_1');
    await spoilAll(system);
    const worker = await system.startWorker();
    expect(worker.output()).toMatch(/"event":"ready"/);
    expect(worker.output()).not.toMatch(/start_failed/);
    expect(await system.waitFor(id, 45)).toMatchObject({ state: 'SUCCEEDED' });
  });
});
