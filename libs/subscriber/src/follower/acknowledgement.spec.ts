import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { orgsDigest } from '@rekey/schema';
import { createTcpProxy, startRedis, type RedisServer, type TcpProxy } from '@rekey/testing';
import { acknowledgementKeyOf, parseSharedKeys } from '@rekey/sealing';
import { HeldKeys } from '../held/held-keys.ts';
import { subscribe, type Keys } from '../index.ts';
import type { Publisher } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { next, until } from '../wait-fixture.ts';
import { itOverRedis, transportTo } from '../transport-fixture.ts';

let server: RedisServer;
let proxy: TcpProxy;
let rekey: Publisher;
let privateKey: { keys: object[] };
const open: Keys[] = [];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.dispose());
beforeEach(async () => {
  proxy = await createTcpProxy({ port: server.port });
  rekey = createPublisher(server.url);
  await rekey.redis.flushall();
  privateKey = await rekey.enrol('billing');
  await rekey.publish('ast_1', 'sk_1');
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((keys) => keys.close()));
  rekey.close();
  await proxy.close();
});
const begin = async (leaseMs?: number) => {
  const keys = await subscribe({
    ...(await transportTo(`redis://127.0.0.1:${proxy.port}`)),
    consumer: 'billing',
    prefix: 'spec',
    privateKey,
    ...(leaseMs !== undefined && { leaseMs }),
  });
  open.push(keys);
  return keys;
};
const lastEntry = async () => (await rekey.redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1))[0]![0];

describe('acknowledgements', () => {
  it('are of no event that could not be applied: it is read again', async () => {
    const keys = await begin();
    const { instance } = keys.freshness();
    const applying = jest.spyOn(HeldKeys.prototype, 'apply').mockImplementationOnce(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    try {
      await rekey.publish('ast_1', 'sk_1b');
      const last = await lastEntry();
      await until(
        async () => (await rekey.acks(instance)).some(({ position }) => position === last),
        'the acknowledgement',
      );
      expect(keys.current('ast_1')).toMatchObject({ secretKey: 'sk_1b' });
    } finally {
      applying.mockRestore();
    }
  });

  it('report the position when it is ready and after each event', async () => {
    const keys = await begin();
    const { instance } = keys.freshness();
    await until(async () => (await rekey.acks(instance)).length === 1, 'the first');
    expect(await rekey.acks(instance)).toEqual([
      {
        consumer: 'billing',
        instance,
        lease_ms: 10_000,
        position: await lastEntry(),
        seq: 1,
        keys: 1,
        unapplied: { count: 0, first: [] },
        refused: { count: 0, first: [] },
        number: 1,
        sent_ms: expect.any(Number),
        leaving: false,
        kid: expect.any(String),
        orgs_sha256: orgsDigest(['*']),
      },
    ]);
    await rekey.publish('ast_2', 'sk_2');
    await until(async () => (await rekey.acks(instance)).length === 2, 'the second');
    expect((await rekey.acks(instance)).at(-1)).toMatchObject({
      position: await lastEntry(),
      seq: 2,
      keys: 2,
    });
    expect(keys.freshness()).toMatchObject({ position: await lastEntry(), seq: 2, acknowledging: true });
  });

  it('are sent at once, then at most once in 10 ms, the last one for all', async () => {
    const keys = await begin();
    const { instance } = keys.freshness();
    const began = performance.now();
    for (let i = 0; i < 200; i += 1) await rekey.publish(`ast_${i}`, `sk of ${i}`);
    const last = await lastEntry();
    await until(async () => (await rekey.acks(instance)).at(-1)?.position === last, 'the last');
    const took = performance.now() - began;
    expect((await rekey.acks(instance)).length).toBeLessThanOrEqual(took / 10 + 2);
    const positions = (await rekey.acks(instance)).map(({ seq }) => seq);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  });

  it('are sent as a sign of life at least every third of the lease', async () => {
    const { instance } = (await begin(1000)).freshness();
    await until(async () => (await rekey.acks(instance)).length >= 5, 'signs of life');
    const times = (await rekey.redis.xrange('{spec}:acks:billing', '-', '+')).map(([id]) =>
      Number(id.split('-')[0]),
    );
    for (const [i, time] of times.slice(1).entries()) expect(time - times[i]!).toBeLessThan(1000);
  });

  it('announce the end', async () => {
    const keys = await begin();
    const { instance } = keys.freshness();
    await keys.close();
    expect((await rekey.acks(instance)).map(({ leaving }) => leaving)).toEqual([false, true]);
  });

  it('are sent by each process', async () => {
    const [one, two] = [await begin(), await begin()];
    await rekey.publish('ast_2', 'sk_2');
    for (const keys of [one, two])
      await until(async () => (await rekey.acks(keys.freshness().instance)).at(-1)?.seq === 2, 'both');
    expect(one.freshness().instance).not.toBe(two.freshness().instance);
  });

  it('keep the position while a snapshot is taken, and move it afterwards', async () => {
    const keys = await begin(1000);
    const { instance, position } = keys.freshness();
    const snapshot = next(keys, 'snapshot');
    const seen: string[] = [];
    const due: unknown[] = [];
    const held = proxy.once('zscan', 'held', () => {
      seen.push(keys.freshness().position);
      due.push(keys.freshness().snapshotDue);
    });
    await rekey.redis.incr('{spec}:seq');
    await rekey.publish('ast_2', 'sk_2');
    await held;
    expect([seen, due]).toEqual([[position], ['gap']]);
    await snapshot;
    const last = await lastEntry();
    await until(async () => (await rekey.acks(instance)).at(-1)?.position === last, 'the new position');
    expect((await rekey.acks(instance)).at(-1)).toMatchObject({ seq: 3, keys: 2 });
  });

  itOverRedis('say by which orgs the instance has applied everything, and none until it has', async () => {
    const keys = await begin(1000);
    const { instance } = keys.freshness();
    const last = async () => (await rekey.acks(instance)).at(-1);
    const right = (await rekey.redis.hget('{spec}:consumers', 'billing'))!;
    const other = JSON.stringify({ ...(JSON.parse(right) as object), orgs: ['org_none'] });
    await rekey.redis.hset('{spec}:consumers', 'billing', other);
    await until(async () => (await last())?.orgs_sha256 === orgsDigest(['org_none']), 'the other orgs');
    expect(await last()).toMatchObject({ keys: 0 });
    await rekey.redis.hset('{spec}:consumers', 'billing', right);
    await until(async () => (await last())?.orgs_sha256 === orgsDigest(['*']), 'its own orgs');
    const wrong = (await rekey.acks(instance)).filter(
      ({ keys: held, orgs_sha256: orgs }) => held === 0 && orgs === orgsDigest(['*']),
    );
    expect(wrong).toEqual([]);
  });

  it('do not pass an entry of the future before a snapshot has read what was added before it', async () => {
    const keys = await begin(1000);
    const { instance, position } = keys.freshness();
    const far = `${Date.now() + 2500}-0`;
    const isAtFar = async () => (await rekey.acks(instance)).some((one) => one.position === far);
    await rekey.redis.xadd('{spec}:events', far, 'event', '{"type":"none"}');
    const count = (await rekey.acks(instance)).length;
    await until(async () => (await rekey.acks(instance)).length > count + 1, 'it was read');
    const snapshot = next(keys, 'snapshot');
    await rekey.redis.xdel('{spec}:events', far);
    await rekey.redis.call('XSETID', '{spec}:events', position);
    await rekey.publish('ast_1', 'sk_hidden');
    await rekey.redis.call('XSETID', '{spec}:events', far);
    expect(await isAtFar()).toBe(false);
    // Seldom, the watch of the stream sees the lower id first.
    expect(['clock', 'other-redis']).toContain((await snapshot).reason);
    expect(await isAtFar()).toBe(false);
    expect(keys.current('ast_1')).toMatchObject({ secretKey: 'sk_hidden' });
    await until(isAtFar, 'the position');
  });

  it('do not call keys up to date after an entry of the future was removed', async () => {
    const keys = await begin();
    const { position } = keys.freshness();
    const far = `${Date.now() + 3_600_000}-0`;
    await rekey.redis.xadd('{spec}:events', far, 'event', '{"type":"none"}');
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(keys.freshness().upToDate).toBe(true);
    await rekey.redis.xdel('{spec}:events', far);
    await rekey.redis.call('XSETID', '{spec}:events', position);
    await rekey.publish('ast_1', 'sk_hidden');
    const publishedMs = performance.now();
    let provenMs = 0;
    await until(() => {
      if ((keys.current('ast_1') as { secretKey?: string }).secretKey === 'sk_hidden') return true;
      provenMs = performance.now() - keys.freshness().behindMs;
      return false;
    }, 'the key');
    expect(provenMs).toBeLessThan(publishedMs);
  });

  it('continue after an outage of Redis', async () => {
    const keys = await begin(1000);
    const { instance } = keys.freshness();
    proxy.refuse(true);
    await rekey.publish('ast_1', 'sk_new');
    await until(() => !keys.freshness().connected, 'the fault');
    proxy.refuse(false);
    const last = await lastEntry();
    await until(async () => (await rekey.acks(instance)).at(-1)?.position === last, 'the position');
    expect((await rekey.acks(instance)).at(-1)).toMatchObject({ seq: 2, keys: 1 });
  });

  it('that Redis rejects do not prevent new keys', async () => {
    await rekey.redis.acl('SETUSER', 'reader', 'on', '>word', '~*', '&*', '+@all', '-xadd');
    const keys = await subscribe({
      redis: `redis://reader:word@127.0.0.1:${server.port}`,
      consumer: 'billing',
      prefix: 'spec',
      privateKey,
      leaseMs: 1000,
    });
    open.push(keys);
    const heard = next(keys, 'key');
    await rekey.publish('ast_1', 'sk_new');
    expect(await heard).toMatchObject({ secretKey: 'sk_new' });
    expect(keys.freshness()).toMatchObject({ connected: true, upToDate: true, acknowledging: false });
    expect(await rekey.acks()).toEqual([]);
    await rekey.redis.acl('SETUSER', 'reader', '+xadd');
    await until(() => keys.freshness().acknowledging, 'they are taken');
  });

  it('stop when the consumer is removed', async () => {
    const keys = await begin(1000);
    const { instance } = keys.freshness();
    const revoked = next(keys, 'revoked');
    await rekey.remove('billing');
    await revoked;
    const before = (await rekey.acks(instance)).length;
    await keys.close();
    expect((await rekey.acks(instance)).length).toBe(before);
  });

  it('are unsigned in the shared stream for a Rekey of before, and signed once it verifies', async () => {
    await rekey.remove('billing');
    privateKey = await rekey.enrol('billing', { signs: false });
    await rekey.finishEnrolling('billing');
    const keys = await begin(1000);
    const snapshots: unknown[] = [];
    keys.on('snapshot', (event) => void snapshots.push(event));
    await until(async () => (await rekey.redis.xlen('{spec}:acks')) > 1, 'the unsigned ones');
    const [[, fields]] = (await rekey.redis.xrange('{spec}:acks', '-', '+')) as [[string, string[]]];
    expect(fields.map((text, i) => (i % 2 === 0 ? text : ''))).toEqual(['ack', '']);
    expect(await rekey.redis.exists('{spec}:acks:billing')).toBe(0);

    const before = (await rekey.consumers.get('billing'))!;
    const shared = parseSharedKeys(await rekey.sealer.openOwn(before.consumer.kept, 'kept'));
    const after = { ...before.consumer, ack_key: acknowledgementKeyOf(shared) };
    await rekey.consumers.write('billing', before, after);
    const { instance } = keys.freshness();
    await until(async () => (await rekey.acks(instance)).length > 0, 'the signed ones');
    const proving = (await rekey.consumers.get('billing'))!;
    await rekey.consumers.write('billing', proving, { ...proving.consumer, proves: true });
    const length = await rekey.redis.xlen('{spec}:acks:billing');
    const now = () => rekey.redis.xlen('{spec}:acks:billing');
    await until(async () => (await now()) > length + 2, 'more of them');
    const numbers = (await rekey.acks(instance)).map(({ number }) => number!);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
    // Nothing that is held depends on how acknowledgements are verified.
    expect(snapshots).toEqual([]);
  });

  it('go to the stream of this consumer only', async () => {
    await begin();
    await until(async () => (await rekey.acks()).length > 0, 'the first');
    expect(await rekey.redis.keys('{spec}:acks*')).toEqual(['{spec}:acks:billing']);
  });
});
