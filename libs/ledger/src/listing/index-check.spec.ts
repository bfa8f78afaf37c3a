import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  accept,
  claimed,
  key,
  ledger,
  looked,
  readKey,
  redis,
  rotate,
  useLedger,
} from '../ledger-fixture.ts';
import { expectOf } from '../time/expected-time.ts';

useLedger();

const keep = (checkEveryMs: number | undefined = 0) =>
  ledger.listing.index.keep({
    token: 'spec',
    signal: AbortSignal.timeout(60_000),
    idle: 0,
    ...(checkEveryMs >= 0 && { checkEveryMs }),
  });
/** As a worker calls it. */
const keepAsUsual = () => keep(-1);
const isComplete = () => ledger.listing.index.isComplete();
const importKey = async (assistantId: string, name: string, orgId: string): Promise<void> => {
  const hold = await looked({ orgId, assistantId });
  await ledger.assistants.commit(hold, readKey(name, hold, { cause: 'import' }));
};

describe('the check of sizes', () => {
  beforeEach(async () => {
    await rotate('f1');
    await keep();
  });

  it('is shared by all workers: one of them makes it each minute', async () => {
    expect(await keepAsUsual()).toBeUndefined();
    await redis.zrem('{spec}:index:id:org_1', 'ast_1');
    expect(await keepAsUsual()).toBeUndefined();
    expect(await isComplete()).toBe(true);
    expect(await keep()).toBeUndefined();
    expect(await isComplete()).toBe(false);
  });

  it.each(['nonsense', '', '-1', '99999999999999999'])(
    'is made although another client has noted %j as the time of the last one',
    async (checked) => {
      await redis.hset('{spec}:index', 'checked', checked);
      await redis.zrem('{spec}:index:id:org_1', 'ast_1');
      await keepAsUsual();
      expect(await isComplete()).toBe(false);
    },
  );

  it('finds the one org of many whose sizes disagree', async () => {
    for (let i = 0; i < 450; i += 1) {
      await redis.sadd('{spec}:orgs', `many ${i}`);
      for (const name of ['id', 'age', 'change', 'uncertain'])
        await redis.zadd(`{spec}:index:${name}:many%20${i}`, 0, 'ast');
      await redis.zadd(`{spec}:assistants:many%20${i}`, 0, 'ast');
    }
    await keep();
    expect(await isComplete()).toBe(true);
    for (const name of ['assistants', 'index:id', 'index:age', 'index:change']) {
      await redis.zadd(`{spec}:${name}:many%20449`, 0, 'other');
      await keep();
      expect(await isComplete()).toBe(name === 'index:change');
      await redis.hset('{spec}:index', 'complete', 1);
    }
  });
});

describe('the check of the newest events', () => {
  /** As a version commits that knows neither indexes nor the field `entry`. */
  const rotateAsEarlierVersion = async (name: string): Promise<void> => {
    const indexes = ['{spec}:index:age:org_1', '{spec}:index:change:org_1'];
    const scores = await Promise.all(indexes.map((index) => redis.zscore(index, 'ast_1')));
    const entry = await redis.hget('{spec}:assistant:ast_1', 'entry');
    await redis.hset('{spec}:assistant:ast_1', 'known', '1');
    await rotate(name);
    for (const [i, index] of indexes.entries()) await redis.zadd(index, scores[i]!, 'ast_1');
    await redis.hset('{spec}:assistant:ast_1', 'entry', entry!);
    const known = Number(await redis.hget('{spec}:assistant:ast_1', 'known')) + 60_000;
    await redis.hset('{spec}:assistant:ast_1', 'known', known);
  };
  const list = (order: 'last-change') =>
    ledger.listing.list({ orgIds: ['org_1'], order }, { size: 10, after: undefined });

  it('finds that a worker of an earlier version has committed, and a pass repairs its entries', async () => {
    await rotate('f1');
    await importKey('ast_2', 'f2', 'org_1');
    await keep();
    await keep();
    expect(await isComplete()).toBe(true);
    await rotateAsEarlierVersion('f3');
    expect(await keep()).toBeUndefined();
    expect(await isComplete()).toBe(false);
    await redis.hset('{spec}:index', 'passed', 1);
    expect(await keep()).toMatchObject({ corrected: 2, complete: true });
    await keep();
    expect(await isComplete()).toBe(true);
    const known = await redis.hget('{spec}:assistant:ast_1', 'known');
    expect(await redis.zscore('{spec}:index:change:org_1', 'ast_1')).toBe(known);
    expect((await list('last-change')).assistants[0]).toMatchObject({
      assistantId: 'ast_1',
      entry: `${known}-9999999999999999999`,
    });
  });

  it('finds nothing after a commit while the clock of Redis is behind the time that counts', async () => {
    await rotate('f1');
    await keep();
    const claim = await claimed(await accept());
    const nowMs = Date.now() + 120_000;
    expectOf(redis, { argument: () => ` ${nowMs} 10000`, correct: () => nowMs });
    expect(await ledger.assistants.commit(claim, key('f2'))).toMatchObject({ kind: 'committed' });
    expectOf(redis, { argument: () => '', correct: (redisMs) => redisMs });
    await keep();
    expect(await isComplete()).toBe(true);
    await redis.hset('{spec}:index', 'passed', 1);
    expect(await keep()).toMatchObject({ corrected: 0 });
  });

  it('reads no event after one that is very long, and none that Rekey does not write', async () => {
    await rotate('f1');
    await keep();
    await rotateAsEarlierVersion('f2');
    await redis.xadd('{spec}:events', '*', 'other', 'x');
    await redis.xadd('{spec}:events', '*', 'event', '"subject":"ast_none","time":');
    await redis.xadd('{spec}:events', '*', 'event', '"subject":"\\u0000","time":');
    await keep();
    expect(await isComplete()).toBe(false);
    await redis.hset('{spec}:index', 'complete', 1);
    await redis.xadd('{spec}:events', '*', 'event', 'x'.repeat(2_000_000));
    await keep();
    expect(await isComplete()).toBe(true);
  });

  it.each(['another type', 'the last possible id', 'nothing'])('accepts a stream with %s', async (what) => {
    await rotate('f1');
    await keep();
    await redis.del('{spec}:events');
    if (what === 'another type') await redis.set('{spec}:events', 'x');
    if (what === 'the last possible id')
      await redis.xadd('{spec}:events', '18446744073709551615-18446744073709551615', 'event', 'x');
    expect(await keep()).toBeUndefined();
    expect(await isComplete()).toBe(true);
  });
});

describe('a pass', () => {
  it('begins anew if another client has noted an org that does not exist', async () => {
    await rotate('f1');
    await keep();
    await redis.zadd('{spec}:index:age:org_1', 5, 'ast_1');
    await redis.hset('{spec}:index', 'org', 'zzz');
    expect(await keep()).toMatchObject({ assistants: 1, corrected: 1, complete: true });
  });
});
