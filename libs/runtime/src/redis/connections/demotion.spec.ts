import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Queue, Worker } from 'bullmq';
import { probeWrite } from '../probe-write.ts';
import { isRedisUnavailable } from '../redis-errors.ts';
import { openStage, type Stage } from './connections-fixture.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

const TEXT = 'redis.call("INCR", KEYS[1]) return redis.call("INCR", KEYS[1])';

describe('a Redis that becomes a replica and keeps its clients', () => {
  it('is left by all connections, even listening ones, and used again once it is a primary', async () => {
    const [busy, listening] = [
      await stage.ready(stage.connections.connect({ onDisconnect: 'fail', name: 'busy' })),
      await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'listening' })),
    ];
    await listening.subscribe('channel');
    const heard: string[] = [];
    listening.on('message', (_channel, message) => heard.push(message));
    await stage.demote();
    const failure = await busy.set('a', '1').catch((error: Error) => error);
    expect(isRedisUnavailable(failure)).toBe(true);
    await stage.until(() => busy.status !== 'ready' && listening.status !== 'ready');
    expect(await probeWrite(busy, 'mark', 1000)).toBeInstanceOf(Error);
    await stage.until(() => stage.reported.length > 0);
    await stage.admin.replicaof('NO', 'ONE');
    await Promise.all([stage.ready(busy), stage.ready(listening)]);
    expect(await busy.set('a', '2')).toBe('OK');
    await stage.until(async () => Number(await stage.admin.publish('channel', 'hello')) === 1);
    await stage.until(() => heard.includes('hello'));
    expect(stage.reported).toEqual([expect.stringMatching(/^read-only: READONLY/), 'available']);
  });

  it('is left for the primary that its host name leads to by then', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    const other = await stage.demote();
    const written = redis.set('a', '1');
    await stage.until(() => redis.status !== 'ready');
    await stage.redirect(other.port);
    expect(await written).toBe('OK');
    const there = stage.open(other.url);
    expect(await there.get('a')).toBe('1');
  });

  it('executes pending commands and scripts exactly once when it accepts writes again', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    redis.defineCommand('twice', { numberOfKeys: 1, lua: TEXT });
    const twice = (key: string) =>
      (redis as unknown as Record<string, (key: string) => Promise<number>>)['twice']!(key);
    expect(await twice('by-digest')).toBe(2);
    await stage.demote();
    const answers = Promise.all([
      redis.incr('plain'),
      twice('by-digest'),
      redis.eval(TEXT, 1, 'by-text'),
      ...Array.from({ length: 50 }, () => redis.incr('many')),
    ]);
    await stage.until(() => redis.status === 'reconnecting');
    // The new primary does not know the script.
    await stage.admin.replicaof('NO', 'ONE');
    await stage.admin.script('FLUSH');
    await answers;
    expect(await redis.mget('plain', 'by-digest', 'by-text', 'many')).toEqual(['1', '2', '2', '50']);
  });

  it('executes no part of a pipeline or transaction, and rejects it', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    await stage.demote();
    const [piped, transacted] = await Promise.all([
      redis.pipeline().incr('a').incr('b').exec(),
      redis
        .multi()
        .incr('a')
        .incr('b')
        .exec()
        .catch((error: Error) => error),
    ]);
    expect(piped!.map(([error]) => isRedisUnavailable(error))).toEqual([true, true]);
    expect((transacted as Error).message).toContain('EXECABORT');
    await stage.admin.replicaof('NO', 'ONE');
    await stage.ready(redis);
    expect(await redis.exists('a', 'b')).toBe(0);
  });

  it.each([
    ['with all rights', []],
    ['with a user who may not read its role', ['-info']],
  ])(
    'is not flooded with connection attempts: %s',
    async (_how, rules) => {
      await stage.admin.call('ACL', 'SETUSER', 'rekey', 'on', '>secret', '~*', '&*', '+@all', ...rules);
      const redis = await stage.ready(
        stage.connectionsTo(`redis://rekey:secret@127.0.0.1:${stage.proxy.port}`).connect({
          onDisconnect: 'retry',
          name: 'worker',
        }),
      );
      await stage.demote();
      const before = await stage.stat('total_connections_received');
      const written = redis.set('a', '1');
      await sleep(4000);
      // At intervals of 50 ms there would be 80.
      expect((await stage.stat('total_connections_received')) - before).toBeLessThan(20);
      await stage.admin.replicaof('NO', 'ONE');
      expect(await written).toBe('OK');
    },
    20_000,
  );

  it('is never used by a new connection, except by readers that accept replicas', async () => {
    await stage.demote();
    const writer = stage.connections.connect({ onDisconnect: 'fail', name: 'gateway' });
    const reader = await stage.ready(
      stage
        .connectionsTo(`redis://127.0.0.1:${stage.proxy.port}`, { acceptReplicas: true })
        .connect({ onDisconnect: 'retry', name: 'reader' }),
    );
    expect(await reader.get('a')).toBeNull();
    await stage.until(() => stage.reported.length > 0);
    expect(stage.reported).toEqual(['read-only: it is a replica']);
    expect(writer.status).not.toBe('ready');
    await stage.admin.replicaof('NO', 'ONE');
    await stage.ready(writer);
  });

  it('does not stop a BullMQ worker', async () => {
    const redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
    const done: string[] = [];
    const queue = new Queue('q', { connection: redis });
    const worker = new Worker('q', async (job) => void done.push(job.name), {
      connection: redis,
      drainDelay: 2,
    });
    worker.on('error', () => {});
    try {
      await queue.add('one', {});
      await stage.until(() => done.includes('one'));
      await stage.demote();
      const added = queue.add('two', {});
      await stage.until(() => stage.reported.length > 0);
      await stage.admin.replicaof('NO', 'ONE');
      await added;
      await stage.until(() => done.includes('two'));
      expect(done).toEqual(['one', 'two']);
    } finally {
      await worker.close();
      await queue.close();
    }
  });
});
