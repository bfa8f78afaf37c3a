import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KEY_UNCERTAIN } from '@rekey/schema';
import { generateSharedKeys, parseSharedKeys } from '@rekey/sealing';
import { startRedis, type RedisServer } from '@rekey/testing';
import { subscribe, type Keys } from '../index.ts';
import type { Publisher } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { until } from '../wait-fixture.ts';
import { transportTo } from '../transport-fixture.ts';

let server: RedisServer;
let rekey: Publisher;
let keys: Keys;
let privateKey: { keys: object[] };
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.dispose());
beforeEach(async () => {
  rekey = createPublisher(server.url);
  await rekey.redis.flushall();
  privateKey = await rekey.enrol('billing', { orgs: ['org_1'] });
  await rekey.publish('ast_1', 'sk_1');
});
afterEach(async () => {
  await keys.close();
  rekey.close();
});

const begin = async () => {
  keys = await subscribe({
    ...(await transportTo(server.url)),
    consumer: 'billing',
    prefix: 'spec',
    privateKey,
    leaseMs: 1000,
  });
};
/** Publishes as a worker that has no usable keys of this consumer. */
const publishUnsealed = (assistantId: string, secretKey: string, more: { orgId?: string } = {}) =>
  rekey.publish(assistantId, secretKey, { ...more, recipients: [] });
const acks = () => rekey.acks(keys.freshness().instance);
const lastUnapplied = async () => (await acks()).at(-1)?.unapplied;
const passed = async () => {
  const version = await rekey.publish('ast_mark', 'sk_mark');
  await until(() => keys.current('ast_mark')?.version === version, 'the last event');
};

describe('a record of an org of the consumer that is not sealed for it', () => {
  it('is unapplied in the first snapshot, and named in the acknowledgement', async () => {
    const version = await publishUnsealed('ast_2', 'sk_2');
    await begin();
    const why = expect.stringContaining('not sealed for it');
    expect(keys.unapplied).toEqual({ count: 1, last: [{ assistantId: 'ast_2', version, why }] });
    expect([keys.size, keys.current('ast_2'), keys.refused.count]).toEqual([1, undefined, 0]);
    await until(async () => (await acks()).length > 0, 'the acknowledgement');
    expect(await lastUnapplied()).toEqual({
      count: 1,
      first: [{ assistant_id: 'ast_2', version, why }],
    });
  });

  it('is unapplied when it is published, also if the assistant is not held', async () => {
    await begin();
    const version = await publishUnsealed('ast_2', 'sk_2');
    await until(() => keys.unapplied.count === 1, 'the unapplied record');
    const { position } = keys.freshness();
    await until(async () => (await acks()).some((ack) => ack.position === position), 'its acknowledgement');
    // From the first acknowledgement that reaches the event on.
    for (const { unapplied } of (await acks()).filter((ack) => ack.position === position))
      expect(unapplied).toMatchObject({ count: 1, first: [{ assistant_id: 'ast_2', version }] });
  });

  it('is held once it is sealed for the consumer, without an event', async () => {
    await publishUnsealed('ast_2', 'sk_2');
    await begin();
    expect(keys.unapplied.count).toBe(1);
    await rekey.finishEnrolling('billing');
    await until(() => keys.size === 2 && keys.unapplied.count === 0, 'the key');
    expect(keys.current('ast_2')).toMatchObject({ state: 'held', secretKey: 'sk_2' });
  });

  it('stays unapplied while an older event is replayed', async () => {
    const old = await rekey.eventOf('ast_2', { secretKey: 'sk_old' });
    const version = await publishUnsealed('ast_2', 'sk_2');
    await begin();
    await rekey.put(old);
    await passed();
    expect(keys.unapplied).toMatchObject({ count: 1, last: [{ assistantId: 'ast_2', version }] });
  });

  it('is reported by each acknowledgement, also while another snapshot is taken', async () => {
    await publishUnsealed('ast_2', 'sk_2');
    await begin();
    for (let i = 0; i < 3; i += 1) {
      await rekey.redis.incr('{spec}:seq');
      await passed();
    }
    await until(async () => (await acks()).length > 3, 'acknowledgements');
    const counts = (await acks()).map(({ unapplied }) => unapplied.count);
    expect(counts).toEqual(counts.map(() => 1));
  });

  it('is unapplied for a consumer of all orgs', async () => {
    await rekey.remove('billing');
    await rekey.enrol('billing', { keyFile: privateKey });
    await rekey.finishEnrolling('billing');
    await publishUnsealed('ast_2', 'sk_2', { orgId: 'org_2' });
    await begin();
    expect(keys.unapplied).toMatchObject({ count: 1, last: [{ assistantId: 'ast_2' }] });
  });

  it('is unapplied if it is a notice of uncertainty, until the next snapshot', async () => {
    await begin();
    const recipients = [parseSharedKeys(await generateSharedKeys())];
    const version = keys.current('ast_1')!.version;
    await rekey.put(await rekey.eventOf('ast_1', { type: KEY_UNCERTAIN, version, recipients }));
    await until(() => keys.unapplied.count > 0, 'the unapplied notice');
    expect(keys.unapplied.last.at(-1)).toMatchObject({ assistantId: 'ast_1', version });
  });

  it('is unapplied if its event has no current record', async () => {
    await begin();
    const recipients = [parseSharedKeys(await generateSharedKeys())];
    await rekey.put(await rekey.eventOf('ast_2', { recipients }));
    await until(() => keys.unapplied.count === 1, 'the unapplied event');
    expect(keys.current('ast_2')).toBeUndefined();
  });
});

describe('a record that is not sealed for the consumer', () => {
  it('is skipped if it is of an org that the consumer may not read', async () => {
    await rekey.publish('ast_2', 'sk_2', { orgId: 'org_2' });
    await begin();
    await rekey.publish('ast_3', 'sk_3', { orgId: 'org_2' });
    await passed();
    expect([keys.size, keys.unapplied.count]).toEqual([2, 0]);
  });

  it('is no longer unapplied when its assistant moved to an org of others', async () => {
    await publishUnsealed('ast_2', 'sk_2');
    await begin();
    expect(keys.unapplied.count).toBe(1);
    await rekey.publish('ast_2', 'sk_moved', { orgId: 'org_2' });
    await until(() => keys.unapplied.count === 0, 'the move');
  });
});
