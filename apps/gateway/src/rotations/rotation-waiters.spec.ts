import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { ledgerKeys, type Ledger } from '@rekey/ledger';
import type { Rotation } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { createRotationWaiters } from './rotation-waiters.ts';

const caller = { isGone: false, onGone: () => {} };

const setUp = async (state: Rotation['state'] = 'QUEUED', more: Partial<Rotation> = {}) => {
  const rotation = { id: 'rot_1', state, ...more } as Rotation;
  let reads = 0;
  const ledger = {
    keys: ledgerKeys('spec'),
    rotations: {
      get: async () => {
        reads += 1;
        return { ...rotation };
      },
    },
  } as unknown as Ledger;
  const subscriber = Object.assign(new EventEmitter(), { subscribe: async () => {} });
  const waiters = createRotationWaiters({
    ledger,
    subscriber: subscriber as unknown as Redis,
    pollBulksEveryMs: 5,
  });
  waiters.start();
  await Promise.resolve();
  const end = (id: string) => subscriber.emit('message', '{spec}:rotation-ended', id);
  return { rotation, waiters, subscriber, end, reads: () => reads };
};
const soon = () => new Promise((resolve) => setImmediate(resolve));

describe('wait', () => {
  it('returns at once a rotation that has ended', async () => {
    const { waiters, reads } = await setUp('FAILED');
    expect(await waiters.wait('rot_1', { timeoutMs: 1000, caller })).toMatchObject({
      state: 'FAILED',
    });
    expect(reads()).toBe(1);
  });

  it('reads once more for all waiters of a rotation when it ends, and not for others', async () => {
    const { rotation, waiters, end, reads } = await setUp();
    const both = Promise.all([
      waiters.wait('rot_1', { timeoutMs: 60_000, caller }),
      waiters.wait('rot_1', { timeoutMs: 60_000, caller }),
    ]);
    await soon();
    for (let i = 0; i < 1000; i += 1) end(`rot_other${i}`);
    await soon();
    expect(reads()).toBe(1);
    rotation.state = 'SUCCEEDED';
    end('rot_1');
    expect(await both).toEqual([
      expect.objectContaining({ state: 'SUCCEEDED' }),
      expect.objectContaining({ state: 'SUCCEEDED' }),
    ]);
    expect(reads()).toBe(2);
  });

  it('catches up on messages missed while the subscription was down', async () => {
    const { rotation, waiters, subscriber } = await setUp();
    const waiting = waiters.wait('rot_1', { timeoutMs: 60_000, caller });
    await soon();
    rotation.state = 'SUCCEEDED';
    subscriber.emit('ready');
    expect(await waiting).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('polls a rotation of a bulk, whose end is not published', async () => {
    const { rotation, waiters, reads } = await setUp('ROTATING', { bulkId: 'blk_1' });
    const waiting = waiters.wait('rot_1', { timeoutMs: 60_000, caller });
    while (reads() < 3) await soon();
    rotation.state = 'FAILED';
    expect(await waiting).toMatchObject({ state: 'FAILED' });
  });

  it('polls a rotation of a bulk once for all that wait for it', async () => {
    const { rotation, waiters, reads } = await setUp('ROTATING', { bulkId: 'blk_1' });
    const all = Array.from({ length: 2000 }, () => waiters.wait('rot_1', { timeoutMs: 60_000, caller }));
    const beganMs = performance.now();
    while (reads() < 10) await soon();
    expect(performance.now() - beganMs).toBeGreaterThan(40);
    rotation.state = 'SUCCEEDED';
    expect(new Set((await Promise.all(all)).map(({ state }) => state))).toEqual(new Set(['SUCCEEDED']));
    // One poll that finds its end, one read for all waiters; another poll may have begun between.
    expect(reads()).toBeLessThanOrEqual(13);
  });

  it('returns the current state when the time is up, even below 1 ms, or the caller has gone', async () => {
    const { waiters } = await setUp();
    expect(await waiters.wait('rot_1', { timeoutMs: 0.3, caller })).toMatchObject({ state: 'QUEUED' });
    expect(await waiters.wait('rot_1', { timeoutMs: -5, caller })).toMatchObject({ state: 'QUEUED' });
    expect(
      await waiters.wait('rot_1', { timeoutMs: 60_000, caller: { isGone: true, onGone: () => {} } }),
    ).toMatchObject({
      state: 'QUEUED',
    });
  });

  it('ends without another read when the caller goes, and others wait on', async () => {
    const { rotation, waiters, end, reads } = await setUp();
    let leave = () => {};
    const leaving = { isGone: false, onGone: (listener: () => void) => void (leave = listener) };
    const all = [
      waiters.wait('rot_1', { timeoutMs: 60_000, caller }),
      waiters.wait('rot_1', { timeoutMs: 60_000, caller: leaving }),
      waiters.wait('rot_1', { timeoutMs: 60_000, caller }),
    ];
    await soon();
    leave();
    await expect(all[1]).rejects.toMatchObject({ code: 'REQUEST_STALLED' });
    expect([waiters.count(), reads()]).toEqual([2, 1]);
    rotation.state = 'CANCELLED';
    end('rot_1');
    expect(await Promise.all([all[0], all[2]])).toMatchObject([
      { state: 'CANCELLED' },
      { state: 'CANCELLED' },
    ]);
    expect(waiters.count()).toBe(0);
  });

  it('ends every wait with SHUTTING_DOWN when it closes', async () => {
    const { waiters } = await setUp();
    const waiting = waiters.wait('rot_1', { timeoutMs: 60_000, caller });
    await soon();
    waiters.close();
    await expect(waiting).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
