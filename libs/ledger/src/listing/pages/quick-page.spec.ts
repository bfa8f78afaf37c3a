import { describe, expect, it, jest } from '@jest/globals';
import { connectLedger } from '../../connection.ts';
import { ledger, redis, rotate, useLedger } from '../../ledger-fixture.ts';
import { pageInSteps } from '../assistant-list.ts';
import type { Place } from '../list-source.ts';
import type { ListedAssistant } from '../listed-assistant.ts';
import type { AssistantPage, AssistantQuery } from './assistant-query.ts';
import { quickPage } from './quick-page.ts';

useLedger();

const connection = () => connectLedger(redis, 'spec');
const NOW_MS = 1_764_000_000_000;

/** The same numbers in each run. */
const numbers = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return seed / 2_147_483_648;
};
const next = numbers(17);
const oneOf = <T>(values: readonly T[]): T => values[Math.floor(next() * values.length)]!;

/** Fields as Rekey writes them, and as it does not. */
const spoilt: Record<string, readonly string[]> = {
  org: ['org_2', 'org%5F1', '', '%', 'x'.repeat(5000)],
  version: ['', 'x', '9007199254740993', '9'.repeat(17), '9007199254740991'],
  fingerprint: ['', 'deleted', 'no-key', 'nonsense', ':', `K:${'é'.repeat(198)}`, `K:${'f'.repeat(199)}`],
  rotated: ['', 'x', '-1', '9'.repeat(15), '100000000000000', '253402300799999'],
  known: ['', 'x', '253402300799999', '253402300800000', '99999999999999'],
  entry: ['', 'x', '5-0', `${'9'.repeat(20)}-0`],
  uncertain: ['', '5', 'x'.repeat(5000)],
};

const hashOf = (i: number, isSpoilt: boolean): Record<string, string> => {
  const knownMs = NOW_MS - (i % 40) * 1000;
  const hash: Record<string, string> = {
    org: 'org_1',
    version: `${knownMs}000`,
    fingerprint: i % 11 === 0 ? 'no-key' : `KEYID:${i}`,
    known: `${knownMs}`,
    entry: `${knownMs}-${i}`,
    ...(i % 3 > 0 && { rotated: `${knownMs}` }),
    ...(i % 7 === 0 && { uncertain: '1' }),
  };
  if (!isSpoilt) return hash;
  const field = oneOf(Object.keys(spoilt));
  return { ...hash, [field]: oneOf(spoilt[field]!) };
};

const COUNT = 1300;
const ids = Array.from({ length: COUNT }, (_, i) => `ast_${i % 10}_${i.toString(36)}`);

/** Entries of one org, of which some are wrong, and many have the same score. */
const fill = async (spoiltShare: number): Promise<void> => {
  const pipeline = redis.pipeline();
  for (const [i, id] of ids.entries()) {
    if (next() < spoiltShare / 3) pipeline.set(`{spec}:assistant:${id}`, 'x');
    else if (next() > spoiltShare / 3)
      pipeline.hset(`{spec}:assistant:${id}`, hashOf(i, next() < spoiltShare));
    const score = NOW_MS - (i % 40) * 1000;
    pipeline.zadd('{spec}:index:id:org_1', 0, id);
    pipeline.zadd('{spec}:index:age:org_1', i % 3 > 0 ? score : score - 1e13, id);
    pipeline.zadd('{spec}:index:change:org_1', score, id);
    if (i % 7 === 0) pipeline.zadd('{spec}:index:uncertain:org_1', 0, id);
  }
  await pipeline.exec();
};

const matches = ({ version }: ListedAssistant) => version % 3 !== 0;
const queries: Partial<AssistantQuery>[] = [
  ...(['id', 'oldest-key', 'last-change'] as const).flatMap((order) => [
    { order },
    { order, uncertain: true },
    { order, idPrefix: 'ast_3' },
    { order, keyBeforeMs: NOW_MS - 20_000 },
    { order, changedFromMs: NOW_MS - 20_000, matches },
    { order, uncertain: true, idPrefix: 'ast_', keyBeforeMs: NOW_MS - 5000 },
  ]),
  { order: 'newest-key', keyBeforeMs: NOW_MS - 20_000, idPrefix: 'ast_' },
  { order: 'id', matches: () => false },
];

/** All pages as both ways of reading answer them, each from the same place. */
const readBoth = async (query: AssistantQuery, size: number) => {
  const pages: [quick: AssistantPage | undefined, inSteps: AssistantPage][] = [];
  let after: Place | undefined;
  do {
    const page = { size, after };
    const inSteps = await pageInSteps(connection(), query, page);
    pages.push([await quickPage(connection(), query, page), inSteps]);
    after = inSteps.next;
  } while (after !== undefined && pages.length < 3);
  return pages;
};

describe('a page that one command reads', () => {
  it.each([0, 0.3])('is the same as in steps, with %d of the hashes spoilt', async (share) => {
    await fill(share);
    let [quick, wrong, found] = [0, 0, 0];
    for (const query of queries)
      for (const [size, orgIds] of [
        [7, ['org_1']],
        [500, ['c', 'org_1']],
      ] as const)
        for (const [page, inSteps] of await readBoth({ orgIds, order: 'id', ...query }, size)) {
          expect([query, page ?? inSteps]).toEqual([query, inSteps]);
          quick += page === undefined ? 0 : 1;
          wrong += inSteps.damaged ? 1 : 0;
          found += inSteps.assistants.length;
        }
    expect(quick).toBeGreaterThan(60);
    expect(found).toBeGreaterThan(3000);
    expect(wrong > 0).toBe(share > 0);
  });

  it('takes one command, also of an org that `c` stands for', async () => {
    await rotate('f1');
    await ledger.listing.list({ orgIds: ['org_1'], order: 'id' }, { size: 1 });
    await fill(0);
    const send = jest.spyOn(redis, 'sendCommand');
    const page = await ledger.listing.list({ orgIds: ['org_1', 'c'], order: 'oldest-key' }, { size: 100 });
    expect(page.assistants).toHaveLength(100);
    await ledger.listing.list(
      { orgIds: ['org_1'], order: 'id' },
      { size: 100, after: { score: 0, id: 'ast_3' } },
    );
    const names = send.mock.calls.map(([{ name }]) => name);
    send.mockRestore();
    expect(names).toEqual(['evalsha', 'evalsha']);
  });

  it.each(['ast_é', 'a b', 'x'.repeat(300)])('is read in steps beside %.20j', async (id) => {
    await rotate('f1');
    await redis.zadd('{spec}:index:id:org_1', 0, id);
    const query: AssistantQuery = { orgIds: ['org_1'], order: 'id' };
    expect(await quickPage(connection(), query, { size: 10 })).toBeUndefined();
    const { assistants, damaged } = await ledger.listing.list(query, { size: 10 });
    expect([assistants.map(({ assistantId }) => assistantId), damaged]).toEqual([['ast_1'], true]);
  });

  it('is read in steps if a field has several lines', async () => {
    await rotate('f1');
    await redis.hset('{spec}:assistant:ast_1', 'entry', '5-0\n5-0');
    const query: AssistantQuery = { orgIds: ['org_1'], order: 'id' };
    expect(await quickPage(connection(), query, { size: 10 })).toBeUndefined();
    expect((await ledger.listing.list(query, { size: 10 })).assistants).toMatchObject([
      { assistantId: 'ast_1', entry: expect.stringContaining('-9999999999999999999') },
    ]);
  });

  it.each([['ast_0'], ['ast_0', 'ast_z']])(
    'has no long hashes in one reply, and is incomplete beside them: %s',
    async (...starts) => {
      await rotate('f1');
      const pipeline = redis.pipeline();
      for (let i = 0; i < 40; i += 1) {
        const id = `${starts[i % starts.length]}${i}`;
        pipeline.hset(`{spec}:assistant:${id}`, { ...hashOf(1, false), org: 'x'.repeat(200_000) });
        pipeline.zadd('{spec}:index:id:org_1', 0, id);
      }
      await pipeline.exec();
      const send = jest.spyOn(redis, 'sendCommand');
      const page = await ledger.listing.list({ orgIds: ['org_1'], order: 'id' }, { size: 100 });
      const replies = await Promise.all(send.mock.calls.map(([{ promise }]) => promise.catch(() => '')));
      send.mockRestore();
      expect(page).toMatchObject({ assistants: [{ assistantId: 'ast_1' }], damaged: true });
      const longest = Math.max(...replies.map((reply) => JSON.stringify(reply).length));
      expect(longest).toBeLessThan(300_000);
    },
  );

  it('has what is still published under `c`', async () => {
    await rotate('f1');
    await rotate('f2', { orgId: 'c', assistantId: 'ast_2' });
    const { assistants } = await ledger.listing.list({ orgIds: ['org_1', 'c'], order: 'id' }, { size: 10 });
    expect(assistants.map(({ assistantId }) => assistantId)).toEqual(['ast_1', 'ast_2']);
  });
});

describe('a page that is read in steps', () => {
  /** Runs `change` between the reads of the indexes and of the hashes. */
  const changeBetween = (change: () => Promise<unknown>) => {
    const pipeline = redis.pipeline.bind(redis);
    let made = 0;
    return jest.spyOn(redis, 'pipeline').mockImplementation(((...args: []) => {
      const piped = pipeline(...args);
      if ((made += 1) !== 2) return piped;
      const exec = piped.exec.bind(piped);
      piped.exec = (async () => {
        await change();
        return exec();
      }) as typeof piped.exec;
      return piped;
    }) as typeof redis.pipeline);
  };
  const query: AssistantQuery = { orgIds: ['org_1', 'org_2'], order: 'id' };

  it.each([
    ['to another org', 'org_3', ['ast_1']],
    ['to an org that is listed too', 'org_2', ['ast_1', 'ast_2']],
  ])('is not damaged by an assistant that moves %s meanwhile', async (_where, orgId, expected) => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    const between = changeBetween(() => rotate('f3', { orgId, assistantId: 'ast_2' }));
    const page = await pageInSteps(connection(), query, { size: 10 });
    between.mockRestore();
    expect(page.assistants.map(({ assistantId }) => assistantId)).toEqual(expected);
    expect(page.damaged).toBeUndefined();
  });

  it('is damaged by an entry that stays wrong', async () => {
    await rotate('f1');
    await redis.zadd('{spec}:index:id:org_2', 0, 'ast_1');
    expect(await pageInSteps(connection(), query, { size: 10 })).toMatchObject({ damaged: true });
  });
});
