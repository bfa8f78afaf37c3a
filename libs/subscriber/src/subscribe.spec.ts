import { createHmac } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateConsumerKey } from '@rekey/sealing';
import { freePort, startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { subscribe, type KeyEvent, type Keys, type SubscribeOptions } from './index.ts';
import type { Publisher } from './publisher-fixture.ts';
import { createPublisher } from './subscriber-fixture.ts';
import { next, until } from './wait-fixture.ts';

let server: RedisServer;
let rekey: Publisher;
const open: Keys[] = [];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.dispose());
beforeEach(async () => {
  rekey = createPublisher(server.url);
  await rekey.redis.flushall();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((keys) => keys.close()));
  rekey.close();
});

const subscribed = async (
  options: Partial<SubscribeOptions> & Pick<SubscribeOptions, 'privateKey'>,
): Promise<Keys> => {
  const keys = await subscribe({ redis: server.url, consumer: 'billing', prefix: 'spec', ...options });
  open.push(keys);
  return keys;
};
const hash = (secretKey: string, userId: string) =>
  createHmac('sha256', secretKey).update(userId).digest('hex');
const failure = (options: Partial<SubscribeOptions> & Pick<SubscribeOptions, 'privateKey'>) =>
  subscribed(options).then(
    () => ({ code: 'none' }),
    (error: { code: string; message: string }) => error,
  );

describe('subscribe', () => {
  it('holds the last version of all published keys, also of more than a page', async () => {
    const privateKey = await rekey.enrol('billing');
    for (let i = 0; i < 650; i += 1) await rekey.publish(`ast_${i}`, `sk_${i}`, { orgId: `org_${i % 3}` });
    const version = await rekey.publish('ast_7', 'sk_new', { orgId: 'org_1', cause: 'rotation' });
    const keys = await subscribed({ privateKey });
    expect(keys.size).toBe(650);
    for (let i = 0; i < 650; i += 1)
      expect(keys.current(`ast_${i}`)).toMatchObject({
        state: 'held',
        orgId: `org_${i % 3}`,
        secretKey: i === 7 ? 'sk_new' : `sk_${i}`,
      });
    expect(keys.current('ast_7')).toEqual({
      state: 'held',
      assistantId: 'ast_7',
      orgId: 'org_1',
      version,
      secretKey: 'sk_new',
      cause: 'rotation',
      updatedAt: expect.stringMatching(/^20..-/),
      uncertain: false,
    });
    expect(keys.current('ast_none')).toBeUndefined();
    expect([...keys.assistantIds()]).toHaveLength(650);
  });

  it('is ready if nothing was published, and gets the first key', async () => {
    const keys = await subscribed({ privateKey: await rekey.enrol('billing') });
    expect([keys.size, keys.freshness().position, keys.freshness().seq]).toEqual([0, '0-0', 0]);
    const heard = next(keys, 'key');
    await rekey.publish('ast_1', 'sk_1');
    expect(await heard).toMatchObject({ assistantId: 'ast_1', secretKey: 'sk_1' });
  });

  it.each(['X25519', 'P-256', 'shared'] as const)('works with a key of kind %s', async (type) => {
    const privateKey = await rekey.enrol('billing', { type });
    await rekey.publish('ast_1', 'sk_1');
    expect((await subscribed({ privateKey })).current('ast_1')).toMatchObject({ secretKey: 'sk_1' });
  });

  it('holds only the orgs that it may read', async () => {
    const privateKey = await rekey.enrol('billing', { orgs: ['org_1', 'org_empty'] });
    await rekey.publish('ast_1', 'sk_1');
    await rekey.publish('ast_2', 'sk_2', { orgId: 'org_2' });
    const keys = await subscribed({ privateKey });
    expect([...keys.assistantIds()]).toEqual(['ast_1']);
    const heard = next(keys, 'key');
    await rekey.publish('ast_2', 'sk_3', { orgId: 'org_2' });
    await rekey.publish('ast_1', 'sk_4');
    expect(await heard).toMatchObject({ assistantId: 'ast_1' });
    expect([keys.size, keys.unapplied.count]).toEqual([1, 0]);
  });

  it('supports ids with a special meaning in Redis keys', async () => {
    const privateKey = await rekey.enrol('billing');
    await rekey.publish('ast:{1} ä', 'sk_1', { orgId: 'org:é' });
    expect((await subscribed({ privateKey })).current('ast:{1} ä')).toMatchObject({
      orgId: 'org:é',
      secretKey: 'sk_1',
    });
  });

  it('knows which keys are uncertain, and which assistants no longer have a key', async () => {
    const privateKey = await rekey.enrol('billing');
    for (const id of ['ast_1', 'ast_2', 'ast_3']) await rekey.publish(id, `sk_${id}`);
    await rekey.makeUncertain('ast_1');
    await rekey.removeKey('ast_2');
    await rekey.removeKey('ast_3', 'deleted');
    const keys = await subscribed({ privateKey });
    expect(keys.current('ast_1')).toMatchObject({ state: 'held', uncertain: true });
    expect(keys.current('ast_2')).toMatchObject({ state: 'removed', removal: 'no-key' });
    // It is in no list any more: a consumer that never held it does not learn of it.
    expect(keys.current('ast_3')).toBeUndefined();
    expect(keys.size).toBe(1);
  });

  it('accepts a connection with any options, and neither uses nor closes it', async () => {
    const privateKey = await rekey.enrol('billing');
    await rekey.publish('ast_1', 'sk_1');
    const own = new Redis(server.url, {
      keyPrefix: 'mine:',
      commandTimeout: 50,
      enableOfflineQueue: false,
      lazyConnect: true,
      stringNumbers: true,
    });
    const keys = await subscribed({ redis: own, privateKey });
    expect(keys.current('ast_1')).toMatchObject({ secretKey: 'sk_1' });
    expect(own.status).toBe('wait');
    await keys.close();
    await own.connect();
    expect(await own.ping()).toBe('PONG');
    own.disconnect();
  });

  it('accepts options for a connection', async () => {
    const privateKey = await rekey.enrol('billing');
    await rekey.publish('ast_1', 'sk_1');
    expect((await subscribed({ redis: { host: '127.0.0.1', port: server.port }, privateKey })).size).toBe(1);
  });

  it('waits for its enrolment', async () => {
    await rekey.publish('ast_1', 'sk_1');
    const privateKey = await rekey.enrol('billing', { state: 'ENROLLING' });
    const starting = subscribed({ privateKey });
    await rekey.finishEnrolling('billing');
    expect((await starting).current('ast_1')).toMatchObject({ secretKey: 'sk_1' });
  });

  it('waits for a Redis that is not running yet', async () => {
    const port = await freePort();
    const starting = failure({
      redis: `redis://127.0.0.1:${port}`,
      privateKey: await rekey.enrol('billing'),
    });
    const late = await startRedis({ port });
    try {
      expect(await starting).toMatchObject({ code: 'NOT_REGISTERED' });
    } finally {
      await late.dispose();
    }
  });
});

describe('subscribe rejects', () => {
  const without = ({ keys }: { keys: object[] }, use: string) => ({
    keys: keys.filter((jwk) => (jwk as { use?: string }).use !== use),
  });

  it.each(['PENDING', 'ENROLLING'] as const)('if the enrolment stays %s', async (state) => {
    const error = await failure({ privateKey: await rekey.enrol('billing', { state }), readyTimeoutMs: 600 });
    expect(error).toMatchObject({
      name: 'SubscribeError',
      code: 'NOT_READY',
      retry: true,
      message: expect.stringContaining(state),
    });
  });

  it('if the consumer was not added', async () => {
    const error = await failure({ privateKey: await rekey.enrol('crm') });
    expect(error).toMatchObject({
      code: 'NOT_REGISTERED',
      retry: false,
      message: expect.stringContaining('rekey consumer add billing'),
    });
  });

  it('a key file of another consumer', async () => {
    await rekey.enrol('billing');
    expect(await failure({ privateKey: await rekey.enrol('crm') })).toMatchObject({
      code: 'WRONG_KEY_FILE',
      message: expect.stringContaining('made for another'),
    });
  });

  it('the public key of another Rekey', async () => {
    const other = createPublisher(server.url);
    const { keys } = await rekey.enrol('billing');
    expect(await failure({ privateKey: { keys: [keys[0]!, other.sealer.publicJwk] } })).toMatchObject({
      code: 'WRONG_KEY_FILE',
      message: expect.stringContaining('not signed by the Rekey'),
    });
    other.close();
  });

  it('a key file without a public key of Rekey, and one without a private key', async () => {
    const keys = await rekey.enrol('billing');
    expect(await failure({ privateKey: without(keys, 'sig') })).toMatchObject({
      code: 'NO_REKEY_KEY',
      message: expect.stringContaining('rekey key-file public'),
    });
    expect(await failure({ privateKey: without(keys, 'enc') })).toMatchObject({
      code: 'BAD_KEY_FILE',
      message: expect.stringContaining('use "enc"'),
    });
    const { d, ...publicPart } = (keys.keys as { d?: string }[])[0]!;
    const error = await failure({ privateKey: { keys: [publicPart, keys.keys[1]!] } });
    expect(error).toMatchObject({
      code: 'BAD_KEY_FILE',
      message: expect.stringContaining('only the public part'),
    });
    expect(String(error)).not.toContain(d);
  });

  it('the key file of Rekey itself', async () => {
    const { keys } = await rekey.enrol('billing');
    const privateKey = {
      keys: [keys[0]!, { kty: 'OKP', crv: 'Ed25519', use: 'sig', kid: 'x', x: 'AAAA', d: 'BBBB' }],
    };
    expect(await failure({ privateKey })).toMatchObject({
      code: 'BAD_KEY_FILE',
      message: expect.stringContaining('key file of Rekey itself'),
    });
  });

  it('a weak key', async () => {
    const privateKey = {
      keys: [{ kty: 'oct', use: 'enc', k: Buffer.alloc(32).toString('base64url') }, rekey.sealer.publicJwk],
    };
    expect(await failure({ privateKey })).toMatchObject({
      code: 'BAD_KEY_FILE',
      message: expect.stringContaining('not random'),
    });
  });

  it('what is not a key file, and reads a valid one from its text or path', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rekey-subscriber-'));
    const path = join(folder, 'billing.json');
    const privateKey = await rekey.enrol('billing');
    await writeFile(path, 'sk_secret', { mode: 0o600 });
    const error = await failure({ privateKey: path });
    expect(error).toMatchObject({ code: 'BAD_KEY_FILE', message: expect.stringContaining('not JSON') });
    expect(String(error)).not.toContain('sk_secret');
    expect(await failure({ privateKey: join(folder, 'none.json') })).toMatchObject({
      code: 'BAD_KEY_FILE',
      message: expect.stringContaining('does not exist'),
    });
    for (const nothing of ['{}', '{"keys":1}', '{"keys":[null]}'])
      expect(await failure({ privateKey: nothing })).toMatchObject({ code: 'BAD_KEY_FILE' });
    await writeFile(path, JSON.stringify(privateKey));
    expect((await subscribed({ privateKey: path })).size).toBe(0);
    await writeFile(path, `\ufeff${JSON.stringify(privateKey)}`);
    expect((await subscribed({ privateKey: path })).size).toBe(0);
    expect((await subscribed({ privateKey: JSON.stringify(privateKey) })).size).toBe(0);
    await rm(folder, { recursive: true });
  });

  it('a key file that others can read, unless it is mounted, or that others can write', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rekey-subscriber-'));
    const path = join(folder, 'billing.json');
    await writeFile(path, JSON.stringify(await rekey.enrol('billing')));
    await chmod(path, 0o644);
    expect(await failure({ privateKey: path })).toMatchObject({
      code: 'BAD_KEY_FILE',
      message: expect.stringMatching(
        /can be read by other users \(mode 0644\).* set the option mountedKeyFile$/,
      ),
    });
    expect((await subscribed({ privateKey: path, mountedKeyFile: true })).size).toBe(0);
    await chmod(path, 0o646);
    expect(await failure({ privateKey: path, mountedKeyFile: true })).toMatchObject({
      code: 'BAD_KEY_FILE',
      message: expect.stringContaining('can be written by other users (mode 0646)'),
    });
    await rm(folder, { recursive: true });
  });

  it('invalid options', async () => {
    const privateKey = { keys: [await generateConsumerKey('X25519'), rekey.sealer.publicJwk] };
    for (const wrong of [
      { consumer: 'Billing!' },
      { leaseMs: 10 },
      { leaseMs: Number.NaN },
      { staleAfterMs: 1 },
      { prefix: '' },
      { mountedKeyFile: 'yes' as never },
      { readyTimeoutMs: 0 },
      { redis: null as never },
      { privateKey: undefined as never },
    ]) {
      expect(await failure({ privateKey, ...wrong })).toMatchObject({
        code: 'BAD_OPTION',
        message: expect.stringContaining(Object.keys(wrong)[0]!),
      });
    }
  });

  it('if there is no Redis', async () => {
    const redis = `redis://:pass@127.0.0.1:${await freePort()}`;
    const error = await failure({ redis, privateKey: await rekey.enrol('billing'), readyTimeoutMs: 300 });
    expect(error).toMatchObject({
      code: 'REDIS_AWAY',
      retry: true,
      cause: expect.objectContaining({ code: 'ECONNREFUSED' }),
    });
    expect(String(error)).not.toContain('pass');
  });

  it('a wrong Redis password at once', async () => {
    const guarded = await startRedis();
    const privateKey = await rekey.enrol('billing');
    try {
      const owner = new Redis(guarded.url);
      await owner.config('SET', 'requirepass', 'right');
      owner.disconnect();
      for (const password of ['wrong', ''])
        expect(
          await failure({
            redis: `redis://${password && `:${password}@`}127.0.0.1:${guarded.port}`,
            privateKey,
          }),
        ).toMatchObject({ code: 'REDIS_REFUSED' });
    } finally {
      await guarded.dispose();
    }
  });

  it.each([
    'redis://127.0.0.1:1/one',
    'redis://127.0.0.1:1/1x',
    'redis://127.0.0.1:1/-1',
    'redis://h:port',
    { db: 'one' as never },
    { db: Number.NaN },
    { db: -1 },
  ])('a database that is not a number, instead of using another one: %j', async (redis) => {
    const privateKey = { keys: [await generateConsumerKey('X25519'), rekey.sealer.publicJwk] };
    expect(await failure({ redis, privateKey })).toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('redis must name a database by number'),
    });
    if (typeof redis === 'string') return;
    const own = new Redis({ ...redis, lazyConnect: true });
    expect(await failure({ redis: own, privateKey })).toMatchObject({ code: 'BAD_OPTION' });
  });

  it.each([
    ['has no such database', async () => startRedis(), '/99', 'no such database'],
    [
      'is a node of a cluster',
      async () => startRedis({ args: ['--cluster-enabled', 'yes'] }),
      '',
      'Redis Cluster',
    ],
    ['is a Sentinel', async () => startRedis({ sentinel: true }), '', 'Sentinel'],
  ])('a Redis that %s at once', async (_what, start, path, complaint) => {
    const privateKey = await rekey.enrol('billing');
    const other = await start();
    try {
      expect(await failure({ redis: `${other.url}${path}`, privateKey })).toMatchObject({
        code: 'REDIS_REFUSED',
        retry: false,
        message: expect.stringContaining(complaint),
      });
    } finally {
      await other.dispose();
    }
  });

  it('if the service aborts', async () => {
    const privateKey = await rekey.enrol('billing', { state: 'PENDING' });
    await expect(subscribed({ privateKey, signal: AbortSignal.timeout(300) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    await expect(subscribed({ privateKey, signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

describe('a subscriber', () => {
  it('holds a new key at once, emits it, and signs with it', async () => {
    const privateKey = await rekey.enrol('billing');
    const first = await rekey.publish('ast_1', 'sk_1');
    const keys = await subscribed({ privateKey });
    const heard: KeyEvent[] = [];
    keys.on('key', (key) => heard.push(key));
    expect(keys.signUserHashWithVersion('ast_1', 'user-1')).toEqual({
      userHash: hash('sk_1', 'user-1'),
      version: first,
      uncertain: false,
    });
    const second = await rekey.publish('ast_1', 'sk_2', { cause: 'rotation' });
    await until(() => heard.length === 1, 'the event');
    expect(heard[0]).toMatchObject({
      assistantId: 'ast_1',
      orgId: 'org_1',
      version: second,
      secretKey: 'sk_2',
      cause: 'rotation',
      uncertain: false,
    });
    expect(heard[0]!.record()).toEqual({
      id: 'ast_1',
      name: 'An assistant',
      secret_key: 'sk_2',
      new_field: { deep: [1] },
    });
    expect(keys.signUserHash('ast_1', 'Jörg €')).toBe(hash('sk_2', 'Jörg €'));
    expect(keys.signUserHashWithVersion('ast_1', 'user-1').version).toBe(second);
  });

  it('never signs with a removed key, or for an unknown assistant', async () => {
    const privateKey = await rekey.enrol('billing');
    await rekey.publish('ast_1', 'sk_1');
    const keys = await subscribed({ privateKey });
    const removed = next(keys, 'removed');
    const version = await rekey.removeKey('ast_1', 'deleted');
    expect(await removed).toEqual({ assistantId: 'ast_1', orgId: 'org_1', version, removal: 'deleted' });
    const codeOf = (act: () => unknown) => {
      try {
        return act();
      } catch (error) {
        return (error as { code?: string; name: string }).code ?? (error as Error).name;
      }
    };
    expect(codeOf(() => keys.signUserHash('ast_1', 'u'))).toBe('KEY_REMOVED');
    expect(codeOf(() => keys.signUserHashWithVersion('ast_1', 'u'))).toBe('KEY_REMOVED');
    expect(codeOf(() => keys.signUserHash('ast_2', 'u'))).toBe('UNKNOWN_ASSISTANT');
    expect(codeOf(() => keys.signUserHash('__proto__', 'u'))).toBe('UNKNOWN_ASSISTANT');
    expect(keys.current('ast_1')).toMatchObject({ state: 'removed', removal: 'deleted', version });
    expect(keys.current('ast_1')).not.toHaveProperty('secretKey');
    const back = next(keys, 'key');
    await rekey.publish('ast_1', 'sk_3');
    await back;
    expect(codeOf(() => keys.signUserHash('ast_1', 'u'))).toBe(hash('sk_3', 'u'));
    expect(codeOf(() => keys.signUserHash('ast_1', 7 as never))).toBe('TypeError');
    await keys.close();
    expect(codeOf(() => keys.signUserHash('ast_1', 'u'))).toBe('CLOSED');
  });

  it('emits an uncertainty, keeps signing, and emits its end', async () => {
    const privateKey = await rekey.enrol('billing');
    await rekey.publish('ast_1', 'sk_1');
    const keys = await subscribed({ privateKey });
    const doubted = next(keys, 'uncertain');
    await rekey.makeUncertain('ast_1');
    expect(await doubted).toMatchObject({ assistantId: 'ast_1', uncertain: true, secretKey: 'sk_1' });
    expect(keys.signUserHashWithVersion('ast_1', 'u')).toMatchObject({
      userHash: hash('sk_1', 'u'),
      uncertain: true,
    });
    const over = next(keys, 'key');
    await rekey.publish('ast_1', 'sk_1');
    expect(await over).toMatchObject({ secretKey: 'sk_1', uncertain: false });
    expect(keys.signUserHashWithVersion('ast_1', 'u').uncertain).toBe(false);
  });

  it('holds all keys in each process of a consumer', async () => {
    const privateKey = await rekey.enrol('billing');
    const all = await Promise.all([1, 2, 3].map(() => subscribed({ privateKey })));
    for (let i = 0; i < 30; i += 1) await rekey.publish(`ast_${i}`, `sk_${i}`);
    for (const keys of all) await until(() => keys.size === 30, 'all keys');
    expect(new Set(all.map((keys) => keys.freshness().instance)).size).toBe(3);
  });

  it('is not disturbed by a listener that throws, whose error reaches the service', async () => {
    const privateKey = await rekey.enrol('billing');
    const keys = await subscribed({ privateKey });
    const thrown = new Promise((resolve) => {
      const queued = globalThis.queueMicrotask;
      globalThis.queueMicrotask = (act) => {
        globalThis.queueMicrotask = queued;
        try {
          act();
        } catch (error) {
          resolve(error);
        }
      };
    });
    keys.once('key', () => {
      throw new Error('of the service');
    });
    await rekey.publish('ast_1', 'sk_1');
    await expect(thrown).resolves.toMatchObject({ message: 'of the service' });
    await rekey.publish('ast_1', 'sk_2');
    await until(
      () => keys.current('ast_1')?.state === 'held' && keys.signUserHash('ast_1', 'u') === hash('sk_2', 'u'),
      'the next key',
    );
    expect(keys.freshness().connected).toBe(true);
  });

  it('forgets all keys on close, which is safe to call twice', async () => {
    const privateKey = await rekey.enrol('billing');
    await rekey.publish('ast_1', 'sk_1');
    const keys = await subscribed({ privateKey });
    await Promise.all([keys.close(), keys.close()]);
    await keys.close();
    expect([keys.size, keys.current('ast_1'), keys.freshness().connected]).toEqual([0, undefined, false]);
    expect(await rekey.redis.client('LIST')).not.toContain('rekey:consumer:billing');
  });
});
