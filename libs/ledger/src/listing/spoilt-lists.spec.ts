import { beforeEach, describe, expect, it } from '@jest/globals';
import { ledger, looked, readKey, redis, useLedger } from '../ledger-fixture.ts';
import type { AssistantOrder } from './pages/assistant-query.ts';
import type { Place } from './list-source.ts';

useLedger();

const importKey = async (assistantId: string): Promise<void> => {
  const hold = await looked({ orgId: 'org_1', assistantId });
  await ledger.assistants.commit(hold, readKey(`f_${assistantId}`, hold, { cause: 'import' }));
};

/** All pages, which end. */
const readAll = async (order: AssistantOrder, orgIds = ['org_1'], size = 100) => {
  const found = { ids: [] as string[], pages: 0, damaged: false, longest: 0 };
  let after: Place | undefined;
  do {
    const page = await ledger.listing.list({ orgIds, order }, { size, after });
    found.ids.push(...page.assistants.map(({ assistantId }) => assistantId));
    found.damaged ||= page.damaged === true;
    found.longest = Math.max(found.longest, page.next?.id.length ?? 0);
    found.pages += 1;
    after = page.next;
  } while (after !== undefined && found.pages < 100);
  expect(after).toBeUndefined();
  return found;
};
const IDS = ['ast_1', 'ast_é', 'ast_ü', 'zzz'];
const index = (name: string) => `{spec}:index:${name}:org_1`;
const fill = async (name: string, entries: readonly (readonly [number | string, string | Buffer])[]) => {
  const pipeline = redis.pipeline();
  for (const [score, member] of entries) pipeline.zadd(index(name), score, member);
  await pipeline.exec();
};
const many = (count: number, make: (i: number) => string | Buffer, score: number | string = 0) =>
  Array.from({ length: count }, (_, i) => [score, make(i)] as const);

beforeEach(async () => {
  for (const id of IDS) await importKey(id);
});

describe('a list whose index another client has changed', () => {
  it('ends, and has each assistant, beside entries that are no text', async () => {
    // After `ast_…`, and between `ast_é` and `ast_ü`.
    await fill(
      'id',
      many(2500, (i) => Buffer.from(`ast_\u00ff${i}`, 'latin1')),
    );
    await fill(
      'id',
      many(2500, (i) => Buffer.from(`ast_\u00c3\u00af\u00ff${i}`, 'latin1')),
    );
    const { ids, damaged, pages } = await readAll('id');
    expect(ids).toEqual(IDS);
    expect(damaged).toBe(true);
    expect(pages).toBeLessThan(10);
  });

  it('ends, and has each assistant, beside entries of several orgs that are no text', async () => {
    await fill(
      'id',
      many(2500, (i) => Buffer.from(`ast_\u00ff${i}`, 'latin1')),
    );
    expect((await readAll('id', ['org_1', 'org_2'])).ids).toEqual(IDS);
  });

  it('has page tokens of a limited length, also after entries that are very long', async () => {
    await fill(
      'id',
      many(2500, (i) => `ast_2${'x'.repeat(2000)}${i}`),
    );
    await fill(
      'id',
      many(1500, (i) => `zz${'\u00ff'.repeat(1000)}${i}`),
    );
    await fill('id', [[0, '']]);
    const { ids, longest, damaged } = await readAll('id');
    expect(ids).toEqual(IDS);
    expect(longest).toBeLessThanOrEqual(300);
    expect(damaged).toBe(true);
  });

  it.each(['oldest-key', 'newest-key'] as const)(
    'skips very many entries of one score: %s',
    async (order) => {
      const score = Number(await redis.zscore(index('age'), 'ast_1'));
      await fill(
        'age',
        many(30_000, (i) => `x${i}`, score + 0.5),
      );
      const { ids, damaged, pages } = await readAll(order);
      expect(ids.toSorted()).toEqual(IDS.toSorted());
      expect(damaged).toBe(true);
      expect(pages).toBeLessThan(40);
    },
  );

  it.each(['oldest-key', 'newest-key'] as const)('ends beside infinite scores: %s', async (order) => {
    await fill(
      'age',
      many(1500, (i) => `x${i}`, '-inf'),
    );
    await fill(
      'age',
      many(1500, (i) => `y${i}`, '+inf'),
    );
    const { ids, damaged } = await readAll(order);
    expect(ids.toSorted()).toEqual(IDS.toSorted());
    expect(damaged).toBe(true);
  });

  it.each([
    [100, [['zzz', -1]]],
    [3, [['zzz', -1]]],
    [
      1,
      [
        ['zzz', -2],
        ['ast_é', -1],
      ],
    ],
    [
      2,
      [
        ['zzz', -2],
        ['ast_é', -1],
      ],
    ],
    [
      3,
      [
        ['zzz', -2],
        ['ast_é', -1],
      ],
    ],
    [2, [['ast_1', 1]]],
  ] as [number, [string, number][]][])(
    'ends, and says that it may lack some, if ids have other scores: pages of %d, %j',
    async (size, changed) => {
      for (const id of ['ast_2', 'ast_3', 'ast_4', 'ast_5']) await importKey(id);
      await fill(
        'id',
        changed.map(([id, score]) => [score, id]),
      );
      for (const orgIds of [['org_1'], ['org_1', 'org_2']]) {
        const { ids, damaged, pages } = await readAll('id', orgIds, size);
        expect(damaged).toBe(true);
        expect(pages).toBeLessThan(20);
        // A place in such an index leaves out what it is not in the order with.
        expect(size < 100 || new Set(ids).size === IDS.length + 4).toBe(true);
      }
    },
  );

  it.each(['a\u001b[2Jb', 'a b/c', '..', 'x'.repeat(300), '\u2028'])(
    'shows no id that Rekey does not accept: %j',
    async (id) => {
      const hash = await redis.hgetall('{spec}:assistant:ast_1');
      await redis.hset(`{spec}:assistant:${encodeURIComponent(id)}`, hash);
      await fill('id', [[0, id]]);
      const { ids, damaged } = await readAll('id');
      expect([ids, damaged]).toEqual([IDS, true]);
    },
  );

  it('says that an entry is wrong: without a hash, or of another org', async () => {
    expect((await readAll('id')).damaged).toBe(false);
    await fill('id', [[0, 'ast_invented']]);
    expect((await readAll('id')).damaged).toBe(true);
    await redis.zrem(index('id'), 'ast_invented');
    await redis.hset('{spec}:assistant:zzz', 'org', 'org_2');
    expect(await readAll('id')).toMatchObject({ ids: IDS.slice(0, 3), damaged: true });
  });

  it('shows no time that the contract has no form for', async () => {
    await redis.hset('{spec}:assistant:ast_1', 'rotated', '253402300800000');
    expect(await ledger.listing.get('ast_1')).toEqual(
      expect.not.objectContaining({ keyMs: expect.anything() }),
    );
    await redis.hset('{spec}:assistant:ast_1', 'known', '253402300800000');
    expect(await ledger.listing.get('ast_1')).toBeUndefined();
    await redis.hset('{spec}:assistant:zzz', 'org', 'x'.repeat(5000));
    expect(await ledger.listing.get('zzz')).toBeUndefined();
  });
});
