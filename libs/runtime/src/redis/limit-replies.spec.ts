import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { REPLY_TOO_LARGE, ReplyTooLarge } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { openStage, type Stage } from './connections/connections-fixture.ts';

const MIB = 1024 * 1024;
let stage: Stage;
let redis: Redis;
beforeEach(async () => {
  stage = await openStage();
  redis = await stage.ready(stage.connections.connect({ onDisconnect: 'retry', name: 'worker' }));
});
afterEach(() => stage.close());

/** Writes a value that is longer than one that Redis takes in a command may be. */
const writeLong = async (key: string, mebibytes: number) => {
  await stage.admin.setrange(key, mebibytes * MIB - 1, 'x');
};

describe('a reply that is longer than any that Rekey asks for', () => {
  it('rejects its command, is not asked for again, and leaves the connection usable', async () => {
    await writeLong('long', 100);
    const others = [redis.set('a', '1'), redis.get('long'), redis.get('a')];
    const [first, long, last] = await Promise.allSettled(others);
    expect(first).toMatchObject({ status: 'fulfilled' });
    expect((long as PromiseRejectedResult).reason).toBeInstanceOf(ReplyTooLarge);
    expect(last).toEqual({ status: 'fulfilled', value: '1' });
    expect(stage.reported.filter((line) => line !== 'available')).toEqual([
      'unreachable: Redis answered get with more than 33554432 bytes',
    ]);
  });

  it('is bounded as a stream entry, a field of a hash, and a reply of very many parts', async () => {
    await writeLong('long', 100);
    const copy = `
      local long = redis.call('GET', 'long')
      redis.call('XADD', 'stream', '*', 'event', long)
      redis.call('HSET', 'hash', 'field', long)
      for i = 1, 40 do redis.call('RPUSH', 'list', string.sub(long, 1, 1048576)) end`;
    await stage.admin.eval(copy, 0);
    const met: string[] = [];
    redis.on(REPLY_TOO_LARGE, ({ key }: ReplyTooLarge) => met.push(key));
    for (const read of [
      () => redis.xread('BLOCK', 1000, 'STREAMS', 'stream', '0'),
      () => redis.hgetall('hash'),
      () => redis.lrange('list', 0, -1),
      () => redis.eval("return redis.call('GET', KEYS[1])", 1, 'long'),
    ])
      await expect(read()).rejects.toThrow(ReplyTooLarge);
    expect(met).toEqual(['stream', 'hash', 'list', 'long']);
    expect(await redis.ping()).toBe('PONG');
  });

  it('ends a connection that listens, which listens again', async () => {
    const heard: number[] = [];
    redis.on('message', (_channel, text: string) => heard.push(text.length));
    await redis.subscribe('channel');
    const { stream } = redis;
    await writeLong('long', 100);
    const publish = (length: number) =>
      stage.admin.eval(
        `return redis.call('PUBLISH', 'channel', string.sub(redis.call('GET', 'long'), 1, ${length}))`,
        0,
      );
    await publish(100 * MIB);
    await stage.until(() => redis.stream !== stream && redis.status === 'ready');
    await stage.until(async () => Number(await publish(3)) > 0);
    await stage.until(() => heard.length > 0);
    expect(heard[0]).toBe(3);
  });
});

describe('a whole hash', () => {
  it('is bounded more tightly: as an object, its fields take many times as much', async () => {
    const fill = (key: string, fields: number) =>
      stage.admin.eval(`for i = 1, ${fields} do redis.call('HSET', '${key}', i, '') end`, 0);
    await fill('short', 50_000);
    await fill('long', 300_000);
    expect(Object.keys(await redis.hgetall('short'))).toHaveLength(50_000);
    await expect(redis.hgetall('long')).rejects.toThrow('hgetall with more than 4194304 bytes');
    const [reply] = (await redis.pipeline().hgetall('long').exec())!;
    expect(reply![0]).toBeInstanceOf(ReplyTooLarge);
  });
});

describe('the replies of a pipeline that are too long together', () => {
  it('are dropped from there on, and the connection stays', async () => {
    await writeLong('long', 10);
    const { stream } = redis;
    const pipeline = redis.pipeline();
    for (let i = 0; i < 8; i += 1) pipeline.getBuffer('long');
    const [replies, after] = await Promise.all([pipeline.exec(), redis.set('a', '1')]);
    const kept = replies!.filter(([error]) => error === null);
    expect(kept.map(([, value]) => (value as Buffer).length)).toEqual([10 * MIB, 10 * MIB, 10 * MIB]);
    expect(replies!.slice(3).every(([error]) => error instanceof ReplyTooLarge)).toBe(true);
    expect([after, redis.stream === stream, stage.reported]).toEqual(['OK', true, []]);
  });

  it('are those of one pipeline: others are received', async () => {
    await writeLong('long', 20);
    const read = () => redis.pipeline().getBuffer('long').get('a').exec();
    const all = await Promise.all([read(), read(), read()]);
    expect(all.flat().map((reply) => reply![0])).toEqual([null, null, null, null, null, null]);
  });
});

describe('many replies that are short enough', () => {
  it('are all received, however long they are together', async () => {
    await writeLong('long', 20);
    const lengths = await Promise.all(
      Array.from({ length: 5 }, async () => (await redis.get('long'))!.length),
    );
    expect(lengths).toEqual(Array.from({ length: 5 }, () => 20 * MIB));
    expect(stage.reported).toEqual([]);
  });

  it('are all received on a connection that listens', async () => {
    let heard = 0;
    redis.on('message', () => (heard += 1));
    await redis.subscribe('channel');
    const text = 'x'.repeat(MIB);
    for (let i = 0; i < 40; i += 1) await stage.admin.publish('channel', text);
    await stage.until(() => heard === 40);
    expect(stage.reported).toEqual([]);
  });
});
