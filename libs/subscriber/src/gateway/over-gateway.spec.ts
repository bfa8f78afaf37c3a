import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createRekeyClient, type RekeyClient } from '@rekey/client';
import { createTcpProxy, startRedis, type RedisServer, type TcpProxy } from '@rekey/testing';
import { subscribe, type Keys, type Refusal } from '../index.ts';
import type { Publisher } from '../publisher-fixture.ts';
import { createPublisher } from '../subscriber-fixture.ts';
import { startGateway, type StartedGateway } from '../transport-fixture.ts';
import { next, until } from '../wait-fixture.ts';

/*
 * One Redis, two gateways, and a consumer of one org that reaches the first through a proxy. The tests follow
 * each other: each begins where the one before has ended.
 */

let server: RedisServer;
let rekey: Publisher;
let first: StartedGateway;
let second: StartedGateway;
let proxy: TcpProxy;
let client: RekeyClient;
let privateKey: { keys: object[] };
let keys: Keys;
const refused: Refusal[] = [];

beforeAll(async () => {
  server = await startRedis();
  rekey = createPublisher(server.url);
  privateKey = await rekey.enrol('billing', { orgs: ['org_1'] });
  await rekey.enrol('other', { orgs: ['org_2'] });
  for (const id of ['ast_1', 'ast_2', 'ast_3']) await rekey.publish(id, `${id} old`);
  await rekey.publish('ast_foreign', 'sk_foreign', { orgId: 'org_2' });
  [first, second] = await Promise.all([startGateway(server.url), startGateway(server.url)]);
  proxy = await createTcpProxy({ port: Number(first.address.split(':')[1]) });
  client = createRekeyClient({ address: second.address, retry: false });
  keys = await subscribeAt(`127.0.0.1:${proxy.port}`);
  keys.on('refused', (refusal) => refused.push(refusal));
});
afterAll(async () => {
  jest.restoreAllMocks();
  await keys?.close();
  client?.close();
  await proxy?.close();
  for (const gateway of [first, second]) await gateway?.stop();
  rekey.close();
  await server.dispose();
});

const subscribeAt = (address: string): Promise<Keys> =>
  subscribe({ gateway: { address }, consumer: 'billing', privateKey, leaseMs: 1000, staleAfterMs: 1500 });
const hashOf = (secretKey: string) => createHmac('sha256', secretKey).update('user').digest('hex');
const sign = (id: string): string => {
  try {
    return keys.signUserHash(id, 'user');
  } catch (error) {
    return (error as { code: string }).code;
  }
};
const lastEntry = async () => (await rekey.redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1))[0]![0];
/** Resolves when the subscriber has come to the end of the stream. */
const atEnd = () =>
  until(async () => keys.freshness().position === (await lastEntry()), 'the end of the stream');
const snapshots = () => {
  const reasons: string[] = [];
  keys.on('snapshot', ({ reason }) => reasons.push(reason));
  return reasons;
};

describe('a consumer that follows a gateway', () => {
  it('holds the keys of its orgs, receives new ones, and acknowledges', async () => {
    expect([...keys.assistantIds()].toSorted()).toEqual(['ast_1', 'ast_2', 'ast_3']);
    const seen = next(keys, 'key');
    const version = await rekey.publish('ast_1', 'sk_new');
    expect(await seen).toMatchObject({ assistantId: 'ast_1', version, secretKey: 'sk_new' });
    await until(
      async () => (await rekey.acks(keys.freshness().instance)).at(-1)?.position === (await lastEntry()),
      'the acknowledgement',
    );
  });

  it('comes to the end of a stream of foreign events, and takes no snapshot for their numbers', async () => {
    const reasons = snapshots();
    for (let i = 0; i < 30; i += 1)
      await rekey.publish(`ast_other_${i}`, `sk other ${i}`, { orgId: 'org_2' });
    await rekey.publish('ast_2', 'sk_2 between');
    await rekey.publish('ast_foreign', 'sk_3', { orgId: 'org_2' });
    await atEnd();
    expect(keys.freshness().seq).toBe(Number(await rekey.redis.get('{spec}:seq')));
    expect([sign('ast_2'), keys.size, reasons]).toEqual([hashOf('sk_2 between'), 3, []]);
  });

  it('is shown nothing of other orgs', async () => {
    const shown: unknown[] = [];
    const watch = new AbortController();
    for await (const message of client.watchEvents({ consumer: 'billing', after: '0-0' }, watch)) {
      shown.push(message);
      if (message.entries.at(-1)?.id === (await lastEntry())) break;
    }
    const state = await client.eventsState({ consumer: 'billing', withLastEntries: true });
    const page = await client.eventsSnapshot({ consumer: 'billing' });
    const records = await client.eventRecords({
      consumer: 'billing',
      assistantIds: ['ast_foreign', 'ast_unknown'],
    });
    const texts = JSON.stringify([shown, state, page, records]);
    expect(texts).toContain('ast_1');
    expect(texts).not.toContain('org_2');
    expect(texts).not.toContain('ast_other');
    expect(records).toMatchObject([{ assistantId: 'ast_foreign' }, { assistantId: 'ast_unknown' }]);
    expect(records.map(({ event, withheld }) => event ?? withheld ?? 'nothing')).toEqual([
      'nothing',
      'nothing',
    ]);
  });

  it('refuses a cursor that was forged for another org', async () => {
    const { nextPageToken } = await client.eventsSnapshot({ consumer: 'billing' });
    const [digest] = Buffer.from(nextPageToken, 'base64url').toString().split(' ');
    const forged = Buffer.from(`${digest} r:org_2:0`).toString('base64url');
    const page = await client.eventsSnapshot({ consumer: 'billing', pageToken: forged });
    expect(page.records).toEqual([]);
    await expect(client.eventsSnapshot({ consumer: 'billing', pageToken: 'x' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('counts what is no event, and learns of a gap inside what it is not sent', async () => {
    const reasons = snapshots();
    await rekey.put('not json');
    await rekey.put({
      type: 'rekey.assistant.key-rotated.v1',
      subject: 'x'.repeat(9000),
      data: { version: 5 },
    });
    await until(() => refused.length === 2, 'two refusals');
    expect(refused[1]).toMatchObject({ version: 5 });
    await rekey.redis.incr('{spec}:seq');
    await rekey.publish('ast_foreign', 'after a gap', { orgId: 'org_2' });
    await until(() => reasons.includes('gap'), 'the snapshot');
    await atEnd();
  });

  it('stops signing for an assistant that moves to an org that it may not read', async () => {
    await rekey.publish('ast_3', 'moved', { orgId: 'org_2' });
    await until(() => sign('ast_3') === 'NOT_READABLE_ANY_MORE', 'the end of signing');
    expect(keys.current('ast_3')).toMatchObject({ state: 'unreadable', orgId: 'org_1' });
    const [record] = await client.eventRecords({ consumer: 'billing', assistantIds: ['ast_3'] });
    expect(record).toMatchObject({ withheld: { assistantId: 'ast_3' } });
    expect(JSON.stringify(record)).not.toContain('org_2');
    await rekey.publish('ast_3', 'back', { orgId: 'org_1' });
    await until(() => sign('ast_3') === hashOf('back'), 'the key');
  });

  it('becomes stale if the gateway is frozen, and fresh again, and misses nothing', async () => {
    await until(() => keys.freshness().upToDate, 'fresh keys');
    const stale = next(keys, 'stale');
    first.pause();
    await rekey.publish('ast_1', 'while frozen');
    await stale;
    expect(sign('ast_1')).toBe(hashOf('sk_new'));
    const fresh = next(keys, 'fresh');
    first.resume();
    await fresh;
    await until(() => sign('ast_1') === hashOf('while frozen'), 'the key');
  });

  it('continues at another gateway where it was, without a snapshot', async () => {
    const reasons = snapshots();
    const listenPort = proxy.port;
    await first.stop();
    await proxy.close();
    proxy = await createTcpProxy({ port: Number(second.address.split(':')[1]), listenPort });
    await rekey.publish('ast_foreign', 'meanwhile', { orgId: 'org_2' });
    await rekey.publish('ast_1', 'by the second');
    await until(() => sign('ast_1') === hashOf('by the second'), 'the key');
    await atEnd();
    expect(reasons).toEqual([]);
  });

  it('whose gateway is away for an hour says that it is stale, and then takes a snapshot', async () => {
    await until(() => keys.freshness().upToDate, 'fresh keys');
    const stale = next(keys, 'stale');
    const reasons = snapshots();
    const listenPort = proxy.port;
    await proxy.close();
    await rekey.publish('ast_1', 'within the hour');
    // An hour's events are no longer in the stream.
    await rekey.redis.xtrim('{spec}:events', 'MAXLEN', 0);
    const now = performance.now.bind(performance);
    // It stays later: a clock that goes back is another matter.
    jest.spyOn(performance, 'now').mockImplementation(() => now() + 3_600_000);
    await stale;
    expect(keys.freshness()).toMatchObject({ upToDate: false });
    expect(keys.freshness().behindMs).toBeGreaterThanOrEqual(3_600_000);
    expect(sign('ast_1')).toBe(hashOf('by the second'));
    const fresh = next(keys, 'fresh');
    proxy = await createTcpProxy({ port: Number(second.address.split(':')[1]), listenPort });
    await fresh;
    expect(sign('ast_1')).toBe(hashOf('within the hour'));
    expect(reasons).not.toEqual([]);
  });

  it('that is removed keeps its keys, and stops signing with one that is rotated', async () => {
    const revoked = next(keys, 'revoked');
    await client.removeConsumer('billing');
    expect(await revoked).toMatchObject({ reason: 'not-registered' });
    expect(sign('ast_2')).toBe(hashOf('sk_2 between'));
    await rekey.publish('ast_2', 'not for billing');
    await until(() => sign('ast_2') === 'NOT_READABLE_ANY_MORE', 'the end of signing');
    expect(sign('ast_1')).toBe(hashOf('within the hour'));
  });
});

describe('subscribe over a gateway', () => {
  it('names why it cannot begin', async () => {
    const at = (gateway: object, more: object = {}) =>
      subscribe({
        gateway: gateway as never,
        consumer: 'billing',
        privateKey,
        readyTimeoutMs: 500,
        ...more,
      }).then(
        () => 'begun',
        (error: { code?: string }) => error.code,
      );
    expect(await at({ address: '127.0.0.1:1' })).toBe('GATEWAY_AWAY');
    expect(await at({ address: second.address })).toBe('NOT_REGISTERED');
    expect(await at({ address: second.address }, { redis: server.url })).toBe('BAD_OPTION');
    expect(await at({ address: 'https://gateway' })).toBe('BAD_OPTION');
    expect(await at({ address: second.address, token: 'a', tokenFile: 'b' })).toBe('BAD_OPTION');
    expect(await at({ address: second.address, tls: { ca: '/no/such/file' } })).toBe('BAD_OPTION');
  });
});
