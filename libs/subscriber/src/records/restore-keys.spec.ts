import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTcpProxy, startRedis, type RedisServer, type TcpProxy } from '@rekey/testing';
import { subscribe, type HeldKey, type Keys, type RemovedKey, type UnreadableKey } from '../index.ts';
import type { Publisher } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { next, until } from '../wait-fixture.ts';

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
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((keys) => keys.close()));
  rekey.close();
  await proxy.close();
});
const begin = async (keys: Iterable<HeldKey | RemovedKey | UnreadableKey>, provenAt = new Date()) => {
  const begun = await subscribe({
    redis: `redis://127.0.0.1:${proxy.port}`,
    consumer: 'billing',
    prefix: 'spec',
    privateKey,
    restore: { keys, provenAt },
    readyTimeoutMs: 500,
  });
  open.push(begun);
  return begun;
};
const held = (assistantId: string, version: number, secretKey: string): HeldKey => ({
  state: 'held',
  assistantId,
  orgId: 'org_1',
  version,
  secretKey,
  cause: 'import',
  updatedAt: '2026-11-01T00:00:00.000Z',
  uncertain: false,
});

describe('restored keys', () => {
  it('sign while Redis is away, count as stale, and say how old they are', async () => {
    await proxy.close();
    const beganMs = performance.now();
    const removed = { ...held('ast_2', 5, ''), state: 'removed', removal: 'no-key' } as const;
    const unreadable = { ...held('ast_3', 5, ''), state: 'unreadable', claimedVersion: 9 } as const;
    const keys = await begin(
      [{ ...held('ast_1', 5, 'sk_1'), uncertain: true }, removed, unreadable],
      new Date(Date.now() - 60_000),
    );
    expect(keys.signUserHashWithVersion('ast_1', 'user')).toMatchObject({ version: 5, uncertain: true });
    expect(() => keys.signUserHash('ast_2', 'user')).toThrow(
      expect.objectContaining({ code: 'KEY_REMOVED' }),
    );
    expect(() => keys.signUserHash('ast_3', 'user')).toThrow(
      expect.objectContaining({ code: 'NOT_READABLE_ANY_MORE' }),
    );
    expect(keys.current('ast_3')).toMatchObject({ state: 'unreadable', version: 5, claimedVersion: 9 });
    expect(keys.size).toBe(1);
    const { behindMs, ...freshness } = keys.freshness();
    expect(freshness).toMatchObject({ upToDate: false, restored: true, connected: false });
    expect(behindMs).toBeGreaterThanOrEqual(60_000);
    expect(behindMs).toBeLessThan(70_000);
    // Longer than readyTimeoutMs, after which `subscribe` would reject without them.
    await until(() => performance.now() - beganMs > 600, 'the time-out');
    expect(keys.signUserHashWithVersion('ast_1', 'user').version).toBe(5);
  });

  it('are never up to date, even if their time is in the future', async () => {
    await proxy.close();
    const keys = await begin([held('ast_1', 5, 'sk_1')], new Date(Date.now() + 3_600_000));
    expect(keys.freshness()).toMatchObject({ upToDate: false, restored: true });
    expect(keys.freshness().behindMs).toBeLessThan(5000);
  });

  it('are replaced by newer versions only, and are fresh after the first snapshot', async () => {
    const older = await rekey.publish('ast_1', 'sk_old');
    const newer = await rekey.publish('ast_2', 'sk_new');
    await rekey.publish('ast_3', 'sk_3', { orgId: 'org_2' });
    const keys = await begin([
      held('ast_1', older + 1_000_000, 'sk_of_cache'),
      held('ast_2', newer - 1, 'sk_of_cache'),
    ]);
    await next(keys, 'fresh');
    expect(keys.current('ast_1')).toMatchObject({ secretKey: 'sk_of_cache', version: older + 1_000_000 });
    expect(keys.current('ast_2')).toMatchObject({ secretKey: 'sk_new', version: newer });
    expect(keys.current('ast_3')).toMatchObject({ secretKey: 'sk_3' });
    expect(keys.freshness()).toMatchObject({ upToDate: true, restored: false, revoked: false });
    await until(async () => (await rekey.acks()).length > 0, 'an acknowledgement');
    expect((await rekey.acks())[0]).toMatchObject({ seq: 3 });
  });

  it('of the future are replaced by the current record, as at a start without them', async () => {
    const version = await rekey.publish('ast_1', 'sk_1');
    const keys = await begin([held('ast_1', version + 3_600_000_000, 'sk_of_cache')]);
    await next(keys, 'fresh');
    expect(keys.current('ast_1')).toMatchObject({ secretKey: 'sk_1', version });
    expect(keys.unapplied.count).toBe(0);
  });

  it('of a consumer that Rekey no longer has are reported as revoked', async () => {
    await rekey.remove('billing');
    const keys = await begin([held('ast_1', 5, 'sk_1')]);
    expect(await next(keys, 'revoked')).toMatchObject({ reason: 'not-registered' });
    expect(keys.freshness()).toMatchObject({ upToDate: false, restored: true, revoked: true });
    expect(keys.signUserHashWithVersion('ast_1', 'user').version).toBe(5);
  });
});
