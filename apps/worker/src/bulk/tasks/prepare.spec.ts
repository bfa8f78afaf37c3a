import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  HOUR_MS,
  PAGE,
  keys,
  type Upstream,
  redis,
  bulks,
  work,
  upstream,
  names,
  make,
  doTask,
  prepared,
  idsOf,
  wordsOf,
  rotateAll,
  corrupt,
  codeOf,
  useBulkTasks,
} from './bulk-task-fixture.ts';

useBulkTasks();

describe('preparing an org', () => {
  it('takes each of its assistants once, including those that exist and are not listed', async () => {
    upstream.add('org_a', ...names(1011));
    await prepared();
    for (const id of names(16, 500)) upstream.unlisted.add(id);
    const bulk = await prepared();
    expect(bulk).toMatchObject({ state: 'RUNNING', counts: { total: 1011 } });
    const ids = await idsOf(bulk);
    expect(ids.slice(0, 995)).toEqual(names(1011).filter((id) => !upstream.unlisted.has(id)));
    expect(ids.slice(995).toSorted()).toEqual([...upstream.unlisted].toSorted());
  });

  it('continues if the entries of some assistants cannot be read, listed or not', async () => {
    upstream.add('org_a', ...names(20));
    await prepared();
    await corrupt('ast_3');
    await corrupt('ast_4');
    upstream.unlisted.add('ast_4');
    const bulk = await prepared();
    expect(bulk).toMatchObject({ state: 'RUNNING', counts: { total: 19 } });
    expect((await redis.hkeys(keys.quarantine)).toSorted()).toEqual(['ast_3', 'ast_4']);
  });

  it('estimates the requests of listing, rotating and verifying', async () => {
    upstream.add('org_a', ...names(150));
    // Two passes of two pages, because no assistant is known, and one page beyond the count; three reads of
    // the first page and one of the second; one pass to verify.
    const first = await prepared();
    expect(first.estimate).toEqual({
      requests: 5 + 4 + 150 + 2,
      durationMs: Math.round((161 * 60_000) / 492.5),
    });
    expect((await prepared({ validateOnly: true })).estimate).toMatchObject({ requests: 2 + 150 + 2 });
    // The search finds 61, on one page. The next page shows that there are no more.
    expect((await prepared({ selection: { kind: 'org', search: 'ast_1' } })).estimate).toMatchObject({
      requests: 2 + 61 + 1,
    });
  });

  it('saves any number of assistants that a policy chooses', async () => {
    upstream.add('org_a', 'ast_1');
    const share = { consider: async () => {}, chosen: () => names(200_500) };
    const { id } = await make('org', { selection: { kind: 'org', policyId: 'pol_1' } });
    await doTask({ openShare: async () => share });
    expect(await bulks.get(id)).toMatchObject({ state: 'RUNNING', counts: { total: 200_500 } });
    expect([await work.ids(id, 0), await work.ids(id, 200)]).toEqual([names(1000), names(500, 200_000)]);
  });

  it('is retried while upstream is unreachable, and given up after the retry period', async () => {
    upstream.add('org_a', 'ast_1');
    upstream.refuses = 'UPSTREAM_UNREACHABLE';
    const { id } = await make('org');
    expect(await codeOf(doTask())).toBe('UPSTREAM_UNREACHABLE');
    expect(await bulks.get(id)).toMatchObject({ state: 'PREPARING' });
    await doTask({ retryForMs: 0 });
    expect(await bulks.get(id)).toMatchObject({ state: 'FAILED', why: 'UPSTREAM_UNREACHABLE' });
  });
});

/** Ways in which a list of 850 shows fewer assistants, or may do so. */
const lies: [what: string, listed: number, list: NonNullable<Upstream['list']>][] = [
  ['repeats its first page', 100, (all) => ({ ids: all.slice(0, PAGE), total: 850 })],
  [
    'omits two fifths',
    510,
    (all, page) => ({
      ids: all.slice((page - 1) * PAGE, page * PAGE).filter((_, i) => i % 5 < 3),
      total: 850,
    }),
  ],
  [
    'stops in the middle',
    400,
    (all, page) => ({ ids: page > 4 ? [] : all.slice((page - 1) * PAGE, page * PAGE), total: 850 }),
  ],
  [
    'counts fewer than it lists',
    850,
    (all, page) => ({ ids: all.slice((page - 1) * PAGE, page * PAGE), total: 400 }),
  ],
  [
    'counts more than it lists',
    850,
    (all, page) => ({ ids: all.slice((page - 1) * PAGE, page * PAGE), total: 1e9 }),
  ],
  ['has no count and repeats its first page', 100, (all) => ({ ids: all.slice(0, PAGE) })],
  [
    'has a page that fails',
    750,
    (all, page) =>
      page === 7 ? 'UPSTREAM_UNREACHABLE' : { ids: all.slice((page - 1) * PAGE, page * PAGE), total: 850 },
  ],
];

describe('an incomplete list', () => {
  beforeEach(() => upstream.add('org_a', ...names(850)));

  it.each(lies)('that %s halts a bulk rotation before its first assistant', async (_what, listed, list) => {
    upstream.list = list;
    const bulk = await prepared();
    expect(bulk).toMatchObject({
      state: 'HALTED',
      why: 'LIST_INCOMPLETE',
      counts: { total: listed, waiting: listed, rotating: 0 },
      list: { complete: false, listed },
    });
    await rotateAll();
    expect(await bulks.get(bulk.id)).toMatchObject({
      state: 'HALTED',
      counts: { waiting: listed, succeeded: 0 },
    });
  });

  it('is accepted by resuming the bulk rotation: it rotates the listed assistants', async () => {
    const [, listed, list] = lies[0]!;
    upstream.list = list;
    const bulk = await prepared();
    await bulks.resume(bulk.id);
    await rotateAll();
    upstream.list = undefined;
    await doTask();
    expect(await bulks.get(bulk.id)).toMatchObject({
      state: 'COMPLETED',
      counts: { succeeded: listed },
      verification: { verified: listed },
      list: { complete: false, listed },
    });
  });

  it.each(lies)('that %s fails a dry run', async (_what, listed, list) => {
    upstream.list = list;
    expect(await prepared({ validateOnly: true })).toMatchObject({
      state: 'FAILED',
      why: 'LIST_INCOMPLETE',
      list: { complete: false, listed },
    });
  });

  it('halts bulk rotations by search, by age and by policy too', async () => {
    upstream.list = lies[0]![2];
    for (const selection of [{ search: 'ast_' }, { rotatedBeforeMs: Date.now() + HOUR_MS }] as const) {
      expect(await prepared({ selection: { kind: 'org', ...selection } })).toMatchObject({
        state: 'HALTED',
        why: 'LIST_INCOMPLETE',
        counts: { total: 100 },
      });
    }
    const { id } = await make('org', { selection: { kind: 'org', policyId: 'pol_1' } });
    await doTask({ openShare: async () => ({ consider: async () => {}, chosen: () => names(20) }) });
    expect(await bulks.get(id)).toMatchObject({
      state: 'HALTED',
      why: 'LIST_INCOMPLETE',
      counts: { total: 20 },
      list: { listed: 100, counted: 850 },
    });
  });

  it('halts a bulk rotation, to which known assistants that are not listed are added', async () => {
    await prepared();
    upstream.list = (all, page) => ({
      ids: all.slice(0, 840).slice((page - 1) * PAGE, page * PAGE),
      total: 850,
    });
    const bulk = await prepared();
    expect(bulk).toMatchObject({
      state: 'HALTED',
      why: 'LIST_INCOMPLETE',
      counts: { total: 850 },
      list: { complete: false, listed: 840, counted: 850 },
    });
    expect((await idsOf(bulk)).toSorted()).toEqual(names(850).toSorted());
  });

  it('proves nothing about unlisted assistants: dry runs and verifications read them', async () => {
    await prepared();
    await redis.del(keys.bulksActive);
    upstream.list = (all, page) => ({
      ids: all.slice(40, 540).slice((page - 1) * PAGE, page * PAGE),
      total: 850,
    });
    upstream.add('org_a', 'ast_new');
    const dry = await make([...names(50), 'ast_new', 'unknown'], { validateOnly: true });
    await doTask();
    expect(await wordsOf(dry)).toMatchObject({
      ast_0: 'VALID',
      ast_49: 'VALID',
      ast_new: 'VALID',
      unknown: 'ASSISTANT_NOT_FOUND',
    });
    const bulk = await make(names(50));
    await rotateAll();
    upstream.requests.length = 0;
    upstream.rotate('org_a', 'ast_33');
    await doTask();
    expect(await bulks.get(bulk.id)).toMatchObject({
      state: 'COMPLETED',
      verification: { verified: 49, repaired: 1, unverified: 0, differing: ['ast_33'] },
    });
    expect(upstream.requests.filter((request) => request.startsWith('GET')).length).toBe(40);
  });
});

describe('a correct list', () => {
  it('is read to its end with pages of any size', async () => {
    upstream.add('org_a', ...names(850));
    upstream.list = (all, page) => ({ ids: all.slice((page - 1) * 50, page * 50), total: 850 });
    expect(await prepared()).toMatchObject({
      state: 'RUNNING',
      counts: { total: 850 },
      list: { complete: true, listed: 850, counted: 850, unreadable: 0 },
    });
  });

  it('may hold a few unreadable records, which are omitted and counted', async () => {
    upstream.add('org_a', ...names(20));
    upstream.list = (all, page) => (page > 1 ? { ids: [] } : { ids: all, unreadable: ['mark'], total: 21 });
    expect(await prepared()).toMatchObject({
      state: 'RUNNING',
      counts: { total: 20 },
      list: { complete: true, listed: 20, counted: 21, unreadable: 1 },
    });
  });

  it('omits an assistant that an older ledger knows by an invalid id', async () => {
    upstream.add('org_a', ...names(20));
    await prepared();
    await redis.zadd(keys.assistants('org_a'), 1, 'ast_x\nast_y');
    const bulk = await prepared();
    expect(bulk).toMatchObject({ state: 'RUNNING', counts: { total: 20 } });
    expect(await idsOf(bulk)).toEqual(names(20));
  });
});
