import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import type { Redis } from 'ioredis';
import { silentLogger } from '../../logging/spec-loggers.ts';
import { logRedisStatus } from '../log-redis-status.ts';
import { createRedisConnections } from './connections.ts';

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = createRedisConnections(server.url, {
    listener: logRedisStatus(server.url, silentLogger),
  }).connect({ onDisconnect: 'retry', name: 'spec' });
  await once(redis, 'ready');
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});

describe('coalesceWrites', () => {
  it('sends the commands of one turn of the event loop together, and answers each individually', async () => {
    const answers = Promise.allSettled([
      redis.set('a', '1'),
      redis.incr('a'),
      redis.hget('a', 'x'),
      redis.get('a'),
    ]);
    expect(redis.stream.writableCorked).toBe(1);
    const [set, incremented, wrongType, got] = await answers;
    expect([set, incremented, got]).toEqual([
      { status: 'fulfilled', value: 'OK' },
      { status: 'fulfilled', value: 2 },
      { status: 'fulfilled', value: '2' },
    ]);
    expect(wrongType).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringContaining('WRONGTYPE') },
    });
    expect(redis.stream.writableCorked).toBe(0);
  });

  it('does not hold back more than Redis reads at once', async () => {
    const first = redis.set('c', 'x'.repeat(10_000));
    expect(redis.stream.writableLength).toBeGreaterThan(10_000);
    const second = redis.set('c', 'y'.repeat(10_000));
    expect(redis.stream.writableLength).toBe(0);
    const got = redis.get('c');
    expect(redis.stream.writableCorked).toBe(1);
    expect(await Promise.all([first, second, got])).toEqual(['OK', 'OK', 'y'.repeat(10_000)]);
  });

  it('continues to send after a connection was lost with pending commands', async () => {
    const lost = redis.set('b', '1');
    redis.stream.destroy();
    await lost;
    expect(await redis.get('b')).toBe('1');
  });
});
