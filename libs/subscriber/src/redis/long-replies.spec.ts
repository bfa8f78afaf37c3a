import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import type { Publisher } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { startConsumer, type ConsumerProcess, type Said } from './consumer-process-fixture.ts';

const MIB = 1024 * 1024;
let server: RedisServer;
let rekey: Publisher;
let consumer: ConsumerProcess | undefined;
let privateKey: object;
beforeEach(async () => {
  server = await startRedis();
  rekey = createPublisher(server.url);
  privateKey = await rekey.enrol('billing');
});
afterEach(async () => {
  await consumer?.stop();
  rekey.close();
  await server.dispose();
});

const start = (more: object = {}): ConsumerProcess =>
  (consumer = startConsumer({ redis: server.url, consumer: 'billing', prefix: 'spec', privateKey, ...more }));

/** Makes the current record of an assistant longer, and leaves it what it is: spaces follow its JSON. */
const lengthen = (assistantId: string, mebibytes: number) =>
  rekey.redis.eval(
    `redis.call('APPEND', KEYS[1], string.rep(' ', ${mebibytes * MIB}))`,
    1,
    `{spec}:current:${assistantId}`,
  );
/** Runs a command whose last argument is very long, as another client of Redis could by and by. */
const withLong = (mebibytes: number, ...command: string[]) =>
  rekey.redis.eval(
    `ARGV[#ARGV + 1] = string.rep('x', ${mebibytes * MIB})
    return redis.call(unpack(ARGV))`,
    0,
    ...command,
  );
const isStale = ({ freshness: { upToDate, fault } }: Said) => !upToDate && fault !== undefined;
const ids = (count: number) => Array.from({ length: count }, (_, at) => `ast_${String(at).padStart(2, '0')}`);

describe('a consumer with little memory, at its start', () => {
  it('reads long records, and refuses one that is longer than any that Rekey writes', async () => {
    for (const id of ids(30)) await rekey.publish(id, `sk_${id}`);
    for (const id of ids(3)) await lengthen(id, 20);
    for (const id of ids(20).slice(8)) await lengthen(id, 2);
    await lengthen('ast_25', 100);
    const said = await start().says(({ freshness }) => freshness?.upToDate, 'fresh keys');
    expect(said.held).toEqual(ids(30).filter((id) => id !== 'ast_25'));
    expect(said.unapplied).toEqual([
      { assistantId: 'ast_25', version: 0, why: 'its record is longer than any that Rekey writes' },
    ]);
  });

  it('reads a list in pages, also if Redis returns it whole', async () => {
    await rekey.redis.config('SET', 'zset-max-listpack-entries', 1000);
    for (const id of ids(330)) await rekey.publish(id, `sk_${id}`);
    const said = await start().says(({ freshness }) => freshness?.upToDate, 'fresh keys');
    expect(said.held?.toSorted()).toEqual(ids(330).toSorted());
    expect(await rekey.redis.info('commandstats')).toContain('cmdstat_mget:calls=7,');
  });

  it('comes past a list of orgs that is longer than its memory', async () => {
    await rekey.publish('ast_1', 'sk_1');
    const fill = `local org = string.rep('x', 8192)
      for i = 1, 20000 do redis.call('SADD', '{spec}:orgs', org .. i) end`;
    await rekey.redis.eval(fill, 0);
    const said = await start().says(({ freshness }) => freshness?.upToDate, 'fresh keys');
    expect(said.held).toEqual(['ast_1']);
  });

  it('says why it is not ready, if its own entry is longer than any', async () => {
    await withLong(100, 'HSET', '{spec}:consumers', 'billing');
    const { failure } = await start({ readyTimeoutMs: 1000 }).says((said) => !!said.failure, 'a failure');
    expect(failure).toContain('Redis answered hget with more than 33554432 bytes');
  });
});

describe('a consumer with little memory, as it follows', () => {
  it('takes a snapshot to come past an entry of the stream, and says why it waits', async () => {
    await rekey.publish('ast_1', 'sk_1');
    await start().says(({ freshness }) => freshness?.upToDate, 'fresh keys');
    await withLong(100, 'XADD', '{spec}:events', '*', 'event');
    const stale = await consumer!.says(isStale, 'stale keys and the reason');
    expect(stale.freshness.fault).toMatch(/^Redis answered x\w+ with more than \d+ bytes$/);
    expect(stale.held).toEqual(['ast_1']);
    const version = await rekey.publish('ast_1', 'sk_2');
    const fresh = await consumer!.says(({ freshness }) => freshness.upToDate, 'fresh keys');
    expect(fresh.versions).toEqual({ ast_1: version });
    const last = await rekey.publish('ast_1', 'sk_3');
    await consumer!.says(({ versions }) => versions['ast_1'] === last, 'the last key');
  });

  it('keeps its keys while its entry or a list is longer than any, and recovers', async () => {
    await rekey.publish('ast_1', 'sk_1');
    const entry = (await rekey.redis.hget('{spec}:consumers', 'billing'))!;
    await start().says(({ freshness }) => freshness?.upToDate, 'fresh keys');
    await withLong(100, 'HSET', '{spec}:uncertain', 'ast_1');
    await withLong(100, 'HSET', '{spec}:consumers', 'billing');
    const stale = await consumer!.says(isStale, 'stale keys and the reason');
    expect(stale.freshness.fault).toBe('Redis answered hget with more than 33554432 bytes');
    expect(stale.held).toEqual(['ast_1']);
    await rekey.redis.hset('{spec}:consumers', 'billing', entry);
    const fresh = await consumer!.says(({ freshness }) => freshness.upToDate, 'fresh keys');
    expect(fresh.unapplied).toEqual([
      { assistantId: '', version: 0, why: 'a list in Redis is longer than any that Rekey writes' },
    ]);
  });
});
