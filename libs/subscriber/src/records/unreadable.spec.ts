import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KEY_UNCERTAIN } from '@rekey/schema';
import { generateSharedKeys, parseSharedKeys } from '@rekey/sealing';
import { startRedis, type RedisServer } from '@rekey/testing';
import { subscribe, type Keys, type UnreadableKey } from '../index.ts';
import type { Publisher, RawEvent } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { next, until } from '../wait-fixture.ts';
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
  await rekey.enrol('other', { orgs: ['c'] });
  for (const id of ['ast_1', 'ast_2']) await rekey.publish(id, `${id} old`);
  await begin();
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
const hashOf = (secretKey: string) => createHmac('sha256', secretKey).update('user').digest('hex');
const sign = (id: string): string => {
  try {
    return keys.signUserHash(id, 'user');
  } catch (error) {
    return (error as { code: string }).code;
  }
};
const signs = (id: string, secretKey: string) =>
  until(() => sign(id) === hashOf(secretKey), `${id} signs with ${secretKey}`);
const isStopped = (id: string) =>
  until(() => sign(id) === 'NOT_READABLE_ANY_MORE', `${id} is signed for no more`);
/** Resolves when everything on the stream has been read. */
const passed = async () => {
  const version = await rekey.publish('ast_mark', 'sk_mark');
  await until(() => keys.current('ast_mark')?.version === version, 'the last event');
};
const strangers = async () => [parseSharedKeys(await generateSharedKeys())];
const ackedUnapplied = async () => (await rekey.acks(keys.freshness().instance)).at(-1)?.unapplied;

describe('a held assistant with a newer version for others only', () => {
  it('is no longer signed for, which the service and the acknowledgements show', async () => {
    const heard = next(keys, 'unreadable');
    const version = await rekey.publish('ast_1', 'sk_under_c', { orgId: 'c' });
    await isStopped('ast_1');
    expect(await heard).toMatchObject({
      state: 'unreadable',
      assistantId: 'ast_1',
      orgId: 'org_1',
      claimedVersion: version,
    });
    expect(keys.current('ast_1')).not.toHaveProperty('secretKey');
    expect(() => keys.signUserHash('ast_1', 'user')).toThrow(
      expect.objectContaining({
        code: 'NOT_READABLE_ANY_MORE',
        retry: true,
        message: expect.stringContaining('not sealed for this consumer'),
      }),
    );
    expect(() => keys.signUserHashWithVersion('ast_1', 'user')).toThrow(
      expect.objectContaining({ code: 'NOT_READABLE_ANY_MORE' }),
    );
    expect([sign('ast_2'), keys.size]).toEqual([hashOf('ast_2 old'), 1]);
    expect(keys.unapplied).toMatchObject({ count: 1, last: [{ assistantId: 'ast_1', version }] });
    await until(async () => (await ackedUnapplied())?.count === 1, 'the acknowledgement');
    expect(await ackedUnapplied()).toMatchObject({
      first: [{ assistant_id: 'ast_1', version, why: expect.stringContaining('cannot open it') }],
    });
    expect(keys.refused.count).toBe(0);
  });

  it('is signed for again with the next version that can be opened', async () => {
    await rekey.publish('ast_1', 'sk_under_c', { orgId: 'c' });
    await isStopped('ast_1');
    const heard = next(keys, 'key');
    await rekey.publish('ast_1', 'sk_back');
    await signs('ast_1', 'sk_back');
    expect(await heard).toMatchObject({ assistantId: 'ast_1', secretKey: 'sk_back' });
    expect([keys.unapplied.count, keys.size]).toEqual([0, 2]);
  });

  it('is signed for again when the record is sealed for this consumer, without an event', async () => {
    await rekey.publish('ast_1', 'sk_under_c', { orgId: 'c' });
    await isStopped('ast_1');
    const before = (await rekey.consumers.get('billing'))!;
    await rekey.consumers.write(
      'billing',
      before,
      { ...before.consumer, orgs: ['org_1', 'c'] },
      { reseals: true },
    );
    await rekey.finishEnrolling('billing');
    await signs('ast_1', 'sk_under_c');
    expect(keys.unapplied.count).toBe(0);
  });

  it('does not come back with a replayed older event', async () => {
    const old = await rekey.currentEvent('ast_1');
    await rekey.publish('ast_1', 'sk_under_c', { orgId: 'c' });
    await isStopped('ast_1');
    await rekey.put(old);
    await passed();
    expect(sign('ast_1')).toBe('NOT_READABLE_ANY_MORE');
  });

  it('is also found in a snapshot', async () => {
    // No event announces it.
    const event = await rekey.eventOf('ast_1', { recipients: await strangers() });
    await rekey.redis.set('{spec}:current:ast_1', JSON.stringify(event));
    // Its number is missing from the stream.
    await passed();
    await isStopped('ast_1');
    expect(sign('ast_2')).toBe(hashOf('ast_2 old'));
  });

  it('is found in a snapshot if it has left its org', async () => {
    await rekey.publish('ast_1', 'sk_under_c', { orgId: 'c' });
    await rekey.redis.xtrim('{spec}:events', 'MAXLEN', 0);
    await rekey.redis.incr('{spec}:seq');
    await passed();
    await isStopped('ast_1');
    expect(keys.current('ast_1')).toMatchObject({ state: 'unreadable', orgId: 'org_1' });
  });

  it('stays unreadable after snapshots', async () => {
    await rekey.publish('ast_1', 'sk_under_c', { orgId: 'c' });
    await isStopped('ast_1');
    const snapshot = next(keys, 'snapshot');
    await rekey.redis.incr('{spec}:seq');
    await passed();
    await snapshot;
    expect(sign('ast_1')).toBe('NOT_READABLE_ANY_MORE');
    expect(keys.unapplied.count).toBe(1);
  });

  it('is no longer signed for by a removed consumer; the others are', async () => {
    const revoked = next(keys, 'revoked');
    await rekey.remove('billing');
    await revoked;
    expect(sign('ast_1')).toBe(hashOf('ast_1 old'));
    await rekey.publish('ast_1', 'sk_new');
    await isStopped('ast_1');
    expect(sign('ast_2')).toBe(hashOf('ast_2 old'));
  });

  it('is no longer signed for if its uncertainty and its record are for others only', async () => {
    await rekey.redis.set(
      '{spec}:current:ast_1',
      JSON.stringify({
        ...(await rekey.currentEvent('ast_1')),
        data: {
          ...(await rekey.currentEvent('ast_1')).data,
          sealed: (await rekey.eventOf('ast_1', { recipients: await strangers() })).data.sealed,
        },
      }),
    );
    await rekey.redis.decr('{spec}:seq');
    const { version } = keys.current('ast_1')!;
    await rekey.put(
      await rekey.eventOf('ast_1', { type: KEY_UNCERTAIN, version, recipients: await strangers() }),
    );
    await isStopped('ast_1');
    // The record, and the notice.
    expect(keys.unapplied.count).toBe(2);
  });
});

describe('an event for others only, which anyone can write,', () => {
  it.each<[string, Partial<{ version: number; type: string }>]>([
    ['a newer version', {}],
    ['the highest possible version', { version: Number.MAX_SAFE_INTEGER }],
    ['an uncertainty', { type: KEY_UNCERTAIN }],
  ])('about %s stops nothing while the current record is readable', async (_what, more) => {
    await rekey.put(await rekey.eventOf('ast_1', { recipients: await strangers(), ...more }));
    await passed();
    expect([sign('ast_1'), keys.unapplied.count]).toEqual([hashOf('ast_1 old'), 0]);
  });

  it('causes a read of the current record, which counts if it is newer', async () => {
    const record = await rekey.eventOf('ast_1', { secretKey: 'sk_in_the_record' });
    await rekey.redis.decr('{spec}:seq');
    await rekey.redis.set('{spec}:current:ast_1', JSON.stringify(record));
    const event: RawEvent = await rekey.eventOf('ast_1', { recipients: await strangers() });
    await rekey.put(event);
    await signs('ast_1', 'sk_in_the_record');
    expect(keys.unapplied.count).toBe(0);
  });

  it('together with a current record for others stops signing until the record is repaired', async () => {
    const right = (await rekey.redis.get('{spec}:current:ast_1'))!;
    const event = await rekey.eventOf('ast_1', {
      recipients: await strangers(),
      version: Number.MAX_SAFE_INTEGER,
    });
    await rekey.redis.set('{spec}:current:ast_1', JSON.stringify(event));
    await rekey.put(event);
    await isStopped('ast_1');
    expect((keys.current('ast_1') as UnreadableKey).claimedVersion).toBe(Number.MAX_SAFE_INTEGER);
    await rekey.redis.set('{spec}:current:ast_1', right);
    await signs('ast_1', 'ast_1 old');
    expect([keys.unapplied.count, keys.size]).toEqual([0, 3 - 1]);
  });

  it('together with a refused current record stops signing, and the refusal counts', async () => {
    await rekey.redis.set('{spec}:current:ast_1', 'nonsense');
    await rekey.put(await rekey.eventOf('ast_1', { recipients: await strangers() }));
    await isStopped('ast_1');
    expect(keys.refused.count).toBe(1);
    await rekey.publish('ast_1', 'sk_new');
    await signs('ast_1', 'sk_new');
  });

  it('about an assistant that is not held is skipped if it is of an org of others', async () => {
    await rekey.put(await rekey.eventOf('ast_unknown', { orgId: 'c', recipients: await strangers() }));
    await passed();
    expect([sign('ast_unknown'), keys.unapplied.count]).toEqual(['UNKNOWN_ASSISTANT', 0]);
  });

  it('is checked after an outage of Redis in between', async () => {
    await rekey.publish('ast_1', 'sk_under_c', { orgId: 'c' });
    await rekey.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await isStopped('ast_1');
    expect(keys.size).toBe(1);
  });
});
