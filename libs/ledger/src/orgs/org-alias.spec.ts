import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Bulks } from '../bulks/bulks.ts';
import type { BulkRange } from '../bulks/work/bulk-work.ts';
import type { Consumers } from '../consumers/consumers.ts';
import {
  SEALED,
  accept,
  claimOf,
  claimed,
  codeOf,
  dueChecks,
  events,
  key,
  ledger,
  looked,
  lose,
  nextId,
  readKey,
  redis,
  request,
  rotate,
  useLedger,
} from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';
import type { Policies } from '../policies/policies.ts';
import type { OrgAlias } from './org-alias.ts';

let alias: OrgAlias;
let bulks: Bulks;
let policies: Policies;
let consumers: Consumers;
useLedger();
beforeEach(() => {
  ({ alias, bulks, policies, consumers } = ledger);
});

const underC = { orgId: 'c' };
const REQUEST_ID = '5a4e3c1a-0000-4000-8000-000000000001';
const makeBulk = async (orgId: string, requestId?: string) => {
  const draft = bulks.draft(nextId().replace('rot_', 'blk_'));
  await draft.add(['ast_1']);
  const spec = {
    orgId,
    reason: '',
    selection: { kind: 'ids' as const },
    urgent: false,
    validateOnly: false,
    maxFailures: { percent: 100 },
    ...(requestId !== undefined && { requestId }),
  };
  return bulks.create(draft.id, spec, draft);
};
const makePolicy = (orgId: string, requestId?: string) =>
  policies.create(
    nextId().replace('rot_', 'pol_'),
    {
      orgId,
      reason: '',
      everyDays: 90,
      window: { cron: '0 3 * * *', timeZone: 'UTC', lengthMs: 3_600_000 },
      maxFailures: { percent: 1 },
      ...(requestId !== undefined && { requestId }),
    },
    undefined,
  );

describe('the org that `c` stands for', () => {
  it('is noted once, with its source and time', async () => {
    expect(await alias.read()).toEqual({});
    expect(await alias.note('org_1', 'learned')).toEqual({ kind: 'noted' });
    expect(await alias.note('org_1', 'configured')).toEqual({ kind: 'known' });
    expect(await alias.read()).toEqual({
      known: { orgId: 'org_1', how: 'learned', sinceMs: expect.any(Number) },
    });
  });

  it('is one org: another one contradicts, and changes nothing', async () => {
    await alias.note('org_1', 'learned');
    const before = await redis.hgetall('{spec}:ledger');
    expect(await alias.note('org_2', 'configured')).toEqual({
      kind: 'contradicts',
      known: { orgId: 'org_1', how: 'learned', sinceMs: expect.any(Number) },
    });
    expect(await redis.hgetall('{spec}:ledger')).toEqual(before);
  });

  it('is noted by one of many workers that find different orgs at once', async () => {
    const kinds = await Promise.all(
      ['org_1', 'org_2', 'org_3'].map(async (orgId) => (await alias.note(orgId, 'learned')).kind),
    );
    expect(kinds.toSorted()).toEqual(['contradicts', 'contradicts', 'noted']);
  });

  it('has contradictory evidence noted until it is known', async () => {
    await alias.noteConflict({ why: 'as the test has it', orgIds: ['org_1', 'org_2'] });
    expect((await alias.read()).conflict).toEqual({
      why: 'as the test has it',
      orgIds: ['org_1', 'org_2'],
      sinceMs: expect.any(Number),
    });
    await alias.note('org_1', 'configured');
    expect((await alias.read()).conflict).toBeUndefined();
  });

  it('may be any org that a rotation, bulk, policy or consumer names, or with publications', async () => {
    await rotate('one', { orgId: 'org_published' });
    await accept({ orgId: 'org_rotation', assistantId: 'ast_2' });
    await makeBulk('org_bulk');
    await makePolicy('org_policy');
    await consumers.write('billing', undefined, {
      name: 'billing',
      orgs: ['*', 'c', 'org_consumer'],
      state: 'PENDING',
      created_at: '',
      key: { kty: 'OKP', kid: 'x' },
    });
    await redis.hset('{spec}:consumers', 'broken', 'nonsense');
    expect(await alias.candidates()).toEqual([
      'org_bulk',
      'org_consumer',
      'org_policy',
      'org_published',
      'org_rotation',
    ]);
  });

  it('is not looked for again for a while in an org that is ruled out', async () => {
    await alias.noteTried('org_1', 60_000);
    expect(await alias.untried(['org_1', 'org_2'])).toEqual(['org_2']);
    await alias.noteTried('org_2', 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await alias.untried(['org_1', 'org_2'])).toEqual(['org_2']);
  });
});

describe('once it is known', () => {
  it('a rotation that is requested under `c` is one of the org', async () => {
    await alias.note('org_1', 'learned');
    expect(await accept(underC)).toMatchObject({ orgId: 'org_1' });
    expect(await redis.hget('{spec}:assistant:ast_1', 'queued:c')).toBeNull();
  });

  it('a rotation QUEUED under `c` answers a request for the org, before and after its renaming', async () => {
    const { id } = await accept(underC);
    await alias.note('org_1', 'learned');
    expect(await accept()).toMatchObject({ id, orgId: 'org_1' });
    expect(await alias.adoptRotations('')).toEqual({ renamed: 1 });
    expect(await accept()).toMatchObject({ id, orgId: 'org_1' });
    expect(await accept(underC)).toMatchObject({ id, orgId: 'org_1' });
    expect(await redis.hgetall('{spec}:assistant:ast_1')).toEqual({ 'queued:org_1': id });
    expect((await ledger.rotations.list({ orgId: 'org_1' }, { size: 10 })).rotations).toMatchObject([
      { id, orgId: 'org_1' },
    ]);
  });

  it('the same request_id is the same request under either name, also from before', async () => {
    const first = await ledger.rotations.accept(nextId(), request({ ...underC, requestId: REQUEST_ID }));
    expect(await codeOf(ledger.rotations.accept(nextId(), request({ requestId: REQUEST_ID })))).toBe(
      'REQUEST_ID_REUSED',
    );
    await alias.note('org_1', 'learned');
    for (const orgId of ['c', 'org_1']) {
      expect(
        await ledger.rotations.accept(nextId(), request({ orgId, requestId: REQUEST_ID })),
      ).toMatchObject({
        created: false,
        rotation: { id: first.rotation.id, orgId: 'org_1' },
      });
    }
    expect(
      await codeOf(ledger.rotations.accept(nextId(), request({ orgId: 'org_2', requestId: REQUEST_ID }))),
    ).toBe('REQUEST_ID_REUSED');
    expect(
      await codeOf(ledger.rotations.accept(nextId(), request({ requestId: REQUEST_ID, reason: 'another' }))),
    ).toBe('REQUEST_ID_REUSED');
  });

  it('the same holds for bulk rotations and policies, which then have the name of the org', async () => {
    const other = REQUEST_ID.replace(/1$/, '2');
    const [bulk, policy] = [await makeBulk('c', REQUEST_ID), await makePolicy('c', other)];
    await alias.note('org_1', 'learned');
    expect(await bulks.get(bulk.bulk.id)).toMatchObject({ orgId: 'org_1' });
    expect(await policies.get(policy.policy.id)).toMatchObject({ orgId: 'org_1' });
    for (const orgId of ['c', 'org_1']) {
      expect(await makeBulk(orgId, REQUEST_ID)).toMatchObject({ created: false, bulk: { id: bulk.bulk.id } });
      expect(await makePolicy(orgId, other)).toMatchObject({
        created: false,
        policy: { id: policy.policy.id },
      });
      expect((await makeBulk(orgId)).bulk).toMatchObject({ orgId: 'org_1' });
      expect((await makePolicy(orgId)).policy).toMatchObject({ orgId: 'org_1' });
    }
    expect(await codeOf(makeBulk('org_2', REQUEST_ID))).toBe('REQUEST_ID_REUSED');
    expect(await codeOf(makePolicy('org_2', other))).toBe('REQUEST_ID_REUSED');
    expect((await bulks.list({ orgId: 'org_1' }, { size: 10 })).bulks).toHaveLength(3);
    expect(await policies.list({ orgId: 'org_1' })).toHaveLength(3);
  });

  it('a sweep that is queued for `c` is queued for the org', async () => {
    const sweeps = openLedger(redis, { prefix: 'spec' }).sweeps;
    const { sweep } = await sweeps.create('swp_1', 'c');
    await alias.note('org_1', 'learned');
    expect(await sweeps.create('swp_2', 'org_1')).toMatchObject({
      created: false,
      sweep: { id: sweep.id, orgId: 'org_1' },
    });
    expect(await sweeps.create('swp_3', 'c')).toMatchObject({
      created: false,
      sweep: { id: sweep.id, orgId: 'org_1' },
    });
  });

  it('a job from before is claimed, and its intent counts in the one budget of unknowns', async () => {
    const rotation = await accept(underC);
    await alias.note('org_1', 'learned');
    const claim = await claimed({ ...rotation, orgId: 'c' });
    expect(await redis.zrange('{spec}:intents:org_1', '0', '-1')).toEqual(['ast_1']);
    expect(await redis.exists('{spec}:intents:c')).toBe(0);
    expect((await claimOf(await accept({ assistantId: 'ast_2' }), { maxOpenIntents: 1 })).kind).toBe('full');
    await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0 }, { ...SEALED, revision: '1' });
    expect(await redis.hmget('{spec}:ledger', 'run:org_1', 'run:c')).toEqual(['1', null]);
  });

  it('a job that arrives after its rotation was renamed is claimed too', async () => {
    const rotation = await accept(underC);
    await alias.note('org_1', 'learned');
    await alias.adoptRotations('');
    expect((await claimOf({ ...rotation, orgId: 'c' })).kind).toBe('claimed');
    expect(await redis.hget('{spec}:assistant:ast_1', 'queued:org_1')).toBeNull();
  });

  it('assistants of a bulk rotation that were drawn before are claimed for the org', async () => {
    await makeBulk('c');
    const work = openLedger(redis, { prefix: 'spec' }).bulkWork;
    const draw = await work.draw({
      token: 'w1',
      leaseMs: 60_000,
      size: 10,
      maxOpenIntents: 10,
      ranges: true,
      tasks: false,
      except: [],
    });
    const { range } = draw as { range: BulkRange };
    expect(range.orgId).toBe('c');
    await alias.note('org_1', 'learned');
    const [{ index, assistantId }] = range.waiting as [BulkRange['waiting'][number]];
    const job = { rotationId: nextId(), orgId: range.orgId, assistantId };
    expect(
      await work.claim(range, [{ index, job }], {
        leaseMs: 60_000,
        landingWindowMs: 60_000,
        maxOpenIntents: 10,
      }),
    ).toMatchObject({ kind: 'claimed', items: [{ kind: 'claimed' }] });
    expect(await redis.zrange('{spec}:intents:org_1', '0', '-1')).toEqual(['ast_1']);
    expect(await ledger.rotations.get(job.rotationId)).toMatchObject({ orgId: 'org_1' });
    expect(await redis.exists('{spec}:intents:c')).toBe(0);
    expect(
      (
        await work.draw({
          token: 'w2',
          leaseMs: 60_000,
          size: 10,
          maxOpenIntents: 1,
          ranges: true,
          tasks: false,
          except: [],
        })
      ).kind,
    ).toBe('nothing');
  });

  it('intents that were open under `c` count for the org, and their workers close them', async () => {
    const [ours, theirs] = [await claimed(await accept(underC)), await lose({ assistantId: 'ast_2' })];
    await lose({ ...underC, assistantId: 'ast_3' });
    await alias.note('org_1', 'learned');
    expect((await redis.zrange('{spec}:intents:org_1', '0', '-1')).toSorted()).toEqual([
      'ast_1',
      'ast_2',
      'ast_3',
    ]);
    expect(await redis.hmget('{spec}:ledger', 'run:org_1', 'run:c')).toEqual(['2', null]);
    expect(await ledger.rotations.release(ours)).toBe(true);
    expect(await redis.zrange('{spec}:intents:org_1', '0', '-1')).toEqual(
      expect.arrayContaining([theirs.assistantId, 'ast_3']),
    );
    expect(await redis.zcard('{spec}:intents:org_1')).toBe(2);
  });

  it('an event that was sealed before is not committed: it is sealed again, under the one name', async () => {
    const claim = await claimed(await accept(underC));
    await alias.note('org_1', 'learned');
    expect(await ledger.assistants.commit(claim, key('new'))).toEqual({ kind: 'other-recipients' });
    expect(await redis.exists('{spec}:current:ast_1')).toBe(0);
  });

  it('a hold on `c` holds the org, and a check that is requested under `c` is one of the org', async () => {
    await redis.hset('{spec}:held', 'c', '{"since":1,"code":"ORG_CHANGED","affected":1,"known":1}');
    await alias.note('org_1', 'learned');
    expect(await redis.hgetall('{spec}:held')).toEqual({
      org_1: '{"since":1,"code":"ORG_CHANGED","affected":1,"known":1}',
    });
    await ledger.assistants.requestCheck({ orgId: 'c', assistantId: 'ast_1' }, 0);
    expect(await dueChecks()).toEqual(['org_1/ast_1']);
  });

  it('the limit of changes depends on all that is known of the org', async () => {
    for (const assistantId of ['ast_1', 'ast_2', 'ast_3', 'ast_4'])
      await rotate(assistantId, { ...underC, assistantId });
    await rotate('five', { assistantId: 'ast_5' });
    await ledger.orgs.endSweep('c');
    await ledger.orgs.endSweep('org_1');
    await redis.zadd('{spec}:changes:c', Date.now(), 'ast_1');
    await redis.zadd('{spec}:changes:org_1', Date.now(), 'ast_5');
    await alias.note('org_1', 'learned');
    for (const orgId of ['c', 'org_1'])
      expect(await ledger.orgs.limits(orgId)).toMatchObject({ known: 5, changed: 2, accepted: false });
    await ledger.orgs.hold('c', { code: 'ORG_CHANGED', affected: 3, known: 5 });
    expect(await ledger.orgs.limits('org_1')).toMatchObject({ held: 'ORG_CHANGED' });
    expect(await redis.hkeys('{spec}:held')).toEqual(['org_1']);
    expect(await ledger.orgs.acceptHeld('c')).toBe(true);
    expect(await ledger.orgs.limits('org_1')).toMatchObject({ accepted: true });
  });

  it('a consumer that named `c` may read the org, also before its entry is renamed', async () => {
    await consumers.write('billing', undefined, {
      name: 'billing',
      orgs: ['c', 'org_1'],
      state: 'ACTIVE',
      created_at: '',
      key: { kty: 'OKP', kid: 'x' },
    });
    const before = await consumers.revisions();
    await alias.note('org_1', 'learned');
    expect(await consumers.get('billing')).toMatchObject({
      consumer: { orgs: ['org_1'] },
      storedOrgs: ['c', 'org_1'],
    });
    const after = await consumers.revisions();
    expect(after.consumers).toBeGreaterThan(before.consumers);
    expect(after.recipients).toBe(String(Number(before.recipients) + 1));
    expect(ledger.registry.alias()).toBe('org_1');
  });
});

describe('a page of what is published under `c`', () => {
  it('names the assistants, and counts all', async () => {
    for (const assistantId of ['ast_1', 'ast_2', 'ast_3'])
      await rotate(`key_${assistantId}`, { ...underC, assistantId });
    await alias.note('org_1', 'learned');
    const { assistantIds, left } = await alias.page(1, 2);
    expect([assistantIds.length, left]).toEqual([2, 3]);
    expect(await alias.page(0, 0)).toEqual({ assistantIds: [], left: 3 });
    expect((await ledger.assistants.publishedPage('c', '0')).count).toBe(3);
  });

  it('has none that was published under another org, or that a writer has invented', async () => {
    await rotate('one', underC);
    await rotate('two', { assistantId: 'ast_2' });
    await redis.zadd('{spec}:assistants:c', 1, 'ast_2', 2, 'ast_invented', 3, 'ast_nothing');
    await redis.hset('{spec}:assistant:ast_nothing', 'org', 'c');
    await alias.note('org_1', 'learned');
    expect(await alias.page(0, 10)).toEqual({ assistantIds: ['ast_1'], left: 1 });
    expect(await redis.zrange('{spec}:assistants:c', '0', '-1')).toEqual(['ast_1']);
  });

  it('has one whose entry is of another type, for its check to set aside', async () => {
    await rotate('one', underC);
    await redis.set('{spec}:assistant:ast_1', 'nonsense');
    expect(await alias.page(0, 10)).toEqual({ assistantIds: ['ast_1'], left: 1 });
  });

  it('leaves no index of `c` when the last one is published under the org', async () => {
    await rotate('one', underC);
    await alias.note('org_1', 'learned');
    const hold = await looked();
    const again = { ...readKey('one', hold), sealed: { ...SEALED, revision: '1' } };
    expect((await ledger.assistants.commit(hold, again)).kind).toBe('committed');
    expect(await alias.page(0, 10)).toEqual({ assistantIds: [], left: 0 });
    expect([await redis.exists('{spec}:assistants:c'), await redis.smembers('{spec}:orgs')]).toEqual([
      0,
      ['org_1'],
    ]);
    expect((await events()).at(-1)).toMatchObject({ source: '/orgs/org_1/assistants/ast_1' });
  });
});
