import { describe, expect, it } from '@jest/globals';
import type { Target } from '@rekey/invent';
import { AliasContradiction } from './learn-alias.ts';
import {
  redis,
  alias,
  upstream,
  keeper,
  logged,
  startWorker,
  publish,
  known,
  conflict,
  published,
  addConsumer,
  name,
  makeChecks,
  openSpecLedger,
  pass,
  useOrgAlias,
} from './org-alias-fixture.ts';

useOrgAlias();

describe('which org `c` is', () => {
  it('is learned when an org is named that has the assistants published under `c`', async () => {
    await publish('c', 'ast_1', 'ast_2');
    await keeper.round();
    expect([await known(), upstream.requests]).toEqual([undefined, []]);
    await name('org_real');
    await keeper.round();
    expect(await known()).toBe('org_real');
    expect((await alias.read()).known).toMatchObject({ how: 'learned' });
    expect(upstream.requests.length).toBeLessThanOrEqual(8);
  });

  it('is learned before a sweep from the list of `c`, if nothing is published under `c`', async () => {
    await publish('org_real', 'ast_1');
    await keeper.round();
    expect(upstream.requests).toEqual([]);
    await keeper.beforeSweep();
    expect(await known()).toBe('org_real');
  });

  it('costs no request if no other org is named, and none once it is known', async () => {
    await publish('c', 'ast_1');
    await keeper.beforeSweep();
    expect(upstream.requests).toEqual([]);
    await name('org_real');
    await keeper.round();
    upstream.requests.length = 0;
    await keeper.beforeSweep();
    await keeper.round();
    expect(upstream.requests).toEqual([]);
  });

  it('is not an org with other assistants, which is asked only once', async () => {
    await publish('c', 'ast_1');
    upstream.forbidden.add('org_strange');
    await addConsumer('one', ['org_other', 'org_strange']);
    await keeper.beforeSweep();
    expect([await known(), await conflict()]).toEqual([undefined, undefined]);
    const { length } = upstream.requests;
    for (let i = 0; i < 5; i += 1) await keeper.beforeSweep();
    expect(upstream.requests).toHaveLength(length);
    await name('org_real');
    await keeper.round();
    expect(await known()).toBe('org_real');
  });

  it('is learned from an Invent that refuses other orgs like a wrong API key', async () => {
    await publish('c', 'ast_1');
    const refused = {
      outcome: 'not-read',
      code: 'UPSTREAM_UNAUTHENTICATED',
      status: 401,
      reason: '401',
    } as const;
    const getAssistant = async (target: Target) =>
      ['c', 'org_real'].includes(target.orgId) ? upstream.client.getAssistant(target) : refused;
    const { keeper: strict } = await startWorker({ prober: { ...upstream.client, getAssistant } });
    await addConsumer('one', ['org_another', 'org_real']);
    await strict.round();
    expect(await known()).toBe('org_real');
  });

  it('is looked for in a few orgs at a time, however many are named', async () => {
    await publish('c', 'ast_1');
    await addConsumer(
      'one',
      Array.from({ length: 50 }, (_, i) => `org_n${i}`),
    );
    await keeper.round();
    expect(upstream.requests.length).toBeLessThanOrEqual(10);
  });

  it.each<[string, () => void]>([
    ['a period of 404 answers', () => (upstream.refuses = 'ASSISTANT_NOT_FOUND')],
    ['a period of 401 answers', () => (upstream.refuses = 'UPSTREAM_UNAUTHENTICATED')],
    ['a period of 403 answers', () => (upstream.refuses = 'UPSTREAM_FORBIDDEN')],
    ['an unreachable Invent', () => (upstream.refuses = 'UPSTREAM_UNREACHABLE')],
    ['an API key of another org', () => (upstream.alias = 'org_other')],
  ])('is not learned from %s, and is learned afterwards', async (_what, begin) => {
    await publish('c', 'ast_1', 'ast_2');
    await addConsumer('one', ['org_real', 'org_other']);
    begin();
    await keeper.beforeSweep();
    await keeper.round();
    expect([await known(), await conflict()]).toEqual([undefined, undefined]);
    upstream.refuses = undefined;
    upstream.alias = 'org_real';
    pass(60_000);
    await keeper.round();
    expect(await known()).toBe('org_real');
  });

  it('is not asked while the registry is not believed, and is learned in the round after that', async () => {
    await publish('c', 'ast_1');
    await name('org_real');
    const manifest = (await redis.get('{spec}:registry'))!;
    await redis.del('{spec}:registry');
    // As of an earlier version, which proved nothing.
    await redis.hset('{spec}:ledger', 'alias', 'org_real');
    const own = openSpecLedger();
    const restarted = await startWorker({}, own);
    await restarted.keeper.beforeSweep();
    await restarted.keeper.round();
    expect([(await own.alias.read()).known, upstream.requests]).toEqual([undefined, []]);
    await redis.set('{spec}:registry', manifest);
    await restarted.keeper.round();
    expect((await own.alias.read()).known?.orgId).toBe('org_real');
  });

  it('is not learned while Invent finds nothing for a moment', async () => {
    await publish('c', 'ast_1');
    await name('org_real');
    upstream.onRequest = (request) =>
      (upstream.refuses =
        request.startsWith('GET c/') && upstream.requests.length === 0 ? undefined : 'ASSISTANT_NOT_FOUND');
    await keeper.round();
    expect(await known()).toBeUndefined();
    upstream.onRequest = () => {};
    upstream.refuses = undefined;
    pass(60_000);
    await keeper.round();
    expect(await known()).toBe('org_real');
  });

  it('is not learned from strangers that an API key of another org has imported under `c`', async () => {
    await publish('c', 'ast_1', 'ast_2', 'ast_3');
    upstream.alias = 'org_other';
    upstream.add('org_other', 'ast_o2', 'ast_o3', 'ast_o4');
    await publish('c', 'ast_o1', 'ast_o2', 'ast_o3', 'ast_o4');
    await name('org_other');
    await keeper.beforeSweep();
    expect(await known()).toBeUndefined();
  });

  it.each<[string, () => void, RegExp]>([
    ['finds every assistant under any org', () => (upstream.ignoresOrg = true), /does not exist/],
    [
      'finds every assistant under each org that exists',
      () => (upstream.ignoresKnownOrgs = true),
      /lists other assistants/,
    ],
  ])('is not learned from an Invent that %s', async (_what, begin, why) => {
    await publish('c', 'ast_1', 'ast_2');
    await name('org_other');
    begin();
    await keeper.round();
    expect(await known()).toBeUndefined();
    expect(await conflict()).toMatch(why);
    expect(
      logged.filter(({ level, event: one }) => level === 'error' && one === 'org_alias_conflict'),
    ).toHaveLength(1);
    const { length } = upstream.requests;
    await keeper.round();
    await keeper.beforeSweep();
    expect(upstream.requests).toHaveLength(length);
  });

  it('is not learned if two orgs have the same assistants', async () => {
    await publish('c', 'ast_1', 'ast_2');
    upstream.add('org_twin', 'ast_1', 'ast_2', 'ast_3');
    await addConsumer('one', ['org_real', 'org_twin']);
    await keeper.round();
    expect(await known()).toBeUndefined();
    expect((await alias.read()).conflict).toMatchObject({
      why: 'assistants of c answer under more than one org',
      orgIds: ['org_real', 'org_twin'],
    });
  });

  it('is learned once by several workers, and by none without a key for `c`', async () => {
    await publish('c', 'ast_1');
    await name('org_real');
    const keyless = await startWorker({ hasKey: () => false });
    await keyless.keeper.round();
    expect([await known(), upstream.requests]).toEqual([undefined, []]);
    const workers = await Promise.all([startWorker(), startWorker(), startWorker()]);
    await Promise.all(workers.map((worker) => worker.keeper.round()));
    expect(await known()).toBe('org_real');
    expect(logged.filter(({ event: one }) => one === 'org_alias_known')).toHaveLength(1);
  });
});

describe('INVENT_ORG_ID', () => {
  it('is accepted unless Invent contradicts it, even if there is nothing to compare', async () => {
    upstream.orgs.set('org_real', new Map());
    await (await startWorker({ configured: 'org_real' })).keeper.establish();
    expect((await alias.read()).known).toMatchObject({ orgId: 'org_real', how: 'configured' });
  });

  it('renames what was published under `c` before', async () => {
    await publish('c', 'ast_1', 'ast_2');
    const configured = await startWorker({ configured: 'org_real' });
    await configured.keeper.establish();
    await configured.keeper.round();
    await makeChecks();
    pass(60_000);
    await configured.keeper.round();
    expect([await redis.smembers('{spec}:orgs'), (await alias.read()).known?.how]).toEqual([
      ['org_real'],
      'configured',
    ]);
    expect(await published('ast_2')).toEqual(['org_real', 'reconciliation', 'sk_ast_2_0']);
  });

  it('is accepted if the file of API keys has none for `c`', async () => {
    await (await startWorker({ configured: 'org_real', hasKey: () => false })).keeper.establish();
    expect([await known(), upstream.requests]).toEqual(['org_real', []]);
  });

  it('is refused with a reason if it contradicts Invent', async () => {
    const { keeper: wrong } = await startWorker({ configured: 'org_other' });
    await expect(wrong.establish()).rejects.toThrow(AliasContradiction);
    await expect(wrong.establish()).rejects.toThrow(/INVENT_ORG_ID=org_other contradicts Invent: .*`c`/);
    expect([await known(), await conflict()]).toEqual([
      undefined,
      'INVENT_ORG_ID is not the org of the API key',
    ]);
    await keeper.establish();
    expect(await conflict()).toBeUndefined();
  });

  it('is refused without a change if it contradicts what was learned', async () => {
    await alias.note('org_real', 'learned');
    const { keeper: wrong } = await startWorker({ configured: 'org_other' });
    await expect(wrong.establish()).rejects.toThrow(
      /INVENT_ORG_ID=org_other contradicts the ledger, which has learned from Invent .* org_real/,
    );
    expect([await known(), upstream.requests]).toEqual(['org_real', []]);
  });

  it('is examined later if Invent is unreachable at the start, and may conflict then', async () => {
    upstream.refuses = 'UPSTREAM_UNREACHABLE';
    const right = await startWorker({ configured: 'org_real' });
    await right.keeper.establish();
    const wrong = await startWorker({ configured: 'org_other' });
    await wrong.keeper.establish();
    expect(await known()).toBeUndefined();
    upstream.refuses = undefined;
    pass(60_000);
    await wrong.keeper.round();
    expect([await known(), await conflict()]).toEqual([
      undefined,
      'INVENT_ORG_ID is not the org of the API key',
    ]);
    await right.keeper.round();
    expect([await known(), await conflict()]).toEqual(['org_real', undefined]);
  });
});
