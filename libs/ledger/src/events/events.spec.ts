import { describe, expect, it } from '@jest/globals';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { connectEvents } from '../index.ts';
import { connectLedger } from '../connection.ts';
import { openEvents } from './events.ts';

let redis: Redis;
useRedis((url) => (redis = new Redis(url)));

describe('the next entry of the stream', () => {
  it.each([
    ['an event', 'event', 'text', 'text'],
    ['another field', 'other', 'text', undefined],
    ['a text that is too long for an event', 'event', 'x'.repeat(25 * 1024 * 1024), undefined],
  ])('is the same by a wait and by a read: %s', async (_what, field, value, text) => {
    const id = await redis.xadd('{spec}:events', '*', field, value);
    const events = connectEvents(redis, 'spec');
    expect(await events.wait('0-0', 1000)).toEqual({ id, text });
    expect((await events.after('0-0')).entries).toEqual([{ id, text }]);
  });
});

describe('current records', () => {
  const put = (id: string, text: string) => redis.set(`{spec}:current:${id}`, text);
  const records = (...ids: string[]) => openEvents(connectLedger(redis, 'spec')).records(ids);

  it('come as they are; what is no record that Rekey writes is told', async () => {
    await put('ast_1', 'one');
    await put('ast_long', 'x'.repeat(25 * 1024 * 1024));
    await redis.hset('{spec}:current:ast_foreign', 'a', 'b');
    expect(await records('ast_1', 'ast_unknown', 'ast_long', 'ast_foreign')).toEqual([
      { assistantId: 'ast_1', bytes: Buffer.from('one') },
      { assistantId: 'ast_unknown', bytes: null },
      { assistantId: 'ast_long', bytes: Buffer.alloc(0) },
      { assistantId: 'ast_foreign', bytes: null },
    ]);
    expect(await records()).toEqual([]);
  });

  it('are as many as fit, and at least one', async () => {
    for (const id of ['ast_1', 'ast_2', 'ast_3']) await put(id, id.repeat(180_000));
    await put('ast_longer', 'x'.repeat(4 * 1024 * 1024));
    const idsOf = async (...ids: string[]) => (await records(...ids)).map(({ assistantId }) => assistantId);
    expect(await idsOf('ast_1', 'ast_2', 'ast_3')).toEqual(['ast_1', 'ast_2']);
    expect(await idsOf('ast_longer', 'ast_1')).toEqual(['ast_longer']);
    expect(await idsOf('ast_1', 'ast_longer', 'ast_2')).toEqual(['ast_1']);
  });
});

describe('the orgs', () => {
  it('are read whole or not at all: another client can have added more than can be read', async () => {
    const { orgs } = openEvents(connectLedger(redis, 'spec'));
    await redis.sadd('{spec}:orgs', 'org_1', 'org_2');
    expect((await orgs()).toSorted()).toEqual(['org_1', 'org_2']);
    await redis.sadd('{spec}:orgs', ...Array.from({ length: 100_000 }, (_, i) => `other_${i}`));
    await expect(orgs()).rejects.toMatchObject({ code: 'LEDGER_CORRUPT' });
  });
});

describe('an acknowledgement', () => {
  it('is added to no other Redis than the one that it is about', async () => {
    const events = openEvents(connectLedger(redis, 'spec'));
    const acknowledge = (ack: string, runId?: string, proof?: string) =>
      events.acknowledge('billing', { ack, proof, runId });
    await acknowledge('unsigned', undefined);
    await acknowledge('signed', await events.runId(), 'proof');
    await expect(acknowledge('other', 'another', 'proof')).rejects.toMatchObject({ code: 'REDIS_REPLACED' });
    const fieldsOf = async (key: string) => (await redis.xrange(key, '-', '+')).map(([, fields]) => fields);
    expect(await fieldsOf('{spec}:acks')).toEqual([['ack', 'unsigned']]);
    expect(await fieldsOf('{spec}:acks:billing')).toEqual([['ack', 'signed', 'proof', 'proof']]);
  });
});
