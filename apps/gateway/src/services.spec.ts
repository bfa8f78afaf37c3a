import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { status, type ServiceError, type handleUnaryCall } from '@grpc/grpc-js';
import {
  createConsumerPositions,
  createConsumers,
  createLedger,
  createPolicies,
  createPolicyQueue,
  createRequestBudget,
  createSweepQueue,
  createSweeps,
  createSystem,
  ledgerKeys,
  readOrgName,
  type Bulks,
  type ConsumerPositions,
  type Consumers,
  type Ledger,
  type Policies,
  type PolicyQueue,
  type RotationQueue,
  type SweepQueue,
  type Sweeps,
} from '@rekey/ledger';
import { readStatusDetails, type CallContext } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { DEFAULT_WINDOW, KEY_ROTATED, KEY_UNCERTAIN } from '@rekey/schema';
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
let policies: Policies;
let policyQueue: PolicyQueue;
let consumers: Consumers;
let positions: ConsumerPositions;
let current: Awaited<ReturnType<Ledger['current']>>;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  sweeps = createSweeps({ redis, prefix: 'spec' });
  sweepQueue = createSweepQueue(redis, ledgerKeys('spec'));
  policies = createPolicies({ redis, prefix: 'spec' });
  policyQueue = createPolicyQueue(redis, ledgerKeys('spec'));
  consumers = createConsumers({ redis, prefix: 'spec' });
  positions = createConsumerPositions({ blocking: redis.duplicate(), prefix: 'spec', onError: () => {} });
});
afterAll(async () => {
  await sweepQueue.close();
  await policyQueue.close();
  await positions.close();
  redis.disconnect();
  await server.dispose();
});
beforeEach(async () => {
  await redis.flushall();
});

const services = () =>
  createServices({
    ledger: {
      current: async () => current,
      acceptHeld: createLedger({ redis, prefix: 'spec' }).acceptHeld,
    } as unknown as Ledger,
    queue: {} as RotationQueue,
    waiters: {} as RotationWaiters,
    reach: {} as ConsumersReach,
    consumers,
    positions,
    bulks: {} as Bulks,
    bulkWatches: {} as BulkWatches,
    holdBack: () => undefined,
    confirmDurable: async () => true,
    policies,
    policyQueue,
    sweeps,
    sweepQueue,
    liveness: { noLiveWorker: async () => false },
    budgetOf: (egress) => createRequestBudget({ redis, prefix: 'spec', egress, requestsPerMinute: 1 }),
    system: createSystem({ redis, prefix: 'spec' }),
    onUnexpected: () => {},
    orgNames: () => readOrgName(redis, ledgerKeys('spec')),
  });

/** Calls a handler as grpc-js does. */
const call = (handler: unknown, request: object): Promise<any> =>
  new Promise((resolve, reject) => {
    (handler as handleUnaryCall<object, unknown>)({ request } as never, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });

const SEALED = { protected: 'p', recipients: [], iv: 'i', ciphertext: 'c', tag: 't' };

describe('GetAssistant', () => {
  const envelope = {
    specversion: '1.0',
    id: '7',
    source: '/orgs/org_1/assistants/ast_1',
    subject: 'ast_1',
    time: '2023-11-14T22:13:20.000Z',
    datacontenttype: 'application/json',
  };
  const common = { seq: 1, version: 7, rotation_id: null, bulk_rotation_id: null };
  const event = JSON.stringify({
    ...envelope,
    type: KEY_ROTATED,
    data: { ...common, cause: 'drift', updated_at: envelope.time, fingerprint: 'K:f', sealed: SEALED },
  });
  const uncertain = JSON.stringify({ ...envelope, type: KEY_UNCERTAIN, data: { ...common, sealed: SEALED } });
  const getAssistant = () => call(services().AssistantService.GetAssistant, { assistantId: 'ast_1' });

  it('answers the current key version', async () => {
    current = { event };
    expect(await getAssistant()).toMatchObject({
      assistantId: 'ast_1',
      version: 7,
      sealed: JSON.stringify(SEALED),
      uncertainTime: null,
    });
  });

  it('says since when it is in doubt', async () => {
    current = { event, uncertain };
    expect(await getAssistant()).toMatchObject({
      version: 7,
      uncertainTime: { seconds: '1700000000', nanos: 0 },
    });
  });

  it('does not know an assistant that nothing was published of', async () => {
    current = undefined;
    await expect(getAssistant()).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it.each([{ event: '{' }, { event: uncertain }, { event, uncertain: event }])(
    'says of an entry that cannot be read that it is so: %j',
    async (broken) => {
      current = broken;
      await expect(getAssistant()).rejects.toMatchObject({ code: status.INTERNAL });
    },
  );
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

describe('CreateSweep with accept_removals', () => {
  const hold = (orgId: string) =>
    redis.hset(
      '{spec}:held',
      orgId,
      JSON.stringify({ since: 1_700_000_000_000, code: 'TOO_MANY_GONE', affected: 12, known: 30 }),
    );
  const accept = (orgId: string) =>
    call(services().SweepService.CreateSweep, { orgId, acceptRemovals: true });
  const stored = async () => [
    await redis.hkeys('{spec}:held'),
    await redis.hkeys('{spec}:accepted'),
    await redis.zcard('{spec}:sweeps'),
    await redis.llen('{spec}:bull:sweeps:wait'),
  ];
  beforeEach(() => hold('org_1'));

  it('accepts what is held of the org, and sweeps it', async () => {
    await hold('org_2');
    expect(await accept('org_1')).toMatchObject({ orgId: 'org_1', state: 'QUEUED' });
    expect(await stored()).toEqual([['org_2'], ['org_1'], 1, 1]);
  });

  it('does so under `c`, once that is known', async () => {
    await redis.hset('{spec}:ledger', 'alias', 'org_1');
    expect(await accept('c')).toMatchObject({ orgId: 'org_1' });
    expect(await stored()).toEqual([[], ['org_1'], 1, 1]);
  });

  it('can be repeated: the gateway may have died before the sweep was created', async () => {
    await createLedger({ redis, prefix: 'spec' }).acceptHeld('org_1');
    const { id } = await accept('org_1');
    expect(await accept('org_1')).toMatchObject({ id });
    expect(await stored()).toEqual([[], ['org_1'], 1, 1]);
  });

  it('cannot once the sweep has done what was accepted: that holds for nothing that comes later', async () => {
    await accept('org_1');
    const ledger = createLedger({ redis, prefix: 'spec' });
    await ledger.orgSwept('org_1');
    expect(await accept('org_1')).toMatchObject({ orgId: 'org_1' });
    await ledger.orgSwept('org_1', { settled: true });
    await expect(accept('org_1')).rejects.toMatchObject({ code: status.FAILED_PRECONDITION });
  });

  it.each(['org_2', 'c', 'ORG_1'])('does nothing if the org is not held: %s', async (orgId) => {
    const error: ServiceError = await accept(orgId).catch((caught: ServiceError) => caught);
    expect(readStatusDetails(error)).toMatchObject({ reason: 'ORG_NOT_HELD', metadata: { org_id: orgId } });
    expect(await stored()).toEqual([['org_1'], [], 0, 0]);
  });

  it('needs an org', async () => {
    const error: ServiceError = await accept('').catch((caught: ServiceError) => caught);
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(readStatusDetails(error)).toMatchObject({
      fieldViolations: [
        { field: 'org_id', description: 'must be given with accept_removals: one org at a time' },
      ],
    });
    expect(await stored()).toEqual([['org_1'], [], 0, 0]);
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
    expect(
      await call(AddConsumer, {
        name: 'billing',
        orgs: ['c', 'org_1', 'org_2'],
        publicJwk: JSON.stringify(jwk),
      }),
    ).toMatchObject({ orgs: ['org_1', 'org_2'] });
    expect(await call(SetConsumerOrgs, { name: 'billing', orgs: ['c'] })).toMatchObject({ orgs: ['org_1'] });
    expect(await call(ListConsumers, { pageSize: 0, pageToken: '' })).toMatchObject({
      consumers: [{ orgs: ['org_1'] }],
    });
    expect((await consumers.get('billing'))!.storedOrgs).toEqual(['org_1']);
  });

  it('of another org is never looked up', async () => {
    let lookUps = 0;
    const handler = byOneName(
      async () => `org_${(lookUps += 1)}`,
      (method) => ((made: { request: unknown }) => method(made.request, {} as CallContext)) as never,
      {} as StreamingMethods,
    ).method(async (request) => request);
    const echo = (request: object) =>
      (handler as unknown as (call: { request: object }) => Promise<unknown>)({ request });
    const plain = {
      orgId: 'org_9',
      assistantId: 'c',
      reason: 'c',
      orgs: ['*'],
      list: [{ orgId: 'cc' }],
      of: { orgId: 'x' },
    };
    expect([await echo(plain), lookUps]).toEqual([plain, 0]);
    expect(
      await echo({
        orgId: 'c',
        rotations: [{ orgId: 'c', assistantId: 'c' }, { orgId: 'x' }],
        of: { orgs: ['c', '*'] },
      }),
    ).toEqual({
      orgId: 'org_1',
      rotations: [{ orgId: 'org_1', assistantId: 'c' }, { orgId: 'x' }],
      of: { orgs: ['org_1', '*'] },
    });
  });
});

describe('GetSweep and ListSweeps', () => {
  it('answer what there is, newest first', async () => {
    const { CreateSweep, GetSweep, ListSweeps } = services().SweepService;
    const [a, b] = [await call(CreateSweep, { orgId: 'org_a' }), await call(CreateSweep, { orgId: 'org_b' })];
    expect(await call(GetSweep, { id: a.id })).toEqual(a);
    expect(await call(ListSweeps, { pageSize: 0 })).toEqual({ sweeps: [b, a], nextPageToken: '' });
    const first = await call(ListSweeps, { pageSize: 1 });
    expect(first).toEqual({ sweeps: [b], nextPageToken: expect.stringMatching(/./) });
    expect(await call(ListSweeps, { pageSize: 1, pageToken: first.nextPageToken })).toEqual({
      sweeps: [a],
      nextPageToken: '',
    });
  });

  it.each([-1, 1.5])('refuse a page of %j', async (pageSize) => {
    await expect(call(services().SweepService.ListSweeps, { pageSize })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });
});

describe('ListConsumers', () => {
  const add = (name: string, orgs: string[]) =>
    consumers.write(name, undefined, {
      name,
      orgs,
      state: 'ACTIVE',
      created_at: '2026-01-01T00:00:00.000Z',
      key: { kty: 'OKP', crv: 'X25519', kid: 'k' },
    });
  /** The names on each page. */
  const pages = async (pageSize: number): Promise<string[][]> => {
    const all: string[][] = [];
    for (let pageToken = ''; ;) {
      const page = await call(services().ConsumerService.ListConsumers, { pageSize, pageToken });
      all.push(page.consumers.map(({ name }: { name: string }) => name));
      if (page.nextPageToken === '') return all;
      pageToken = page.nextPageToken;
    }
  };

  it('answers pages by name, each consumer once', async () => {
    for (const name of ['d', 'b', 'e', 'a', 'c']) await add(name, ['org_1']);
    expect(await pages(2)).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(await pages(5)).toEqual([['a', 'b', 'c', 'd', 'e']]);
    expect(await pages(0)).toEqual([['a', 'b', 'c', 'd', 'e']]);
    expect(await pages(1000)).toEqual([['a', 'b', 'c', 'd', 'e']]);
  });

  it('continues after an entry that was removed between two pages, and includes one that was added', async () => {
    for (const name of ['a', 'b', 'd']) await add(name, ['org_1']);
    const { nextPageToken: pageToken } = await call(services().ConsumerService.ListConsumers, {
      pageSize: 2,
      pageToken: '',
    });
    await consumers.write('b', await consumers.get('b'), undefined);
    await add('c', ['org_1']);
    expect(
      (await call(services().ConsumerService.ListConsumers, { pageSize: 2, pageToken })).consumers.map(
        ({ name }: { name: string }) => name,
      ),
    ).toEqual(['c', 'd']);
  });

  it('ends a page before a client would refuse it: by its bytes', async () => {
    const orgs = Array.from({ length: 1000 }, (_, i) => `org_${String(i).padStart(60, '0')}`);
    const names = Array.from({ length: 100 }, (_, i) => `c${String(i).padStart(2, '0')}`);
    for (const name of names) await add(name, orgs);
    const found = await pages(100);
    expect(found.flat()).toEqual(names);
    expect(found.length).toBeGreaterThan(1);
    // 4 MiB is what gRPC clients take.
    expect(Math.max(...found.map((page) => page.length)) * 67_000).toBeLessThan(4 * 1024 * 1024);
  });

  it.each([
    { pageSize: -1, pageToken: '' },
    { pageSize: 1, pageToken: 'x' },
    { pageSize: 1, pageToken: Buffer.from('12345678 a').toString('base64url') },
  ])('refuses %j', async (request) => {
    await expect(call(services().ConsumerService.ListConsumers, request)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('refuses the token of another list', async () => {
    const { CreateSweep, ListSweeps } = services().SweepService;
    for (const orgId of ['org_a', 'org_b']) await call(CreateSweep, { orgId });
    const { nextPageToken: pageToken } = await call(ListSweeps, { pageSize: 1, pageToken: '' });
    await expect(
      call(services().ConsumerService.ListConsumers, { pageSize: 1, pageToken }),
    ).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('shows a consumer whose org an earlier version has accepted, and refuses to set such a one again', async () => {
    await add('old', ['my org']);
    expect(await pages(10)).toEqual([['old']]);
    await expect(
      call(services().ConsumerService.SetConsumerOrgs, { name: 'old', orgs: ['my org'] }),
    ).rejects.toMatchObject({ details: expect.stringContaining('orgs[0] must not contain white space') });
  });
});

describe('ListRotationPolicies', () => {
  const spec = {
    orgId: 'org_1',
    reason: '',
    everyDays: 90,
    window: DEFAULT_WINDOW,
    maxFailures: { percent: 5 },
  };
  const create = async (orgId: string) =>
    (await policies.create(`pol_${nextUlid()}`, { ...spec, orgId }, undefined)).policy.id;
  const pages = async (filter: object, pageSize: number): Promise<string[][]> => {
    const all: string[][] = [];
    for (let pageToken = ''; ;) {
      const page = await call(services().RotationPolicyService.ListRotationPolicies, {
        orgId: '',
        ...filter,
        pageSize,
        pageToken,
      });
      all.push(page.rotationPolicies.map(({ id }: { id: string }) => id));
      if (page.nextPageToken === '') return all;
      pageToken = page.nextPageToken;
    }
  };

  it('answers pages, newest first, of all or of one org', async () => {
    const a = await create('org_1');
    const b = await create('org_2');
    const c = await create('org_1');
    expect(await pages({}, 2)).toEqual([[c, b], [a]]);
    expect(await pages({}, 0)).toEqual([[c, b, a]]);
    expect(await pages({ orgId: 'org_1' }, 1)).toEqual([[c], [a]]);
    expect(await pages({ orgId: 'org_3' }, 1)).toEqual([[]]);
  });

  it('refuses the token of another filter', async () => {
    await create('org_1');
    await create('org_1');
    const { nextPageToken: pageToken } = await call(services().RotationPolicyService.ListRotationPolicies, {
      orgId: 'org_1',
      pageSize: 1,
      pageToken: '',
    });
    for (const request of [
      { orgId: '', pageSize: 1, pageToken },
      { orgId: 'org_1', pageSize: -1, pageToken },
    ]) {
      await expect(
        call(services().RotationPolicyService.ListRotationPolicies, request),
      ).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    }
  });
});

describe('an error', () => {
  it.each<[string, () => Promise<unknown>, object]>([
    [
      'of a sweep that is not there',
      () => call(services().SweepService.GetSweep, { id: 'swp_01ARZ3NDEKTSV4RRFFQ69G5FAV' }),
      { sweep_id: 'swp_01ARZ3NDEKTSV4RRFFQ69G5FAV' },
    ],
    [
      'of a consumer that is not there',
      () => call(services().ConsumerService.GetConsumer, { name: 'billing' }),
      { consumer: 'billing' },
    ],
    [
      'of a policy that is not there',
      () =>
        call(services().RotationPolicyService.GetRotationPolicy, { id: 'pol_01ARZ3NDEKTSV4RRFFQ69G5FAV' }),
      { rotation_policy_id: 'pol_01ARZ3NDEKTSV4RRFFQ69G5FAV' },
    ],
    [
      'of an assistant that is not known',
      () => ((current = undefined), call(services().AssistantService.GetAssistant, { assistantId: 'ast_1' })),
      { assistant_id: 'ast_1' },
    ],
    [
      'of fields that are not valid, of which only valid ones are repeated',
      () => call(services().ConsumerService.SetConsumerOrgs, { name: 'hun ter2', orgs: ['org_1'] }),
      { violation_count: '1' },
    ],
  ])('says in its metadata what it is about: %s', async (_what, failing, metadata) => {
    const error = await failing().then(
      () => undefined,
      (e: ServiceError) => e,
    );
    const details = readStatusDetails(error!);
    expect(details.metadata).toMatchObject(metadata);
    expect(details.metadata['retryable']).toBe('false');
    expect(JSON.stringify(details)).not.toContain('hun ter2');
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
    await expect(call(services().SystemService.Freeze, { reason })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    expect(await redis.exists('{spec}:ledger')).toBe(0);
  });
});
