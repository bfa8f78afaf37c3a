import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTcpProxy, inCheck, startRedis, type RedisServer, type TcpProxy } from '@rekey/testing';
import { subscribe, type Keys, type KeysEvents, type SubscribeOptions } from '../index.ts';
import type { Publisher } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { next, until } from '../wait-fixture.ts';
import { itOverRedis, transportTo } from '../transport-fixture.ts';

let server: RedisServer;
let proxy: TcpProxy;
let rekey: Publisher;
let privateKey: { keys: object[] };
let keys: Keys;
beforeEach(async () => {
  server = await startRedis({ persistence: 'always' });
  proxy = await createTcpProxy({ port: server.port });
  rekey = createPublisher(server.url);
  privateKey = await rekey.enrol('billing');
  for (const id of ['ast_1', 'ast_2', 'ast_3']) await rekey.publish(id, `${id} old`);
});
afterEach(async () => {
  await keys.close();
  rekey.close();
  await proxy.close();
  await server.dispose();
});

const begin = async (options: Partial<SubscribeOptions> = {}) => {
  keys = await subscribe({
    ...(await transportTo(`redis://127.0.0.1:${proxy.port}`)),
    consumer: 'billing',
    prefix: 'spec',
    privateKey,
    staleAfterMs: 1000,
    ...options,
  });
};
const held = () =>
  Object.fromEntries(
    [...keys.assistantIds()].map((id) => [id, (keys.current(id) as { secretKey?: string }).secretKey]),
  );
const holds = (id: string, secretKey: string) =>
  until(() => held()[id] === secretKey, `${id} is ${secretKey}`);
const record = <E extends keyof KeysEvents>(event: E): KeysEvents[E][0][] => {
  const heard: KeysEvents[E][0][] = [];
  keys.on(event, ((what: KeysEvents[E][0]) => heard.push(what)) as never);
  return heard;
};
const old = { ast_1: 'ast_1 old', ast_2: 'ast_2 old', ast_3: 'ast_3 old' };

describe('while Redis is away', () => {
  it('keys stay usable, their staleness is reported, and nothing is missed afterwards', async () => {
    await begin();
    expect(keys.freshness()).toMatchObject({
      upToDate: true,
      staleForMs: undefined,
      connected: true,
      revoked: false,
      snapshotDue: undefined,
    });
    const stale = next(keys, 'stale');
    await server.kill();
    expect(await stale).toMatchObject({ upToDate: false, connected: false, fault: expect.any(String) });
    expect(keys.freshness().behindMs).toBeGreaterThan(1000);
    expect(keys.freshness().staleForMs).toBeGreaterThan(0);
    expect(held()).toEqual(old);
    const [fresh, snapshot] = [next(keys, 'fresh'), next(keys, 'snapshot')];
    await server.restart();
    await rekey.publish('ast_1', 'new');
    expect(await snapshot).toMatchObject({ reason: 'other-redis' });
    expect(await fresh).toMatchObject({ upToDate: true, connected: true });
    await holds('ast_1', 'new');
    expect(held()).toEqual({ ...old, ast_1: 'new' });
  });

  it('a connection that breaks repeatedly loses nothing, and causes no snapshot', async () => {
    await begin();
    const snapshots = record('snapshot');
    for (let i = 0; i < 8; i += 1) {
      proxy.cut();
      await rekey.publish('ast_1', `new ${i}`);
    }
    await holds('ast_1', 'new 7');
    expect(snapshots).toEqual([]);
  });

  it('a network that drops everything is detected and survived', async () => {
    await begin();
    proxy.stall(true);
    const stale = next(keys, 'stale');
    await rekey.publish('ast_1', 'new');
    expect((await stale).behindMs).toBeGreaterThan(1000);
    await until(() => !keys.freshness().connected, 'the connection is closed', 12_000);
    expect(held()).toEqual(old);
    proxy.cut();
    proxy.stall(false);
    await holds('ast_1', 'new');
    await until(() => keys.freshness().upToDate, 'fresh');
  });

  it('the consumer waits for a frozen Redis', async () => {
    await begin();
    server.freeze();
    await next(keys, 'stale');
    server.thaw();
    await rekey.publish('ast_1', 'new');
    await holds('ast_1', 'new');
    await until(() => keys.freshness().upToDate, 'fresh', 1000);
    expect(held()).toEqual({ ...old, ast_1: 'new' });
  });

  it('the consumer retries while Redis refuses connections', async () => {
    await begin();
    proxy.refuse(true);
    await next(keys, 'stale');
    await rekey.publish('ast_1', 'new');
    proxy.refuse(false);
    await holds('ast_1', 'new');
    expect(held()).toEqual({ ...old, ast_1: 'new' });
  });

  it('freshness does not depend on the wall clock', async () => {
    await begin();
    const now = Date.now;
    Date.now = () => now() + 3_600_000;
    const ahead = keys.freshness();
    Date.now = () => now() - 3_600_000;
    const back = keys.freshness();
    Date.now = now;
    for (const { upToDate, behindMs } of [ahead, back])
      expect([upToDate, behindMs >= 0 && behindMs < 1000]).toEqual([true, true]);
  });

  it('an interrupted snapshot is taken again, and held keys stay meanwhile', async () => {
    await begin();
    for (let i = 0; i < 200; i += 1) await rekey.publish(`many_${i}`, `sk of ${i}`);
    await until(() => keys.size === 203, 'all');
    const snapshot = next(keys, 'snapshot');
    const cut = proxy.once('zscan', 'before', () => {});
    await rekey.redis.incr('{spec}:seq');
    await rekey.publish('ast_1', 'new');
    await cut;
    expect(keys.size).toBe(203);
    await snapshot;
    expect([keys.size, held()['ast_1']]).toEqual([203, 'new']);
  });
});

describe('if events were missed', () => {
  it('a gap in their numbers causes a snapshot', async () => {
    await begin();
    const snapshot = next(keys, 'snapshot');
    // Published, and then lost from the stream.
    await rekey.publish('ast_1', 'missed');
    await rekey.redis.multi().xtrim('{spec}:events', 'MAXLEN', 0).exec();
    await rekey.redis.incr('{spec}:seq');
    await rekey.publish('ast_2', 'new');
    expect((await snapshot).keys).toBe(3);
    expect(held()).toEqual({ ...old, ast_1: 'missed', ast_2: 'new' });
  });

  it('a stream that was trimmed during an outage causes a snapshot, even if no event follows', async () => {
    await begin();
    const snapshot = next(keys, 'snapshot');
    proxy.refuse(true);
    await rekey.publish('ast_1', 'missed');
    await rekey.redis.xtrim('{spec}:events', 'MAXLEN', 0);
    proxy.refuse(false);
    expect(await snapshot).toMatchObject({ reason: 'trimmed' });
    expect(held()).toEqual({ ...old, ast_1: 'missed' });
    await rekey.publish('ast_1', 'new');
    await holds('ast_1', 'new');
  });

  it('a stream that is trimmed behind the position, or empty, causes no snapshot', async () => {
    await begin({ leaseMs: 1000 });
    const snapshots = record('snapshot');
    await rekey.redis.xtrim('{spec}:events', 'MAXLEN', 0);
    const before = (await rekey.acks()).length;
    await until(async () => (await rekey.acks()).length > before + 3, 'several checks');
    await rekey.publish('ast_1', 'new');
    await holds('ast_1', 'new');
    expect(snapshots).toEqual([]);
  });

  it('a consumer can start on an emptied stream, or one whose last entry was deleted', async () => {
    const last = (await rekey.redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1))[0]![0];
    await rekey.redis.xdel('{spec}:events', last);
    await begin({ leaseMs: 1000 });
    expect(keys.freshness()).toMatchObject({ position: last, seq: 0 });
    const snapshots = record('snapshot');
    await until(async () => (await rekey.acks()).length > 3, 'several checks');
    await rekey.publish('ast_1', 'new');
    await holds('ast_1', 'new');
    expect(snapshots).toEqual([]);
  });

  it('endless forged gaps block neither held keys nor new ones', async () => {
    await begin();
    let seq = 1_000_000;
    const forge = setInterval(() => void rekey.put({ type: 'x', data: { seq: (seq += 10) } }), 5);
    for (let i = 0; i < 20; i += 1) {
      await rekey.publish('ast_1', `new ${i}`);
      await holds('ast_1', `new ${i}`);
    }
    clearInterval(forge);
    await until(() => keys.freshness().upToDate && keys.freshness().snapshotDue === undefined, 'quiet');
    expect(held()).toEqual({ ...old, ast_1: 'new 19' });
  });
});

describe('if Redis is another one', () => {
  const backup = async () => {
    const names = await rekey.redis.keys('{spec}:*');
    return Promise.all(names.map(async (name) => [name, (await rekey.redis.dumpBuffer(name))!] as const));
  };
  const restore = async (kept: Awaited<ReturnType<typeof backup>>) => {
    for (const [name, dump] of kept) await rekey.redis.restore(name, 0, dump, 'REPLACE');
  };

  itOverRedis(
    'restored from a backup, no version goes back, lost keys are kept, and new ones count',
    async () => {
      const kept = await backup();
      await begin({ leaseMs: 1000 });
      await rekey.publish('ast_1', 'after the backup');
      await rekey.publish('ast_4', 'after it, too');
      await holds('ast_4', 'after it, too');
      const revoked = next(keys, 'revoked');
      await rekey.redis.flushall();
      expect(await revoked).toMatchObject({ reason: 'not-registered' });
      expect(keys.freshness()).toMatchObject({ revoked: true, upToDate: false });
      const snapshot = next(keys, 'snapshot');
      await restore(kept);
      await snapshot;
      expect(held()).toEqual({ ...old, ast_1: 'after the backup', ast_4: 'after it, too' });
      await rekey.publish('ast_1', 'new');
      await holds('ast_1', 'new');
      await until(() => keys.freshness().upToDate, 'fresh', 1000);
      expect(keys.freshness()).toMatchObject({ revoked: false, fault: undefined, snapshotDue: undefined });
    },
  );

  it('that lost its last seconds, it receives no acknowledgement of what was lost', async () => {
    await begin();
    const kept = await backup();
    await rekey.publish('ast_1', 'lost');
    await holds('ast_1', 'lost');
    const { instance, position } = keys.freshness();
    await until(async () => (await rekey.acks(instance)).at(-1)?.position === position, 'acknowledged');
    const snapshot = next(keys, 'snapshot');
    proxy.refuse(true);
    await rekey.redis.flushall();
    await restore(kept);
    await server.kill();
    await server.restart();
    proxy.refuse(false);
    await snapshot;
    await until(async () => (await rekey.acks(instance)).length > 0, 'acknowledged anew');
    expect((await rekey.acks(instance)).every((ack) => ack.position !== position)).toBe(true);
    expect(held()['ast_1']).toBe('lost');
  });

  it('an uncertainty that Redis no longer knows has ended', async () => {
    await begin();
    const kept = await backup();
    await rekey.makeUncertain('ast_1');
    await until(() => keys.current('ast_1')!.uncertain, 'the uncertainty');
    const certain = next(keys, 'certain');
    proxy.refuse(true);
    await rekey.redis.flushall();
    await restore(kept);
    await server.kill();
    await server.restart();
    proxy.refuse(false);
    expect(await certain).toMatchObject({ assistantId: 'ast_1', uncertain: false, secretKey: 'ast_1 old' });
  });
});

describe('a consumer', () => {
  it('that is removed gets an event, signs with unrotated keys, and gets no new ones', async () => {
    await begin();
    const revoked = next(keys, 'revoked');
    await rekey.remove('billing');
    expect(await revoked).toMatchObject({
      reason: 'not-registered',
      message: expect.stringContaining('rekey consumer add billing'),
    });
    expect(held()).toEqual(old);
    const unreadable = next(keys, 'unreadable');
    await rekey.publish('ast_1', 'secret');
    expect(await unreadable).toMatchObject({ assistantId: 'ast_1' });
    expect(held()).toEqual({ ...old, ast_1: undefined });
    expect(keys.signUserHash('ast_2', 'u')).toMatch(/^[0-9a-f]{64}$/);
    expect(keys.freshness()).toMatchObject({ revoked: true, upToDate: false, connected: true });
  });

  it('that is added again with the same key continues', async () => {
    await begin();
    const { consumer } = (await rekey.consumers.get('billing'))!;
    const revoked = next(keys, 'revoked');
    await rekey.remove('billing');
    await revoked;
    const snapshot = next(keys, 'snapshot');
    await rekey.consumers.write('billing', undefined, consumer, { reseals: true });
    await rekey.publish('ast_1', 'new');
    expect(await snapshot).toMatchObject({ reason: 'reinstated' });
    await holds('ast_1', 'new');
    await until(() => keys.freshness().upToDate, 'fresh', 1000);
    expect(keys.freshness()).toMatchObject({ revoked: false, fault: undefined, snapshotDue: undefined });
  });

  it('that is added again with another key reports that', async () => {
    await begin();
    const revoked = next(keys, 'revoked');
    await rekey.remove('billing');
    await revoked;
    const other = next(keys, 'revoked');
    await rekey.enrol('billing');
    expect(await other).toMatchObject({ reason: 'wrong-key-file' });
    expect(held()).toEqual(old);
  });

  it('that may read fewer orgs drops the keys of the others', async () => {
    await rekey.publish('ast_x', 'sk_x', { orgId: 'org_2' });
    await begin();
    expect(keys.size).toBe(4);
    const withdrawn = next(keys, 'removed');
    const before = (await rekey.consumers.get('billing'))!;
    await rekey.consumers.write(
      'billing',
      before,
      { ...before.consumer, orgs: ['org_1'] },
      { reseals: true, emit: 'ACTIVE' },
    );
    expect(await withdrawn).toMatchObject({ assistantId: 'ast_x', removal: 'withdrawn' });
    expect(held()).toEqual(old);
    expect(keys.current('ast_x')).toBeUndefined();
  });

  it('drops keys that are no longer sealed for it, and none whose record was deleted', async () => {
    await rekey.publish('ast_4', 'kept');
    await begin();
    await rekey.removeKey('ast_1', 'deleted');
    await until(() => keys.size === 3, 'the removal');
    const snapshot = next(keys, 'snapshot');
    const event = await rekey.currentEvent('ast_2');
    event.data.sealed.recipients.splice(1);
    await rekey.redis.set('{spec}:current:ast_2', JSON.stringify(event));
    await rekey.redis.del('{spec}:current:ast_4');
    await rekey.redis.incr('{spec}:seq');
    await rekey.publish('ast_3', 'new');
    await snapshot;
    expect(held()).toEqual({ ast_1: undefined, ast_3: 'new', ast_4: 'kept' });
    expect(keys.current('ast_1')).toMatchObject({ state: 'removed', removal: 'deleted' });
  });
});

describe('long events', () => {
  const LONG = 'k'.repeat(2_000_000);
  const connected = () => until(() => keys.freshness().connected, 'connected');

  const obstacles: [name: string][] = [
    ['a slow network'],
    ['a Redis that closes a connection with long answers'],
  ];
  it.each(inCheck(['a slow network'], obstacles))(
    'are read over %s without a snapshot',
    async (what) => {
      await begin();
      const snapshots = record('snapshot');
      proxy.refuse(true);
      for (let i = 0; i < 12; i += 1) await rekey.publish('ast_1', `${LONG} ${i}`);
      await rekey.publish('ast_2', 'new');
      if (what === 'a slow network') proxy.throttle(3_000_000);
      else await rekey.redis.config('SET', 'client-output-buffer-limit', 'normal 10mb 10mb 1');
      proxy.refuse(false);
      await until(() => held()['ast_2'] === 'new', 'it has caught up', 60_000);
      expect(held()['ast_1']).toBe(`${LONG} 11`);
      expect(snapshots).toEqual([]);
      await connected();
    },
    90_000,
  );

  // A gateway reads a hundred records at once: of 2 MB each, they take longer than it waits for Redis.
  itOverRedis.each(inCheck(['a Redis that closes a connection with long answers'], obstacles))(
    'are read in a snapshot over %s',
    async (what) => {
      for (let i = 0; i < 12; i += 1) await rekey.publish(`ast_long_${i}`, `${LONG} ${i}`);
      await rekey.publish('ast_2', 'new');
      if (what === 'a slow network') proxy.throttle(3_000_000);
      else await rekey.redis.config('SET', 'client-output-buffer-limit', 'normal 10mb 10mb 1');
      await begin({ readyTimeoutMs: 60_000 });
      expect(keys.size).toBe(15);
      expect(held()['ast_long_11']).toBe(`${LONG} 11`);
    },
    90_000,
  );
});
