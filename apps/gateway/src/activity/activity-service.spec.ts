import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Metadata, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { rightsOf, type Role } from '@rekey/access';
import { loadContract, readStatusDetails } from '@rekey/rpc';
import { createAccess } from '../access/guard-calls.ts';
import type { AccessRules } from '../access/follow-access-file.ts';
import { limitsWith } from '../limits/limits-fixture.ts';
import { createServer, type GatewayServer } from '../pipeline/server.ts';
import { useServices } from '../services-fixture.ts';
import { createDeniedCalls } from './denied-calls.ts';

const STREAM = '{spec}:activity';
const contract = loadContract();
const fixture = useServices();

/** A caller shows its name as its token. */
let bindings: { principals: string[]; role: Role; orgs: string[] }[];
let rules: AccessRules;
const bind = (...changed: typeof bindings): void => {
  bindings = changed;
  rules = { jwts: {} as never, rightsOf: (names) => rightsOf({ bindings }, names) };
};

let server: GatewayServer;
let service: InstanceType<typeof contract.v1.ActivityService>;
beforeEach(async () => {
  bind(
    { principals: ['viewer'], role: 'viewer', orgs: ['org_1'] },
    { principals: ['auditor'], role: 'auditor', orgs: ['*'] },
    { principals: ['auditor-1'], role: 'auditor', orgs: ['org_1'] },
  );
  const name = (authorization: string | undefined) => authorization ?? 'nobody';
  fixture.access = createAccess(() => rules, {
    authenticate: async ({ authorization }) => ({
      name: name(authorization),
      names: new Set([name(authorization)]),
      expiresMs: Infinity,
    }),
    tokens: { isCurrent: () => true },
    everyMs: 50,
  });
  const denied = createDeniedCalls({ append: fixture.ledger.activity.append, onError: () => {} });
  fixture.onFailed = denied.note;
  server = createServer(contract, fixture.services, { limits: limitsWith() });
  const port = await server.listen('127.0.0.1:0');
  service = new contract.v1.ActivityService(`127.0.0.1:${port}`, credentials.createInsecure());
});
afterEach(async () => {
  service.close();
  await server.close(1000);
  fixture.access.close();
});

const as = (caller: string): Metadata => {
  const metadata = new Metadata();
  metadata.set('authorization', caller);
  return metadata;
};
const add = (fields: Record<string, string>) =>
  fixture.redis.xadd(STREAM, '*', ...Object.entries({ type: 'freeze.set', by: 'local', ...fields }).flat());
const list = (request: object = {}, caller = 'auditor'): Promise<any> =>
  new Promise((resolve, reject) => {
    service.ListActivity(request, as(caller), (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
const reasons = ({ records }: { records: { reason: string }[] }) => records.map(({ reason }) => reason);

/** A watch that keeps its responses. */
const watch = async (request: object = {}, caller = 'auditor') => {
  const call = service.WatchActivity(request, as(caller));
  const state = { responses: [] as any[], ended: undefined as ServiceError | 'ended' | undefined };
  call.on('data', (response) => state.responses.push(response));
  call.on('error', (error: ServiceError) => (state.ended ??= error));
  call.on('end', () => (state.ended ??= 'ended'));
  await until(() => state.responses.length > 0 || state.ended !== undefined);
  return {
    state,
    seen: () => state.responses.flatMap(({ record }) => (record ? [record.reason] : [])),
    cancel: () => call.cancel(),
  };
};
const until = async (is: () => boolean): Promise<void> => {
  for (let waited = 0; !is() && waited < 10_000; waited += 5) await sleep(5);
  expect(is()).toBe(true);
};

describe('ListActivity', () => {
  it('shows every field of a record', async () => {
    await add({
      type: 'rotation.cancelled',
      by: 'uri:a://b',
      also: 'dns:b jwt:https://idp#anna',
      org: 'org_1',
      target: 'rotation:rot_1',
      assistant: 'ast_1',
      reason: 'no \u001b[31mred',
      request: 'req-1',
      trace: '0af7651916cd43dd8448eb211c80319c',
      address: '2001:db8::1',
      before: 'QUEUED',
      after: 'CANCELLED',
      count: '2',
      colour: 'red',
    });
    const { records, nextPageToken, unreadableCount } = await list();
    expect(records).toEqual([
      {
        position: expect.stringMatching(/^\d+-\d+$/),
        time: { seconds: expect.stringMatching(/^\d+$/), nanos: expect.any(Number) },
        type: 'rotation.cancelled',
        principal: 'uri:a://b',
        otherPrincipals: ['dns:b', 'jwt:https://idp#anna'],
        orgId: 'org_1',
        target: 'rotation:rot_1',
        assistantId: 'ast_1',
        reason: 'no \u001b[31mred',
        requestId: 'req-1',
        traceId: '0af7651916cd43dd8448eb211c80319c',
        address: '2001:db8::1',
        before: 'QUEUED',
        after: 'CANCELLED',
        count: '2',
        otherFields: [{ name: 'colour', value: 'red' }],
      },
    ]);
    expect([nextPageToken, unreadableCount]).toEqual(['', '0']);
  });

  it('shows a caller what is of its orgs, before it pages', async () => {
    for (let i = 0; i < 30; i += 1) await add({ reason: `${i}`, ...(i % 3 > 0 && { org: `org_${i % 3}` }) });
    await fixture.redis.xadd(STREAM, '*', 'x', 'y');
    const ofOne = ['28', '25', '22', '19', '16', '13', '10', '7', '4', '1'];
    for (const caller of ['viewer', 'auditor-1']) {
      const first = await list({ pageSize: 4 }, caller);
      expect(reasons(first)).toEqual(ofOne.slice(0, 4));
      expect(first.unreadableCount).toBe('0');
      const second = await list({ pageSize: 50, pageToken: first.nextPageToken }, caller);
      expect(reasons(second)).toEqual(ofOne.slice(4));
    }
    const all = await list({ pageSize: 50 });
    expect([all.records.length, all.unreadableCount]).toEqual([30, '1']);
    expect(reasons(await list({ orgId: 'org_2' }, 'viewer'))).toEqual([]);
  });

  it('continues after positions that other clients wrote, up to the last possible one', async () => {
    const last = '18446744073709551615';
    const at = (position: string, reason: string) =>
      fixture.redis.xadd(STREAM, position, 'type', 'freeze.set', 'by', 'local', 'reason', reason);
    await add({ reason: 'now' });
    await at(`${last}-1`, 'future');
    await at(`${last}-${last}`, 'last');
    for (const oldestFirst of [true, false]) {
      const seen: string[] = [];
      let pageToken = '';
      do {
        const page = await list({ pageSize: 1, oldestFirst, pageToken });
        seen.push(...reasons(page));
        for (const { time } of page.records) expect(+time.seconds).toBeLessThanOrEqual(253_402_300_799);
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(seen).toEqual(oldestFirst ? ['now', 'future', 'last'] : ['last', 'future', 'now']);
    }
  });

  it('counts what was recorded under `c` as of the org that it stands for', async () => {
    await add({ org: 'c', reason: 'one' });
    expect(reasons(await list({}, 'viewer'))).toEqual([]);
    await fixture.alias.note('org_1', 'learned');
    const types = ['freeze.set'];
    const { records } = await list({ orgId: 'org_1', types }, 'viewer');
    expect(records).toMatchObject([{ orgId: 'org_1', reason: 'one' }]);
    expect(reasons(await list({ orgId: 'c', types }, 'viewer'))).toEqual(['one']);
  });

  it.each<[string, object, string[]]>([
    ['an org', { orgId: 'org_1' }, ['b']],
    ['a principal', { principal: 'uri:a://b' }, ['a']],
    ['a URI without its prefix', { principal: 'a://b' }, ['a']],
    ['another name of a principal', { principal: 'dns:b' }, ['a']],
    ['a target', { target: 'rotation:rot_1' }, ['b']],
    ['an assistant', { target: 'ast_1' }, ['b']],
    ['a type', { types: ['rotation.failed'] }, ['c']],
    ['types of a kind', { types: ['rotation.*'] }, ['c', 'b']],
    ['several types', { types: ['freeze.set', 'rotation.failed'] }, ['c', 'a']],
    ['all together', { types: ['rotation.*'], orgId: 'org_1', target: 'ast_1', principal: 'local' }, ['b']],
    ['what nobody did', { principal: '__proto__' }, []],
    ['the other order', { oldestFirst: true }, ['a', 'b', 'c']],
    ['a time before', { endTime: { seconds: 1, nanos: 0 } }, []],
    ['a time after', { startTime: { seconds: 4_000_000_000, nanos: 0 } }, []],
  ])('filters by %s', async (_what, request, expected) => {
    await add({ reason: 'a', by: 'uri:a://b', also: 'dns:b dns:c' });
    await add({
      reason: 'b',
      type: 'rotation.requested',
      org: 'org_1',
      target: 'rotation:rot_1',
      assistant: 'ast_1',
    });
    await add({ reason: 'c', type: 'rotation.failed', org: 'org_2' });
    expect(reasons(await list(request))).toEqual(expected);
  });

  it.each<[string, object]>([
    ['page_size', { pageSize: -1 }],
    ['page_token', { pageToken: 'x' }],
    ['org_id', { orgId: 'a/b' }],
    ['types[0]', { types: ['Freeze set'] }],
    ['types[0]', { types: ['*'] }],
    ['types', { types: Array.from({ length: 51 }, () => 'freeze.set') }],
    ['principal', { principal: 'x'.repeat(2049) }],
    ['end_time', { startTime: { seconds: 9, nanos: 0 }, endTime: { seconds: 9, nanos: 0 } }],
  ])('names an invalid %s', async (field, request) => {
    const error: ServiceError = await list(request).catch((caught) => caught);
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(readStatusDetails(error).fieldViolations.map((one) => one.field)).toEqual([field]);
  });

  it('refuses a page token of other filters', async () => {
    for (let i = 0; i < 5; i += 1) await add({ reason: `${i}` });
    const { nextPageToken } = await list({ pageSize: 2 });
    expect(reasons(await list({ pageSize: 2, pageToken: nextPageToken }))).toEqual(['2', '1']);
    await expect(list({ pageSize: 2, pageToken: nextPageToken, oldestFirst: true })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('denies a caller without the right, and records that', async () => {
    const error: ServiceError = await list({}, 'stranger').catch((caught) => caught);
    expect([error.code, readStatusDetails(error).reason]).toEqual([
      status.PERMISSION_DENIED,
      'NOT_PERMITTED',
    ]);
    let found: any[] = [];
    for (let tried = 0; found.length === 0 && tried < 100; tried += 1) found = (await list()).records;
    expect(found).toMatchObject([
      {
        type: 'access.denied',
        principal: 'stranger',
        target: 'method:ActivityService/ListActivity',
        reason: 'NOT_PERMITTED',
      },
    ]);
  });
});

describe('WatchActivity', () => {
  it('says from where it begins, and sends each new record of the orgs of its caller', async () => {
    const before = await add({ reason: 'before', org: 'org_1' });
    const [ofOne, ofAll] = [await watch({}, 'viewer'), await watch()];
    expect(ofOne.state.responses).toEqual([{ record: null, position: before, unreadableCount: '0' }]);
    await add({ reason: 'a', org: 'org_1' });
    await add({ reason: 'b', org: 'org_2' });
    await add({ reason: 'c' });
    await fixture.redis.xadd(STREAM, '*', 'x', 'y');
    const last = await add({ reason: 'd', org: 'org_1' });
    await until(() => ofAll.seen().length === 4 && ofOne.seen().length === 2);
    expect([ofOne.seen(), ofAll.seen()]).toEqual([
      ['a', 'd'],
      ['a', 'b', 'c', 'd'],
    ]);
    expect(ofOne.state.responses.at(-1)).toMatchObject({ position: last, unreadableCount: '0' });
    const unreadable = ofAll.state.responses.map(({ unreadableCount }) => Number(unreadableCount));
    expect(unreadable.reduce((sum, count) => sum + count)).toBe(1);
    ofOne.cancel();
    ofAll.cancel();
  });

  it('resumes after a position, with the filters of a list', async () => {
    const first = await add({ reason: 'a' });
    await add({ reason: 'b', type: 'rotation.failed' });
    await add({ reason: 'c' });
    const one = await watch({ after: first!, types: ['freeze.*'] });
    await add({ reason: 'd' });
    await until(() => one.seen().length === 2);
    expect(one.seen()).toEqual(['c', 'd']);
    one.cancel();
  });

  it.each(['x', '1', '1-18446744073709551616', '-1-0'])('refuses the position %s', async (after) => {
    const { state } = await watch({ after });
    await until(() => state.ended !== undefined);
    expect(state.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('ends when its caller loses the right, and sends nothing of an org that it lost', async () => {
    bind({ principals: ['viewer'], role: 'viewer', orgs: ['org_1', 'org_2'] });
    const one = await watch({}, 'viewer');
    bind({ principals: ['viewer'], role: 'viewer', orgs: ['org_2'] });
    await add({ reason: 'a', org: 'org_1' });
    await add({ reason: 'b', org: 'org_2' });
    await until(() => one.seen().length > 0);
    expect(one.seen()).toEqual(['b']);
    bind();
    await until(() => one.state.ended !== undefined);
    expect(readStatusDetails(one.state.ended as ServiceError).reason).toBe('NOT_PERMITTED');
  });
});
