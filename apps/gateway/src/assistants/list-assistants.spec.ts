import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { rightsOf } from '@rekey/access';
import type { ConsumerPositions, ListedAssistant } from '@rekey/ledger';
import { readStatusDetails } from '@rekey/rpc';
import { OPEN_ACCESS } from '../access/guard-calls.ts';
import { LOCAL, type Caller } from '../identity/authenticate.ts';
import { call, useServices } from '../services-fixture.ts';
import { holdersOf } from './key-holders.ts';
import { unacknowledgedBy } from './unacknowledged.ts';

const fixture = useServices();
const SEALED = JSON.stringify({ protected: 'p', recipients: [], iv: 'i', ciphertext: 'c', tag: 't' });

const publish = async (orgId: string, assistantId: string): Promise<void> => {
  const { assistants, consumers } = fixture.ledger;
  const begun = await assistants.beginCheck({ orgId, assistantId });
  if (begun.kind !== 'begun') throw new Error(begun.kind);
  const { hold } = begun;
  await assistants.commit(hold, {
    key: { fingerprint: `KEYID:${assistantId}` },
    sealed: { envelope: SEALED, revision: (await consumers.revisions()).recipients },
    cause: 'import',
    updatedMs: hold.atMs,
    rotation: 'continues',
    read: { beganMs: hold.atMs, lagMs: 0 },
  });
};
const addConsumer = (name: string, orgs: string[]) =>
  fixture.consumers.write(name, undefined, {
    name,
    orgs,
    state: 'ACTIVE',
    created_at: '2026-01-01T00:00:00.000Z',
    key: { kty: 'OKP', crv: 'X25519', kid: 'k' },
  });
const makeIndexes = () =>
  fixture.ledger.listing.index.keep({ token: 'spec', signal: AbortSignal.timeout(10_000), idle: 0 });

/** The caller may see these orgs. */
const seeOnly = (orgs: string[], name = 'uri:viewer'): void => {
  const names = new Set([name]);
  const rights = rightsOf({ bindings: [{ principals: [name], role: 'viewer', orgs }] }, names);
  const caller: Caller = { ...LOCAL, name, names };
  fixture.access = { ...OPEN_ACCESS, admit: () => ({ caller, rights: () => rights }) };
};
const UNSET = {
  orgId: '',
  idPrefix: '',
  olderThan: null,
  uncertain: false,
  notAcknowledgedBy: '',
  order: 'ORDER_UNSPECIFIED',
  pageSize: 0,
  pageToken: '',
};
const list = (request: object = {}) =>
  call(fixture.services.AssistantService.ListAssistants, { ...UNSET, ...request });
const idsOf = async (request: object = {}): Promise<string[]> =>
  (await list(request)).assistants.map(({ assistantId }: { assistantId: string }) => assistantId);
const reasonOf = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => 'none',
    (error: unknown) => readStatusDetails(error as never).reason,
  );

describe('ListAssistants', () => {
  beforeEach(async () => {
    for (const id of ['ast_b', 'ast_a']) await publish('org_1', id);
    await publish('org_2', 'ast_c');
  });

  it('lists the assistants of the orgs that the caller may see, and no other', async () => {
    expect(await idsOf()).toEqual(['ast_a', 'ast_b', 'ast_c']);
    seeOnly(['org_1']);
    expect(await idsOf()).toEqual(['ast_a', 'ast_b']);
    expect(await idsOf({ orgId: 'org_2' })).toEqual([]);
    expect(await idsOf({ pageSize: 1 })).toEqual(['ast_a']);
    seeOnly(['org_2']);
    expect(await idsOf({ order: 'LAST_CHANGE' })).toEqual(['ast_c']);
  });

  it('says until a worker has made the indexes that it is incomplete', async () => {
    expect(await list()).toMatchObject({ incomplete: true });
    await makeIndexes();
    expect(await list({ orgId: 'org_1', idPrefix: 'ast_b' })).toEqual({
      assistants: [
        {
          assistantId: 'ast_b',
          orgId: 'org_1',
          version: expect.any(Number),
          updateTime: { seconds: expect.any(Number), nanos: expect.any(Number) },
          keyTime: null,
          fingerprint: 'KEYID:ast_b',
          removal: 0,
          uncertain: false,
        },
      ],
      nextPageToken: '',
      incomplete: false,
    });
  });

  it('is incomplete if a worker has made the indexes just after a page was read', async () => {
    const { redis } = fixture;
    const send = redis.sendCommand.bind(redis);
    const sending = jest.spyOn(redis, 'sendCommand').mockImplementation((command, ...more) => {
      const sent = send(command, ...more);
      if (command.name.startsWith('eval')) {
        sending.mockRestore();
        void redis.hset('{spec}:index', 'complete', 1);
      }
      return sent;
    });
    expect(await list({ orgId: 'org_1' })).toMatchObject({ incomplete: true });
    expect(await list({ orgId: 'org_1' })).toMatchObject({ incomplete: false });
  });

  it('binds the token of a page to its filters, its order and its caller', async () => {
    const { nextPageToken: pageToken } = await list({ pageSize: 1 });
    expect(await idsOf({ pageSize: 1, pageToken })).toEqual(['ast_b']);
    for (const other of [{ orgId: 'org_1' }, { order: 'OLDEST_KEY' }, { uncertain: true }])
      expect(await reasonOf(list({ ...other, pageToken }))).toBe('INVALID_ARGUMENT');
    seeOnly(['org_1', 'org_2']);
    expect(await reasonOf(list({ pageToken }))).toBe('INVALID_ARGUMENT');
    const forged = Buffer.from(`${Buffer.from(pageToken, 'base64url').toString().slice(0, 8)} x`);
    expect(await reasonOf(list({ pageToken: forged.toString('base64url') }))).toBe('INVALID_ARGUMENT');
  });

  it.each([
    { order: 'BY_NAME' },
    { pageSize: -1 },
    { olderThan: { seconds: '-1', nanos: 0 } },
    { idPrefix: 'a b' },
    { idPrefix: 'a\u001b[2J' },
    { idPrefix: 'x'.repeat(1_000_000) },
    { orgId: 'a/b' },
    { notAcknowledgedBy: 'No Name' },
  ])('refuses %.50j', async (request) => {
    const refusal = (await list(request).catch((error: unknown) => error)) as { details: string };
    expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(refusal.details.length).toBeLessThan(500);
    expect(refusal.details).not.toContain('\u001b');
  });

  it('takes no place from a token that is none, and no other assistant from one that is forged', async () => {
    seeOnly(['org_1']);
    const { nextPageToken } = await list({ pageSize: 1 });
    const digest = Buffer.from(nextPageToken, 'base64url').toString().slice(0, 8);
    const forge = (place: string) => ({
      pageToken: Buffer.from(`${digest} ${place}`).toString('base64url'),
    });
    for (const place of ['0', '1e999/a', 'NaN/a', '0/%', '0/%zz', '0/é', `0/${'a'.repeat(1001)}`, '0/a b'])
      expect([place, await reasonOf(list(forge(place)))]).toEqual([place, 'INVALID_ARGUMENT']);
    for (const place of ['0/', '-5/ast_', '0/%ff', '0/%00', '0/zzz', '9e99/*'])
      expect(['ast_a', 'ast_b']).toEqual(expect.arrayContaining(await idsOf(forge(place))));
  });

  it('pages beside entries that are no text', async () => {
    const pipeline = fixture.redis.pipeline();
    for (let i = 0; i < 2500; i += 1)
      pipeline.zadd('{spec}:index:id:org_1', 0, Buffer.from(`ast_a\u00ff${i}`, 'latin1'));
    await pipeline.exec();
    const seen: string[] = [];
    let [pageToken, pages, incomplete] = ['', 0, false];
    do {
      const page = await list({ orgId: 'org_1', pageToken });
      seen.push(...page.assistants.map((one: { assistantId: string }) => one.assistantId));
      incomplete ||= page.incomplete;
      pageToken = page.nextPageToken;
    } while (pageToken !== '' && (pages += 1) < 20);
    expect([seen, pageToken, incomplete]).toEqual([['ast_a', 'ast_b'], '', true]);
  });

  it.each(['__proto__', 'constructor'])('lists the org %s like any other', async (orgId) => {
    await publish(orgId, 'ast_p');
    await makeIndexes();
    seeOnly([orgId]);
    expect(await idsOf()).toEqual(['ast_p']);
    expect(await idsOf({ orgId })).toEqual(['ast_p']);
    const { orgs } = await call(fixture.services.AssistantService.ListOrgs, { pageSize: 0, pageToken: '' });
    expect(orgs).toMatchObject([{ orgId, assistantCount: 1 }]);
    seeOnly(['org_1']);
    expect(await idsOf({ orgId })).toEqual([]);
  });

  it('finds old keys, and those of unknown age, in the order of their age', async () => {
    const { redis } = fixture;
    await redis.hset('{spec}:assistant:ast_c', 'rotated', Date.now() - 86_400_000);
    await redis.hset('{spec}:assistant:ast_b', 'rotated', Date.now());
    await makeIndexes();
    const days = (count: number) => ({ olderThan: { seconds: String(count * 86_400), nanos: 0 } });
    expect(await idsOf(days(2))).toEqual(['ast_a']);
    expect(await idsOf({ olderThan: { seconds: '3600', nanos: 0 } })).toEqual(['ast_a', 'ast_c']);
    expect(await idsOf({ order: 'NEWEST_KEY' })).toEqual(['ast_b', 'ast_c', 'ast_a']);
  });

  it('lists what a consumer has not acknowledged, in the orgs that it may read', async () => {
    await addConsumer('billing', ['org_1']);
    // Both may have been published in the same ms.
    expect((await idsOf({ notAcknowledgedBy: 'billing' })).toSorted()).toEqual(['ast_a', 'ast_b']);
    expect(await idsOf({ notAcknowledgedBy: 'billing', orgId: 'org_2' })).toEqual([]);
    expect(await reasonOf(list({ notAcknowledgedBy: 'nobody' }))).toBe('CONSUMER_NOT_FOUND');
    seeOnly(['org_2']);
    expect(await reasonOf(list({ notAcknowledgedBy: 'billing' }))).toBe('CONSUMER_NOT_FOUND');
  });

  it('asks for an org if the caller sees more than are merged', async () => {
    await fixture.redis.sadd('{spec}:orgs', ...Array.from({ length: 1000 }, (_, i) => `org_x${i}`));
    const error = await list().catch((refusal: unknown) => refusal);
    expect(String((error as { details: string }).details)).toContain('org_id is required');
    expect(await idsOf({ orgId: 'org_1' })).toEqual(['ast_a', 'ast_b']);
  });

  it('shows what is stored under `c` as of the org that it stands for', async () => {
    await publish('c', 'ast_d');
    expect(await idsOf({ orgId: 'org_1' })).toEqual(['ast_a', 'ast_b']);
    await fixture.alias.note('org_1', 'learned');
    seeOnly(['org_1']);
    const { assistants } = await list({ orgId: 'c' });
    expect(assistants.map((one: { assistantId: string }) => one.assistantId)).toEqual([
      'ast_a',
      'ast_b',
      'ast_d',
    ]);
    expect(new Set(assistants.map((one: { orgId: string }) => one.orgId))).toEqual(new Set(['org_1']));
    const { orgs } = await call(fixture.services.AssistantService.ListOrgs, { pageSize: 0, pageToken: '' });
    expect(orgs).toMatchObject([{ orgId: 'org_1', assistantCount: 3, unknownAgeCount: 3 }]);
  });
});

describe('ListOrgs', () => {
  const pages = (request: object) => call(fixture.services.AssistantService.ListOrgs, request);

  it('lists the orgs that the caller may see, in pages', async () => {
    for (const orgId of ['org_2', 'org_1', 'org_3']) await publish(orgId, `ast_${orgId}`);
    const first = await pages({ pageSize: 2, pageToken: '' });
    expect(first).toEqual({
      orgs: ['org_1', 'org_2'].map((orgId) => ({
        orgId,
        assistantCount: 1,
        uncertainCount: 0,
        unknownAgeCount: 1,
        oldestKeyTime: null,
      })),
      nextPageToken: expect.stringMatching(/./),
      incomplete: true,
    });
    await makeIndexes();
    expect(await pages({ pageSize: 2, pageToken: first.nextPageToken })).toMatchObject({
      orgs: [{ orgId: 'org_3' }],
      nextPageToken: '',
      incomplete: false,
    });
    seeOnly(['org_2']);
    expect(await pages({ pageSize: 0, pageToken: '' })).toMatchObject({ orgs: [{ orgId: 'org_2' }] });
  });

  it('lists every org once, also if a page ends at an id of an earlier version', async () => {
    const ids = ['org 1', 'org 2 x', 'org_%', 'org_é'];
    await fixture.redis.sadd('{spec}:orgs', ...ids);
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await pages({ pageSize: 1, pageToken });
      seen.push(...page.orgs.map(({ orgId }: { orgId: string }) => orgId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(ids);
  });

  it('leaves out what no org is called, and says that it is incomplete', async () => {
    await publish('org_1', 'ast_a');
    await makeIndexes();
    await fixture.redis.sadd('{spec}:orgs', 'org\u001b[2J', 'x'.repeat(1_000_000));
    expect(await pages({ pageSize: 0, pageToken: '' })).toMatchObject({
      orgs: [{ orgId: 'org_1' }],
      incomplete: true,
    });
    seeOnly(['org_1']);
    expect(await pages({ pageSize: 0, pageToken: '' })).toMatchObject({ incomplete: false });
  });

  it('is incomplete if an index cannot be read', async () => {
    await publish('org_1', 'ast_a');
    await makeIndexes();
    await fixture.redis.del('{spec}:index:age:org_1');
    await fixture.redis.set('{spec}:index:age:org_1', 'nonsense');
    expect(await pages({ pageSize: 0, pageToken: '' })).toMatchObject({
      orgs: [{ orgId: 'org_1' }],
      incomplete: true,
    });
  });
});

describe('ListKeyVersions', () => {
  const versions = (assistantId: string) =>
    call(fixture.services.AssistantService.ListKeyVersions, { assistantId });

  it('lists versions, or the current one alone, to those who may see the org', async () => {
    await publish('org_1', 'ast_a');
    fixture.current = { event: (await fixture.redis.get('{spec}:current:ast_a'))! };
    const [entry] = (await versions('ast_a')).versions;
    expect(entry).toEqual({
      version: expect.any(Number),
      cause: 'IMPORT',
      removal: 'REMOVAL_UNSPECIFIED',
      publishTime: { seconds: expect.any(String), nanos: expect.any(Number) },
      rotationId: '',
      bulkRotationId: '',
      requestedBy: 'system',
    });
    await fixture.redis.del('{spec}:versions:ast_a');
    expect((await versions('ast_a')).versions).toMatchObject([
      { version: entry.version, cause: 'IMPORT', requestedBy: '' },
    ]);
    await fixture.redis.rpush(
      '{spec}:versions:ast_a',
      '5000 rk 1 - - alice',
      '> org_2',
      '4000 rk 1 - - bob',
      '> org_1',
      '3000 rk 1 - - carol',
    );
    const requestedBy = async () =>
      (await versions('ast_a')).versions.map((one: { requestedBy: string }) => one.requestedBy);
    expect(await requestedBy()).toEqual(['', 'alice', 'bob', 'carol']);
    seeOnly(['org_1']);
    expect(await requestedBy()).toEqual(['', 'alice', 'carol']);
    seeOnly(['org_2']);
    expect(await reasonOf(versions('ast_a'))).toBe('ASSISTANT_NOT_KNOWN');
    fixture.current = undefined;
    expect(await reasonOf(versions('ast_none'))).toBe('ASSISTANT_NOT_KNOWN');
  });
});

describe('what a consumer holds', () => {
  const positionsAt = (position: string | undefined, unapplied: string[] = []) =>
    ({
      slowest: () => (position === undefined ? undefined : { position }),
      reach: (_name: string, entry: string, version?: { assistantId: string }) => {
        if (position === undefined) return 'GONE';
        if (Number(position.split('-')[0]) < Number(entry.split('-')[0])) return 'PENDING';
        const lacks = version ? unapplied.includes(version.assistantId) : unapplied.length > 0;
        return lacks ? 'UNAPPLIED' : 'ACKNOWLEDGED';
      },
    }) as unknown as ConsumerPositions;
  const at = (assistantId: string, ms: number): ListedAssistant => ({
    assistantId,
    orgId: 'org_1',
    version: ms * 1000,
    fingerprint: 'K:f',
    publishedMs: ms,
    isUncertain: false,
    entry: `${ms}-0`,
  });
  const lacking = async (positions: ConsumerPositions) => {
    await addConsumer('billing', ['org_1']);
    const { registry } = fixture;
    const all = () => true;
    const found = await unacknowledgedBy(
      { registry, positions, positionsRead: Promise.resolve() },
      'billing',
      all,
    );
    const ids = [at('old', 1000), at('new', 3000)].filter(found.matches).map((one) => one.assistantId);
    return { ids, fromMs: found.fromMs };
  };

  it.each<[string, ConsumerPositions, object]>([
    ['is what was published up to its position', positionsAt('2000-0'), { ids: ['new'], fromMs: 2000 }],
    ['is nothing if no instance is live', positionsAt(undefined), { ids: ['old', 'new'], fromMs: undefined }],
    [
      'lacks what it could not apply',
      positionsAt('2000-0', ['old']),
      { ids: ['old', 'new'], fromMs: undefined },
    ],
    ['may be everything', positionsAt('4000-0'), { ids: [], fromMs: 4000 }],
  ])('%s', async (_what, positions, expected) => {
    expect(await lacking(positions)).toEqual(expected);
  });

  it.each<[ConsumerPositions, object]>([
    [positionsAt('2000-0'), { state: 'PENDING', version: 1_500_000 }],
    [positionsAt('1000-0'), { state: 'PENDING' }],
    [positionsAt('3000-0'), { state: 'ACKNOWLEDGED', version: 3_000_000 }],
    [positionsAt('3000-0', ['new']), { state: 'UNAPPLIED' }],
    [positionsAt(undefined), { state: 'GONE' }],
  ])('is a version of the history', async (positions, expected) => {
    await addConsumer('billing', ['org_1']);
    await addConsumer('other', ['org_2']);
    const { registry } = fixture;
    const history = [3000, 1500].map((ms) => ({ version: ms * 1000, publishedMs: ms }));
    const deps = { registry, positions, positionsRead: Promise.resolve() };
    expect(await holdersOf(deps, at('new', 3000), history)).toEqual([{ consumer: 'billing', ...expected }]);
  });
});
