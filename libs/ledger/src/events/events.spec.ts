import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { connectEvents } from '../index.ts';

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});

describe('the next entry of the stream', () => {
  it.each([
    ['an event', 'event', 'text', 'text'],
    ['another field', 'other', 'text', undefined],
    ['a text that is too long for an event', 'event', 'x'.repeat(25 * 1024 * 1024), undefined],
  ])('is the same by a wait and by a read: %s', async (_what, field, value, text) => {
    await redis.flushall();
    const id = await redis.xadd('{spec}:events', '*', field, value);
    const events = connectEvents(redis, 'spec');
    expect(await events.wait('0-0', 1000)).toEqual({ id, text });
    expect((await events.after('0-0')).entries).toEqual([{ id, text }]);
  });
});
