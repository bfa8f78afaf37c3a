import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KEY_UNCERTAIN } from '@rekey/schema';
import { generateSharedKeys, parseSharedKeys } from '@rekey/sealing';
import { startRedis, type RedisServer } from '@rekey/testing';
import { subscribe, type Keys, type Refusal } from '../index.ts';
import type { Publisher, RawEvent } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { next, until } from '../wait-fixture.ts';
import { transportTo } from '../transport-fixture.ts';

let server: RedisServer;
let rekey: Publisher;
let keys: Keys;
let privateKey: { keys: object[] };
let refused: Refusal[];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.dispose());
beforeEach(async () => {
  rekey = createPublisher(server.url);
  await rekey.redis.flushall();
  privateKey = await rekey.enrol('billing');
  await rekey.enrol('crm');
  await rekey.publish('ast_1', 'sk_1');
  await rekey.publish('ast_2', 'sk_2');
  keys = await subscribe({
    ...(await transportTo(server.url)),
    consumer: 'billing',
    prefix: 'spec',
    privateKey,
  });
  refused = [];
  keys.on('refused', (refusal) => refused.push(refusal));
});
afterEach(async () => {
  await keys.close();
  rekey.close();
});

const held = () =>
  Object.fromEntries(
    [...keys.assistantIds()].map((id) => [id, (keys.current(id) as { secretKey?: string }).secretKey]),
  );
/** Resolves when everything on the stream has been read. */
const passed = async () => {
  const id = `ast_mark`;
  const version = await rekey.publish(id, 'sk_mark');
  await until(() => keys.current(id)?.version === version, 'the last event');
};
const put = async (event: RawEvent | string | object) => {
  await rekey.put(event);
  await passed();
};
/** Makes a gap, and resolves after the snapshot. */
const takeSnapshot = async () => {
  const snapshot = next(keys, 'snapshot');
  await rekey.redis.incrby('{spec}:seq', 5);
  await passed();
  await snapshot;
};
const later = (event: RawEvent, changes: object): RawEvent => ({
  ...event,
  data: { ...event.data, ...changes },
});

describe('an event that is not from Rekey', () => {
  it('that a stranger sealed under the kid of this consumer is refused', async () => {
    const { kid } = (await rekey.currentEvent('ast_1')).data.sealed.recipients[1]!.header;
    const stranger = { ...parseSharedKeys(await generateSharedKeys()), kid };
    await put(await rekey.eventOf('ast_1', { recipients: [stranger], secretKey: 'sk_forged' }));
    expect(held()).toMatchObject({ ast_1: 'sk_1', ast_2: 'sk_2' });
    expect(refused).toEqual([
      { assistantId: 'ast_1', version: expect.any(Number), why: 'the sealed text does not come from Rekey' },
    ]);
    // It took a number of the stream. The snapshot after that gap may already have begun, and restarts
    // `unapplied`.
    expect(keys.refused).toEqual({ count: 1, first: refused });
  });

  it('with changed content under a valid proof is refused', async () => {
    const event = await rekey.eventOf('ast_1', { secretKey: 'sk_forged' });
    const { ciphertext } = event.data.sealed;
    await put(
      later(event, {
        sealed: {
          ...event.data.sealed,
          ciphertext: `${ciphertext[0] === 'A' ? 'B' : 'A'}${ciphertext.slice(1)}`,
        },
      }),
    );
    expect([held()['ast_1'], refused.length]).toEqual(['sk_1', 1]);
  });

  it('that was moved to another assistant is refused', async () => {
    const event = await rekey.eventOf('ast_2', { secretKey: 'sk_stolen' });
    await put({ ...event, subject: 'ast_1', source: '/orgs/org_1/assistants/ast_1' });
    expect(held()).toMatchObject({ ast_1: 'sk_1', ast_2: 'sk_2' });
    expect(refused).toMatchObject([{ assistantId: 'ast_1', why: expect.stringContaining('does not match') }]);
  });

  it.each<[string, (event: RawEvent) => object]>([
    ['version', (event) => later(event, { version: event.data.version + 1 })],
    ['org', (event) => ({ ...event, source: '/orgs/org_2/assistants/ast_1' })],
    ['type', (event) => ({ ...event, type: 'rekey.assistant.key-removed.v1' })],
  ])('whose %s does not match its record is refused', async (_what, altered) => {
    await put(altered(await rekey.eventOf('ast_1', { secretKey: 'sk_altered' })));
    expect([held()['ast_1'], refused.length]).toEqual(['sk_1', 1]);
  });

  it('that is a replay of an older or the same version changes nothing', async () => {
    const before = await rekey.currentEvent('ast_1');
    await rekey.publish('ast_1', 'sk_newer');
    for (const event of [before, await rekey.currentEvent('ast_1')])
      await put(later(event, { seq: Number(await rekey.redis.incr('{spec}:seq')) }));
    expect([held()['ast_1'], refused]).toEqual(['sk_newer', []]);
  });

  it('with a version more than a day ahead is refused, and blocks no later event', async () => {
    const [seconds] = await rekey.redis.time();
    const ahead = (hours: number) => (Number(seconds) + hours * 3600) * 1_000_000;
    await put(await rekey.eventOf('ast_1', { version: ahead(25), secretKey: 'sk_absurd' }));
    expect([held()['ast_1'], refused]).toEqual([
      'sk_1',
      [{ assistantId: 'ast_1', version: ahead(25), why: expect.stringContaining('future') }],
    ]);
    await put(await rekey.eventOf('ast_1', { version: ahead(23), secretKey: 'sk_ahead' }));
    expect(held()['ast_1']).toBe('sk_ahead');
  });

  it('with a lower version is unapplied if the held one is in the future', async () => {
    const [seconds] = await rekey.redis.time();
    const ahead = (Number(seconds) + 3600) * 1_000_000;
    await put(await rekey.eventOf('ast_1', { version: ahead, secretKey: 'sk_ahead' }));
    expect([held()['ast_1'], keys.unapplied.count]).toEqual(['sk_ahead', 0]);
    // Not below that of the current record, which is read too.
    const version = Number(seconds) * 1_000_000 + 999_999;
    await put(await rekey.eventOf('ast_1', { version, secretKey: 'sk_next' }));
    expect([held()['ast_1'], refused]).toEqual([
      'sk_ahead',
      [{ assistantId: 'ast_1', version, why: 'the held key has a version in the future' }],
    ]);
    expect(keys.unapplied.count).toBe(1);
    await put(await rekey.eventOf('ast_1', { version: ahead + 1, secretKey: 'sk_later' }));
    expect(held()['ast_1']).toBe('sk_later');
  });

  it('with a lower version than one of the future stays unapplied over snapshots', async () => {
    const [seconds] = await rekey.redis.time();
    const ahead = (Number(seconds) + 3600) * 1_000_000;
    await put(await rekey.eventOf('ast_1', { version: ahead, secretKey: 'sk_ahead' }));
    const version = await rekey.publish('ast_1', 'sk_next');
    await passed();
    const outrun = { assistantId: 'ast_1', version, why: 'the held key has a version in the future' };
    expect([refused, keys.unapplied]).toEqual([[outrun], { count: 1, last: [outrun] }]);
    for (let times = 0; times < 2; times += 1) {
      await takeSnapshot();
      expect([held()['ast_1'], keys.unapplied]).toEqual(['sk_ahead', { count: 1, last: [outrun] }]);
    }
    expect(refused).toEqual([outrun]);
    await rekey.publish('ast_1', 'sk_newer', { version: ahead + 1 });
    await until(() => keys.unapplied.count === 0, 'a newer key');
    expect(held()['ast_1']).toBe('sk_newer');
  });

  it('that is lower and only replayed is no longer unapplied once the current record is read', async () => {
    const [seconds] = await rekey.redis.time();
    const older = await rekey.currentEvent('ast_1');
    await rekey.publish('ast_1', 'sk_ahead', { version: (Number(seconds) + 3600) * 1_000_000 });
    await passed();
    await put(older);
    await until(() => keys.unapplied.count === 0, 'the current record');
    expect([held()['ast_1'], refused.length]).toEqual(['sk_ahead', 1]);
  });

  it('is judged by the Redis clock, never by the clock of this host', async () => {
    const now = Date.now;
    try {
      Date.now = () => 0;
      await put(await rekey.eventOf('ast_1', { version: now() * 1000, secretKey: 'sk_new' }));
      Date.now = () => now() + 10 * 86_400_000;
      await put(
        await rekey.eventOf('ast_2', { version: (now() + 5 * 86_400_000) * 1000, secretKey: 'sk_absurd' }),
      );
    } finally {
      Date.now = now;
    }
    expect(held()).toMatchObject({ ast_1: 'sk_new', ast_2: 'sk_2' });
  });

  it.each<[string, object | string]>([
    ['text that is not JSON', 'sk_garbage{'],
    ['null', 'null'],
    ['a list', []],
    ['a number', '7'],
    ['an empty text', ''],
    ['a key without data', { type: 'rekey.assistant.key-rotated.v1' }],
    [
      'a key with data of wrong types',
      {
        type: 'rekey.assistant.key-rotated.v1',
        subject: 7,
        source: null,
        data: { seq: 'x', version: -1, sealed: { recipients: 'all' } },
      },
    ],
    [
      'a key with an endless id',
      { type: 'rekey.assistant.key-rotated.v1', subject: 'x'.repeat(100_000), data: { version: 1e300 } },
    ],
  ])('that is %s counts as refused', async (_what, event) => {
    await put(event);
    expect(refused.length).toBeGreaterThan(0);
    expect(JSON.stringify(refused).length).toBeLessThan(1000);
    expect(held()).toMatchObject({ ast_1: 'sk_1', ast_2: 'sk_2' });
    const acks = await rekey.acks();
    expect(acks.length).toBeGreaterThan(0);
  });

  it('in a stream entry without the field, or with other fields, breaks nothing', async () => {
    await rekey.redis.xadd('{spec}:events', '*', 'other', 'event');
    await rekey.redis.xadd('{spec}:events', '*', 'event', '{}', 'event', '{}');
    await rekey.redis.xadd(
      '{spec}:events',
      '*',
      'a',
      'b',
      'event',
      JSON.stringify(await rekey.eventOf('ast_1', { secretKey: 'sk_second_field' })),
    );
    await passed();
    expect(held()['ast_1']).toBe('sk_second_field');
  });

  it('of an unknown type is skipped, and not counted', async () => {
    await put({
      type: 'rekey.assistant.key-blessed.v9',
      subject: 'ast_1',
      data: { seq: Number(await rekey.redis.incr('{spec}:seq')), version: 9 },
    });
    expect([refused, keys.unapplied.count]).toEqual([[], 0]);
  });

  it('for others only is skipped, and not counted', async () => {
    await put(await rekey.eventOf('ast_1', { recipients: [parseSharedKeys(await generateSharedKeys())] }));
    expect([held()['ast_1'], refused]).toEqual(['sk_1', []]);
  });

  it('that announces a key and contains none is refused', async () => {
    await put(await rekey.eventOf('ast_1', { secretKey: '' }));
    expect([held()['ast_1'], refused.length]).toEqual(['sk_1', 1]);
  });

  it('that makes an older version uncertain is ignored', async () => {
    await put(await rekey.eventOf('ast_1', { type: KEY_UNCERTAIN, version: 5 }));
    expect(keys.current('ast_1')).toMatchObject({ uncertain: false });
  });

  it('counts each time: the service sees the last 20, Rekey the first 20', async () => {
    const event = await rekey.eventOf('ast_2', {});
    // Numbers that are missing from the stream would cause a snapshot, which restarts `unapplied`.
    await rekey.redis.decr('{spec}:seq');
    for (let i = 0; i < 25; i += 1)
      await rekey.put({ ...later(event, { seq: event.data.seq + i }), subject: `ast_x${i}` });
    await passed();
    expect(keys.unapplied.count).toBe(25);
    expect(keys.unapplied.last.map(({ assistantId }) => assistantId)).toEqual(
      Array.from({ length: 20 }, (_, i) => `ast_x${i + 5}`),
    );
    const { instance } = keys.freshness();
    await until(
      async () => (await rekey.acks(instance)).at(-1)?.unapplied.count === 25,
      'the acknowledgement',
    );
    expect((await rekey.acks(instance)).at(-1)!.unapplied.first.map(({ assistant_id: id }) => id)).toEqual(
      Array.from({ length: 20 }, (_, i) => `ast_x${i}`),
    );
  });
});

describe('a snapshot that is not from Rekey', () => {
  const again = async () => {
    await keys.close();
    keys = await subscribe({
      ...(await transportTo(server.url)),
      consumer: 'billing',
      prefix: 'spec',
      privateKey,
    });
  };

  it('with a record of another assistant yields a key for neither', async () => {
    await rekey.redis.set('{spec}:current:ast_1', (await rekey.redis.get('{spec}:current:ast_2'))!);
    await again();
    expect(held()).toEqual({ ast_2: 'sk_2' });
    expect(keys.unapplied).toMatchObject({
      count: 1,
      last: [{ assistantId: 'ast_1', why: expect.stringContaining('in place of another event') }],
    });
  });

  it('with garbage among the records and the uncertain ones yields all others', async () => {
    await rekey.redis.set('{spec}:current:ast_1', 'nonsense');
    await rekey.redis.hset('{spec}:uncertain', 'ast_2', 'nonsense');
    await again();
    expect([held(), keys.unapplied.count]).toEqual([{ ast_2: 'sk_2' }, 2]);
  });

  it('takes no held key away', async () => {
    await rekey.redis.set('{spec}:current:ast_1', (await rekey.redis.get('{spec}:current:ast_2'))!);
    await rekey.redis.incr('{spec}:seq');
    await passed();
    await until(() => keys.unapplied.count === 1, 'the snapshot');
    expect(held()).toMatchObject({ ast_1: 'sk_1', ast_2: 'sk_2' });
  });

  it('with uncertainty in place of a key, and a key in place of uncertainty, uses neither', async () => {
    const doubt = await rekey.eventOf('ast_1', { type: KEY_UNCERTAIN });
    const key = await rekey.eventOf('ast_2', { secretKey: 'sk_placed' });
    await rekey.redis.set('{spec}:current:ast_1', JSON.stringify(doubt));
    await rekey.redis.hset('{spec}:uncertain', 'ast_2', JSON.stringify(key));
    await again();
    expect([held(), keys.unapplied.count]).toEqual([{ ast_2: 'sk_2' }, 2]);
  });
});
