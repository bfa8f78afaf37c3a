import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { status, type handleUnaryCall } from '@grpc/grpc-js';
import { createConsumerPositions, createConsumers, createSweepQueue, createSweeps, createSystem, ledgerKeys, readOrgName, type Bulks, type ConsumerPositions, type Consumers, type Ledger, type Policies, type PolicyQueue, type RotationQueue, type SweepQueue, type Sweeps } from '@rekey/ledger';
import type { CallContext } from '@rekey/rpc';
import { KEY_ROTATED, KEY_UNCERTAIN } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import type { BulkWatches } from './bulk-watches.ts';
import type { ConsumersReach } from './consumer-reach.ts';
import type { RotationWaiters } from './rotation-waiters.ts';
import { byOneName } from './org-names.ts';
import type { StreamingMethods } from './service-method.ts';
import { createServices } from './services.ts';

let server: RedisServer;
let redis: Redis;
let sweeps: Sweeps;
let sweepQueue: SweepQueue;
let consumers: Consumers;
let positions: ConsumerPositions;
let current: Awaited<ReturnType<Ledger['current']>>;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  sweeps = createSweeps({ redis, prefix: 'spec' });
  sweepQueue = createSweepQueue(redis, ledgerKeys('spec'));
  consumers = createConsumers({ redis, prefix: 'spec' });
  positions = createConsumerPositions({ blocking: redis.duplicate(), prefix: 'spec', onError: () => {} });
});
afterAll(async () => {
  await sweepQueue.close();
  await positions.close();
  redis.disconnect();
  await server.dispose();
});
beforeEach(async () => {
  await redis.flushall();
});

const services = () =>
  createServices({
    ledger: { current: async () => current } as unknown as Ledger,
    queue: {} as RotationQueue,
    waiters: {} as RotationWaiters,
    reach: {} as ConsumersReach,
    consumers,
    positions,
    bulks: {} as Bulks,
    bulkWatches: {} as BulkWatches,
    holdBack: () => undefined,
    confirmDurable: async () => true,
    policies: {} as Policies,
    policyQueue: {} as PolicyQueue,
    sweeps,
    sweepQueue,
    system: createSystem({ redis, prefix: 'spec' }),
    onUnexpected: () => {},
    orgNames: () => readOrgName(redis, ledgerKeys('spec')),
  });

/** Calls a handler as grpc-js does. */
const call = (handler: unknown, request: object): Promise<any> =>
  new Promise((resolve, reject) => {
    (handler as handleUnaryCall<object, unknown>)({ request } as never, (error, response) => (error ? reject(error) : resolve(response)));
  });

const SEALED = { protected: 'p', recipients: [], iv: 'i', ciphertext: 'c', tag: 't' };

describe('GetAssistant', () => {
  const envelope = { specversion: '1.0', id: '7', source: '/orgs/org_1/assistants/ast_1', subject: 'ast_1', time: '2023-11-14T22:13:20.000Z', datacontenttype: 'application/json' };
  const common = { seq: 1, version: 7, rotation_id: null, bulk_rotation_id: null };
  const event = JSON.stringify({ ...envelope, type: KEY_ROTATED, data: { ...common, cause: 'drift', updated_at: envelope.time, fingerprint: 'K:f', sealed: SEALED } });
  const uncertain = JSON.stringify({ ...envelope, type: KEY_UNCERTAIN, data: { ...common, sealed: SEALED } });
  const getAssistant = () => call(services().AssistantService.GetAssistant, { assistantId: 'ast_1' });

  it('answers the current key version', async () => {
    current = { event };
    expect(await getAssistant()).toMatchObject({ assistantId: 'ast_1', version: 7, sealed: JSON.stringify(SEALED), uncertainTime: null });
  });

  it('says since when it is in doubt', async () => {
    current = { event, uncertain };
    expect(await getAssistant()).toMatchObject({ version: 7, uncertainTime: { seconds: '1700000000', nanos: 0 } });
  });

  it('does not know an assistant that nothing was published of', async () => {
    current = undefined;
    await expect(getAssistant()).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it.each([{ event: '{' }, { event: uncertain }, { event, uncertain: event }])('says of an entry that cannot be read that it is so: %j', async (broken) => {
    current = broken;
    await expect(getAssistant()).rejects.toMatchObject({ code: status.INTERNAL });
  });
});

describe('CreateSweep', () => {
  const queued = () => redis.lrange('{spec}:bull:sweeps:wait', 0, -1);

  it('records a sweep, puts it on its way, and answers it', async () => {
    const sweep = await call(services().SweepService.CreateSweep, { orgId: 'org_1' });
    expect(sweep).toMatchObject({ id: expect.stringMatching(/^swp_/), orgId: 'org_1', state: 'QUEUED' });
    expect(await queued()).toEqual([sweep.id]);
  });

  it('puts one on its way whose gateway died before it was queued', async () => {
    const id = 'swp_01ARZ3NDEKTSV4RRFFQ69G5FAV';
    await sweeps.create(id, undefined);
    expect(await call(services().SweepService.CreateSweep, { orgId: '' })).toMatchObject({ id });
    expect(await queued()).toEqual([id]);
  });
});

describe('the name of an org', () => {
  const learn = () => redis.hset('{spec}:ledger', 'alias', 'org_1');

  it('is the real one in answers about what was asked for under `c` before that was known', async () => {
    const { CreateSweep, GetSweep, ListSweeps } = services().SweepService;
    const { id } = await call(CreateSweep, { orgId: 'c' });
    expect(await call(GetSweep, { id })).toMatchObject({ orgId: 'c' });
    await learn();
    expect(await call(GetSweep, { id })).toMatchObject({ orgId: 'org_1' });
    expect(await call(ListSweeps, { pageSize: 0 })).toMatchObject({ sweeps: [{ id, orgId: 'org_1' }] });
  });

  it('is the real one of what is asked for under `c` afterwards', async () => {
    await learn();
    expect(await call(services().SweepService.CreateSweep, { orgId: 'c' })).toMatchObject({ orgId: 'org_1' });
    const jwk = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' });
    const { AddConsumer, SetConsumerOrgs, ListConsumers } = services().ConsumerService;
    expect(await call(AddConsumer, { name: 'billing', orgs: ['c', 'org_1', 'org_2'], publicJwk: JSON.stringify(jwk) })).toMatchObject({ orgs: ['org_1', 'org_2'] });
    expect(await call(SetConsumerOrgs, { name: 'billing', orgs: ['c'] })).toMatchObject({ orgs: ['org_1'] });
    expect(await call(ListConsumers, {})).toMatchObject({ consumers: [{ orgs: ['org_1'] }] });
    expect((await consumers.get('billing'))!.storedOrgs).toEqual(['org_1']);
  });

  it('of another org is never looked up', async () => {
    let lookUps = 0;
    const handler = byOneName(async () => `org_${(lookUps += 1)}`, (method) => ((made: { request: unknown }) => method(made.request, {} as CallContext)) as never, {} as StreamingMethods).method(async (request) => request);
    const echo = (request: object) => (handler as unknown as (call: { request: object }) => Promise<unknown>)({ request });
    const plain = { orgId: 'org_9', assistantId: 'c', reason: 'c', orgs: ['*'], list: [{ orgId: 'cc' }], of: { orgId: 'x' } };
    expect([await echo(plain), lookUps]).toEqual([plain, 0]);
    expect(await echo({ orgId: 'c', rotations: [{ orgId: 'c', assistantId: 'c' }, { orgId: 'x' }], of: { orgs: ['c', '*'] } })).toEqual({ orgId: 'org_1', rotations: [{ orgId: 'org_1', assistantId: 'c' }, { orgId: 'x' }], of: { orgs: ['org_1', '*'] } });
  });
});

describe('GetSweep and ListSweeps', () => {
  it('answer what there is, newest first', async () => {
    const { CreateSweep, GetSweep, ListSweeps } = services().SweepService;
    const [a, b] = [await call(CreateSweep, { orgId: 'org_a' }), await call(CreateSweep, { orgId: 'org_b' })];
    expect(await call(GetSweep, { id: a.id })).toEqual(a);
    expect(await call(ListSweeps, { pageSize: 0 })).toEqual({ sweeps: [b, a] });
    expect(await call(ListSweeps, { pageSize: 1 })).toEqual({ sweeps: [b] });
  });

  it.each([-1, 1.5])('refuse a page of %j', async (pageSize) => {
    await expect(call(services().SweepService.ListSweeps, { pageSize })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

describe('Freeze and Unfreeze', () => {
  it('answer how the system stands then', async () => {
    const { Freeze, Unfreeze, GetStatus } = services().SystemService;
    const frozen = await call(Freeze, { reason: 'ill' });
    expect(frozen).toMatchObject({ frozen: { reason: 'ill' }, openRotationCount: 0 });
    expect(await call(GetStatus, {})).toEqual(frozen);
    expect(await call(Unfreeze, {})).toMatchObject({ frozen: null });
  });

  it.each(['', '  ', 'a\nb', 'x'.repeat(1025)])('refuse the reason %j', async (reason) => {
    await expect(call(services().SystemService.Freeze, { reason })).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(await redis.exists('{spec}:ledger')).toBe(0);
  });
});
