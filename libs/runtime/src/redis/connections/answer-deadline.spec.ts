import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Queue, Worker } from 'bullmq';
import { isRedisUnavailable } from '../redis-errors.ts';
import { openStage, type Stage } from './connections-fixture.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

describe('an open connection that no longer delivers data', () => {
  const REPLACED_WITHIN_MS = 25_000;
  const names = async () =>
    [...((await stage.admin.client('LIST')) as string).matchAll(/ name=(\S+)/g)].map(([, name]) => name);

  it('is replaced when idle, with a command pending, or while it listens; the command succeeds', async () => {
    const [idle, asking, listening] = ['idle', 'asking', 'listening'].map((name) =>
      stage.connections.connect({ onDisconnect: 'retry', name }),
    );
    await Promise.all([idle!, asking!, listening!].map(stage.ready));
    await listening!.subscribe('channel');
    const streams = [idle!, asking!, listening!].map(({ stream }) => stream);
    stage.proxy.strand();
    const asked = asking!.incr('a');
    expect(await asked).toBe(1);
    await stage.until(
      () =>
        [idle!, asking!, listening!].every(
          ({ stream, status }, i) => stream !== streams[i] && status === 'ready',
        ),
      REPLACED_WITHIN_MS,
    );
    await stage.until(
      async () =>
        (await names()).includes('rekey:listening') &&
        Number(await stage.admin.publish('channel', 'hello')) > 0,
    );
    // Idle connections are pinged first. Two of them may be closed with one report, or with one each.
    const reasons = new Set(stage.reported.filter((line) => line !== 'available'));
    expect([...reasons].toSorted()).toEqual(
      ['incr', 'ping'].map((name) => `unreachable: Redis has not answered ${name} for 5000 ms`),
    );
    expect(stage.reported.at(-1)).toBe('available');
  });

  it('fails its pending commands with onDisconnect: fail', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'fail', name: 'gateway' }));
    const { stream } = redis;
    stage.proxy.strand();
    const failures = Promise.allSettled([redis.incr('a'), redis.pipeline().incr('a').exec()]);
    const [single, piped] = await failures;
    expect(isRedisUnavailable((single as PromiseRejectedResult).reason)).toBe(true);
    expect(
      (piped as PromiseFulfilledResult<[Error, unknown][]>).value.map(([error]) => isRedisUnavailable(error)),
    ).toEqual([true]);
    await stage.until(() => redis.stream !== stream && redis.status === 'ready');
    expect(await redis.incr('b')).toBe(1);
  });

  it('is replaced during a blocking read too, but not before its timeout', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'reader' }));
    const { stream } = redis;
    expect(await redis.xread('BLOCK', 7000, 'STREAMS', 's', '$')).toBeNull();
    expect(redis.stream).toBe(stream);
    stage.proxy.strand();
    const read = redis.xread('BLOCK', 1000, 'STREAMS', 's', '0');
    await sleep(100);
    await stage.admin.xadd('s', '*', 'a', '1');
    expect(await read).not.toBeNull();
    expect(redis.stream).not.toBe(stream);
  });

  it('is replaced while BullMQ waits for a job', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    const done: string[] = [];
    const worker = new Worker('q', async (job) => void done.push(job.name), { connection: redis });
    worker.on('error', () => {});
    const queue = new Queue('q', { connection: stage.admin });
    try {
      await queue.add('one', {});
      await stage.until(() => done.includes('one'));
      await stage.until(async () => /cmd=bzpopmin/.test((await stage.admin.client('LIST')) as string));
      stage.proxy.strand();
      await queue.add('two', {});
      await stage.until(() => done.includes('two'), REPLACED_WITHIN_MS);
      expect(done).toEqual(['one', 'two']);
    } finally {
      await worker.close();
      await queue.close();
    }
  });

  it('is closed during the handshake too', async () => {
    stage.proxy.stall(true);
    const redis = stage.connections.connect({ onDisconnect: 'retry', name: 'worker' });
    await stage.until(() => stage.reported.length > 0);
    expect(stage.reported[0]).toMatch(/^unreachable: Redis has not answered hello/);
    stage.proxy.stall(false);
    await stage.ready(redis);
  });

  it('is pinged at most every five seconds, and kept if it answers', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    const { stream } = redis;
    const pings = async () =>
      Number(/cmdstat_ping:calls=(\d+)/.exec(await stage.admin.info('commandstats'))?.[1] ?? 0);
    const [before, beganMs] = [await pings(), performance.now()];
    for (const answered of [1, 2])
      await stage.until(async () => (await pings()) - before >= answered, 60_000);
    const tookMs = performance.now() - beganMs;
    expect((await pings()) - before).toBeLessThanOrEqual(1 + tookMs / 5000);
    expect(redis.stream).toBe(stream);
    expect(stage.reported).toEqual([]);
  });
});

describe('a command whose transfer exceeds the deadline', () => {
  it.each([
    ['it leaves the process slowly', 24_000_000, 2_000_000],
    ['it waits in buffers on the way', 3_000_000, 400_000],
  ])(
    'is sent once, on one connection: %s',
    async (_how, bytes, bytesPerSecond) => {
      const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
      const { stream } = redis;
      stage.proxy.throttle(bytesPerSecond);
      const began = performance.now();
      expect(await redis.append('a', 'x'.repeat(bytes))).toBe(bytes);
      // Otherwise the deadline was never reached.
      expect(performance.now() - began).toBeGreaterThan(5000);
      expect(redis.stream).toBe(stream);
      expect(stage.reported).toEqual([]);
    },
    60_000,
  );

  it('is resent on another connection when no more of it can be sent', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    stage.proxy.strand();
    const appended = redis.append('a', 'x'.repeat(1_000_000));
    expect(await appended).toBe(1_000_000);
    expect(stage.reported[0]).toMatch(/^unreachable: Redis has not answered append for \d+ ms$/);
  });
});
