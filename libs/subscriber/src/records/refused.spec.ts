import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateSharedKeys, parseSharedKeys } from '@rekey/sealing';
import { startRedis, type RedisServer } from '@rekey/testing';
import { subscribe, type Keys, type SnapshotEvent } from '../index.ts';
import type { Publisher, RawEvent } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { until } from '../wait-fixture.ts';
import { transportTo } from '../transport-fixture.ts';

let server: RedisServer;
let rekey: Publisher;
let keys: Keys;
let privateKey: { keys: object[] };
let snapshots: SnapshotEvent[];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.dispose());
beforeEach(async () => {
  rekey = createPublisher(server.url);
  await rekey.redis.flushall();
  privateKey = await rekey.enrol('billing');
  await rekey.publish('ast_1', 'sk_1');
  await rekey.publish('ast_2', 'sk_2');
  keys = await subscribe({
    ...(await transportTo(server.url)),
    consumer: 'billing',
    prefix: 'spec',
    privateKey,
  });
  snapshots = [];
  keys.on('snapshot', (snapshot) => snapshots.push(snapshot));
});
afterEach(async () => {
  await keys.close();
  rekey.close();
});

const keyOf = (id: string) => (keys.current(id) as { secretKey?: string } | undefined)?.secretKey;
const seqNow = async () => Number(await rekey.redis.get('{spec}:seq'));
/** An event with the next number and an invalid proof. */
const forged = async (seqAhead = 1, subject = 'ast_1'): Promise<RawEvent> => {
  const { kid } = (await rekey.currentEvent('ast_1')).data.sealed.recipients[1]!.header;
  const seq = (await seqNow()) + seqAhead;
  const event = await rekey.eventOf(subject, {
    recipients: [{ ...parseSharedKeys(await generateSharedKeys()), kid }],
    secretKey: 'sk_forged',
  });
  // The fixture drew a number for it.
  await rekey.redis.decr('{spec}:seq');
  return { ...event, data: { ...event.data, seq } };
};
const follow = async (secretKey: string) => {
  await rekey.publish('ast_1', secretKey);
  await until(() => keyOf('ast_1') === secretKey, 'the next genuine event');
};
const acked = (count: number) =>
  until(
    async () => (await rekey.acks(keys.freshness().instance)).at(-1)?.refused?.count === count,
    'the acknowledgement',
  );

describe('a refused event', () => {
  it('with the number of the next event hides nothing, and stays counted', async () => {
    await rekey.put(await forged());
    await follow('sk_new');
    expect(snapshots).toEqual([]);
    expect(keys.unapplied).toMatchObject({ count: 1 });
    expect(keys.refused).toEqual({
      count: 1,
      first: [
        {
          assistantId: 'ast_1',
          version: expect.any(Number),
          why: 'the sealed text does not come from Rekey',
        },
      ],
    });
    await acked(1);
  });

  it('in place of a genuine one is a gap, and the snapshot has the lost key', async () => {
    const event = await forged();
    const version = await rekey.publish('ast_1', 'sk_taken');
    // It may have been read already. What counts is the next event, which the consumer has not seen.
    await until(() => keys.current('ast_1')?.version === version, 'the first');
    await rekey.redis
      .multi()
      .incr('{spec}:seq')
      .xadd(
        '{spec}:events',
        '*',
        'event',
        JSON.stringify({ ...event, data: { ...event.data, seq: event.data.seq + 1 } }),
      )
      .exec();
    await rekey.redis.set(
      '{spec}:current:ast_2',
      JSON.stringify(await rekey.eventOf('ast_2', { secretKey: 'sk_only_in_the_record' })),
    );
    await rekey.redis.decr('{spec}:seq');
    await follow('sk_after');
    await until(() => snapshots.length === 1, 'the snapshot');
    expect(snapshots).toMatchObject([{ reason: 'gap' }]);
    expect(keyOf('ast_2')).toBe('sk_only_in_the_record');
  });

  it('stays counted after snapshots, also in the acknowledgements', async () => {
    await rekey.put(await forged());
    await until(() => keys.refused.count === 1, 'the refusal');
    await rekey.redis.incr('{spec}:seq');
    await follow('sk_new');
    await until(() => snapshots.length === 1, 'the snapshot');
    expect([keys.unapplied.count, keys.refused.count]).toEqual([0, 1]);
    const last = async () => (await rekey.acks(keys.freshness().instance)).at(-1)!;
    // The acknowledgement before the refusal may still be in flight, and has nothing unapplied either.
    await until(async () => {
      const { refused, unapplied } = await last();
      return refused?.count === 1 && unapplied.count === 0;
    }, 'the acknowledgement after the snapshot');
    expect(await last()).toMatchObject({
      unapplied: { count: 0, first: [] },
      refused: { count: 1, first: [{ assistant_id: 'ast_1' }] },
    });
  });

  it.each([
    ['far ahead', 1_000_000],
    ['long past', -1],
    ['the one before', 0],
  ])('with a number that is %s causes no snapshot', async (_what, ahead) => {
    await rekey.put(await forged(ahead));
    await follow('sk_new');
    expect([snapshots, keys.refused.count]).toEqual([[], 1]);
  });

  it('that is the last entry when a snapshot begins does not set the number of the stream', async () => {
    await keys.close();
    await rekey.put(await forged(1_000_000));
    await rekey.put('garbage');
    keys = await subscribe({
      ...(await transportTo(server.url)),
      consumer: 'billing',
      prefix: 'spec',
      privateKey,
    });
    keys.on('snapshot', (snapshot) => snapshots.push(snapshot));
    expect(keys.freshness()).toMatchObject({ seq: 2 });
    await follow('sk_new');
    expect(snapshots).toEqual([]);
  });

  it.each<[string, (event: RawEvent) => object | string]>([
    [
      'of another subject',
      (event) => ({ ...event, subject: 'ast_2', source: '/orgs/org_1/assistants/ast_2' }),
    ],
    ['that is not JSON', () => 'garbage{'],
    ['without data', ({ type, subject }) => ({ type, subject })],
  ])('%s leaves no gap', async (_what, make) => {
    const genuine = await rekey.eventOf('ast_1');
    await rekey.redis.decr('{spec}:seq');
    await rekey.put(make(genuine));
    await follow('sk_new');
    expect([snapshots, keys.refused.count]).toEqual([[], 1]);
  });
});

describe('a replayed genuine event', () => {
  it('with its own number changes nothing, and causes no snapshot', async () => {
    const first = await rekey.currentEvent('ast_1');
    await follow('sk_new');
    for (const event of [first, await rekey.currentEvent('ast_1'), first]) await rekey.put(event);
    await follow('sk_newer');
    expect([snapshots, keys.refused.count]).toEqual([[], 0]);
  });

  it.each([
    ['no number', undefined],
    ['a text', '7'],
    ['a fraction', 1.5],
    ['a negative one', -4],
    ['zero', 0],
    ['a huge one', 1e300],
    ['a list', [3]],
  ])('with %s as its number is read, and does not count in the numbering', async (_what, seq) => {
    const event = await rekey.eventOf('ast_2', { secretKey: 'sk_numberless' });
    await rekey.redis.decr('{spec}:seq');
    await rekey.put({ ...event, data: { ...event.data, seq } });
    await until(() => keyOf('ast_2') === 'sk_numberless', 'the event');
    await follow('sk_new');
    expect([snapshots, keys.refused.count]).toEqual([[], 0]);
  });
});

describe('snapshots that are demanded without end', () => {
  it.each([
    ['gaps', (i: number) => ({ type: 'x', data: { seq: 1_000_000 + 10 * i } })],
    ['changes of this consumer', () => ({ type: 'rekey.consumer.changed.v1', subject: 'billing', data: {} })],
    ['runs', (i: number) => ({ type: 'x', data: { seq: 3 + i, run: 1000 + i } })],
  ])('by %s are taken with pauses, and new keys are still held', async (_what, make) => {
    for (let i = 0; i < 300; i += 1) {
      await rekey.put(make(i));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await follow('sk_new');
    expect(snapshots.length).toBeGreaterThan(0);
    expect(snapshots.length).toBeLessThanOrEqual(6);
  });
});

describe('the run of events', () => {
  const inRun = async (run: unknown, secretKey: string, seqAhead = 1) => {
    const event = await rekey.eventOf('ast_1', { secretKey, version: keys.current('ast_1')!.version + 1 });
    await rekey.put({ ...event, data: { ...event.data, seq: event.data.seq + seqAhead - 1, run } });
    await until(() => keyOf('ast_1') === secretKey, secretKey);
  };

  it('is in each event, and the same in all', async () => {
    const runs = (await rekey.redis.xrange('{spec}:events', '-', '+')).map(
      ([, [, text]]) => (JSON.parse(text!) as { data: { run?: number } }).data.run,
    );
    expect(new Set(runs).size).toBe(1);
    expect(runs[0]).toBeGreaterThan(1_600_000_000_000_000);
    expect(Number.isSafeInteger(runs[0])).toBe(true);
  });

  it('causes a snapshot if it changes, even with the next number', async () => {
    await inRun(7, 'sk_other');
    await until(() => snapshots.length === 1, 'the snapshot');
    expect(snapshots).toMatchObject([{ reason: 'other-redis' }]);
    await inRun(7, 'sk_same');
    expect(snapshots.length).toBe(1);
  });

  it('changes nothing if it is missing, as in older versions, or not a number', async () => {
    for (const [i, run] of [undefined, null, 'x', -1, 2.5, {}].entries()) await inRun(run, `sk_${i}`);
    expect([snapshots, keys.refused.count]).toEqual([[], 0]);
  });

  it('of a refused event changes nothing', async () => {
    const event = await forged();
    await rekey.put({ ...event, data: { ...event.data, run: 7 } });
    await follow('sk_new');
    expect([snapshots, keys.refused.count]).toEqual([[], 1]);
  });

  it('is enough for a Redis user without permission for INFO', async () => {
    await keys.close();
    await rekey.redis.acl('SETUSER', 'reader', 'on', '>word', '~*', '&*', '+@all', '-info');
    keys = await subscribe({
      redis: `redis://reader:word@127.0.0.1:${server.port}`,
      consumer: 'billing',
      prefix: 'spec',
      privateKey,
    });
    keys.on('snapshot', (snapshot) => snapshots.push(snapshot));
    await inRun(7, 'sk_other');
    await until(() => snapshots.length === 1, 'the snapshot');
    expect(snapshots).toMatchObject([{ reason: 'other-redis' }]);
  });
});

describe('an event of a later version of Rekey', () => {
  it('with an unknown cause or removal is applied', async () => {
    const version = await rekey.publish('ast_1', 'sk_back', { cause: 'rollback' as 'import' });
    await until(() => keys.current('ast_1')?.version === version, 'the version');
    expect(keys.current('ast_1')).toMatchObject({ state: 'held', secretKey: 'sk_back', cause: 'rollback' });
    await rekey.removeKey('ast_2', 'suspended' as 'deleted');
    await until(() => keys.current('ast_2')?.state === 'removed', 'the removal');
    expect(keys.current('ast_2')).toMatchObject({ removal: 'suspended' });
    expect([keys.refused.count, snapshots]).toEqual([0, []]);
  });
});
