import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { failureLetters, type BulkRotation, type BulkSpec } from '@rekey/schema';
import { codeOf, everything, redis } from '../ledger-fixture.ts';
import {
  START_MS,
  begin,
  bulks,
  draw,
  failWith,
  loseIt,
  makeBulk,
  namesOf,
  nextBulkId,
  pass,
  specOf,
  statesOf,
  succeed,
  useBulks,
  work,
} from './bulk-fixture.ts';

useBulks();

const HOUR_S = 3600;
const ORG: Partial<BulkSpec> = { selection: { kind: 'org' } };
const draftOf = async (...calls: string[][]) => {
  const draft = bulks.draft(nextBulkId());
  for (const ids of calls) await draft.add(ids);
  return draft;
};
const createOf = async (spec: Partial<BulkSpec>, ...calls: string[][]) => {
  const draft = await draftOf(...calls);
  return bulks.create(draft.id, specOf(spec), draft);
};

describe('create', () => {
  it('makes a bulk that runs at once if its assistants are named', async () => {
    const bulk = await makeBulk(3, {
      reason: 'leak',
      canary: { count: 2, continues: true },
      maxFailures: { count: 1 },
      untilMs: START_MS + 1000,
    });
    expect(bulk).toEqual({
      id: bulk.id,
      orgId: 'org_1',
      state: 'RUNNING',
      reason: 'leak',
      requestedBy: 'local',
      selection: { kind: 'ids' },
      urgent: false,
      validateOnly: false,
      canary: { count: 2, continues: true },
      maxFailures: { count: 1 },
      untilMs: START_MS + 1000,
      createdMs: START_MS,
      updatedMs: START_MS,
      lastFailures: [],
      counts: {
        total: 3,
        waiting: 3,
        rotating: 0,
        unknown: 0,
        succeeded: 0,
        shared: 0,
        failed: 0,
        cancelled: 0,
        valid: 0,
        duplicates: 0,
      },
    });
    expect(await bulks.get(bulk.id)).toEqual(bulk);
    expect(await statesOf(bulk.id)).toBe('...');
  });

  it('makes a bulk that is prepared first if upstream lists its assistants, or for a dry run', async () => {
    expect(await makeBulk([], ORG)).toMatchObject({ state: 'PREPARING', counts: { total: 0 } });
    expect(await makeBulk(3, { validateOnly: true })).toMatchObject({
      state: 'PREPARING',
      validateOnly: true,
      counts: { total: 3, waiting: 3 },
    });
  });

  it('without any assistant leaves only the verification', async () => {
    expect(await makeBulk([])).toMatchObject({ state: 'VERIFYING', counts: { total: 0 } });
  });

  it('returns the same bulk for a repeated request, and deletes the draft', async () => {
    const first = await createOf({ requestId: 'req' }, ['a', 'b']);
    const second = await createOf({ requestId: 'req' }, ['a', 'b']);
    expect(second).toEqual({ created: false, bulk: first.bulk });
    expect(await redis.keys('{spec}:bulk:*:ids')).toEqual([`{spec}:bulk:${first.bulk.id}:ids`]);
    expect(await redis.zcard('{spec}:bulks')).toBe(1);
  });

  it('recognises a repeated request however its ids were split into calls', async () => {
    const excluding = async (calls: string[][], excluded: string[][]) => {
      const draft = await draftOf(...calls);
      for (const ids of excluded) await draft.exclude(ids);
      return bulks.create(draft.id, specOf({ requestId: 'req' }), draft);
    };
    const { bulk } = await excluding([['a', 'b', 'c']], [['x', 'y']]);
    expect(await excluding([['a'], [], ['b', 'c']], [['x'], [], ['y']])).toEqual({ created: false, bulk });
  });

  it.each<[string, Partial<BulkSpec>, string[]]>([
    ['other ids', {}, ['a', 'c']],
    ['ids in another order', {}, ['b', 'a']],
    ['an id named twice', {}, ['a', 'b', 'b']],
    ['another reason', { reason: 'other' }, ['a', 'b']],
    ['another limit', { maxFailures: { count: 3 } }, ['a', 'b']],
    ['another selection', ORG, ['a', 'b']],
  ])('refuses the request id with %s, and leaves nothing behind', async (_, more, ids) => {
    await createOf({ requestId: 'req' }, ['a', 'b']);
    const before = await everything();
    expect(await codeOf(createOf({ requestId: 'req', ...more }, ids))).toBe('REQUEST_ID_REUSED');
    expect(await everything()).toEqual(before);
  });

  it('refuses the request id if its bulk is no longer kept, and leaves nothing behind', async () => {
    const { bulk } = await createOf({ requestId: 'req' }, ['a']);
    await bulks.cancel(bulk.id);
    await work.trim({ endedBeforeMs: START_MS + 1, keep: 0 });
    const before = await everything();
    expect(await codeOf(createOf({ requestId: 'req' }, ['a']))).toBe('REQUEST_ID_SPENT');
    expect(await everything()).toEqual(before);
  });

  it('keeps a request id for a day', async () => {
    await createOf({ requestId: 'req' }, ['a']);
    expect(await redis.ttl('{spec}:bulk-request:req')).toBe(24 * HOUR_S);
  });

  it('makes another bulk each time without a request id', async () => {
    await createOf({}, ['a']);
    expect((await createOf({}, ['a'])).created).toBe(true);
  });
});

describe('items', () => {
  it('come in pages, in the order in which they were given, across strings', async () => {
    const { id } = await makeBulk(2100);
    const first = await bulks.items(id, {}, { size: 999, from: 0 });
    const second = await bulks.items(id, {}, { size: 999, from: first.next! });
    const third = await bulks.items(id, {}, { size: 999, from: second.next! });
    expect([first.next, second.next, third.next]).toEqual([999, 1998, undefined]);
    expect(
      [first, second, third].flatMap(({ items }) => items.map(({ assistantId }) => assistantId)),
    ).toEqual(namesOf(2100));
    expect(await bulks.items(id, {}, { size: 10, from: 2100 })).toEqual({ items: [] });
  });

  it('have their result, and are filtered by it', async () => {
    const { id } = await makeBulk(6);
    const [a, b, c, d] = await begin(5);
    await succeed(a!);
    await failWith(b!, 'UPSTREAM_FORBIDDEN');
    await failWith(c!, 'UPSTREAM_RATE_LIMITED');
    await succeed(d!);
    const { items } = await bulks.items(id, {}, { size: 10, from: 0 });
    expect(items.map(({ state, errorCode }) => errorCode ?? state)).toEqual([
      'SUCCEEDED',
      'UPSTREAM_FORBIDDEN',
      'INTERNAL',
      'SUCCEEDED',
      'ROTATING',
      'WAITING',
    ]);
    expect((await bulks.items(id, { state: 'FAILED' }, { size: 1, from: 0 })).items).toEqual([
      { index: 1, assistantId: 'ast_1', state: 'FAILED', errorCode: 'UPSTREAM_FORBIDDEN' },
    ]);
    const page = await bulks.items(id, { state: 'SUCCEEDED' }, { size: 1, from: 0 });
    expect(page).toMatchObject({ items: [{ index: 0 }], next: 3 });
    expect(await bulks.items(id, { state: 'SUCCEEDED' }, { size: 1, from: page.next! })).toMatchObject({
      items: [{ index: 3 }],
    });
    expect(await bulks.items(id, { state: 'SHARED' }, { size: 1, from: 0 })).toEqual({ items: [] });
  });

  it('that waited when a bulk was cancelled are cancelled', async () => {
    const { id } = await makeBulk(2);
    await bulks.cancel(id);
    expect((await bulks.items(id, { state: 'CANCELLED' }, { size: 10, from: 0 })).items).toHaveLength(2);
    expect((await bulks.items(id, { state: 'WAITING' }, { size: 10, from: 0 })).items).toEqual([]);
  });

  it('of a missing bulk are not found', async () => {
    expect(await codeOf(bulks.items('blk_none', {}, { size: 1, from: 0 }))).toBe('BULK_NOT_FOUND');
  });
});

describe('list', () => {
  const pages = async (filter: Parameters<typeof bulks.list>[0], size: number): Promise<string[]> => {
    const ids: string[] = [];
    let page = await bulks.list(filter, { size });
    for (; page.next !== undefined; page = await bulks.list(filter, { size, after: page.next }))
      ids.push(...page.bulks.map(({ id }) => id));
    return [...ids, ...page.bulks.map(({ id }) => id)];
  };

  it('returns the newest first, page by page, by org and by state', async () => {
    const made: BulkRotation[] = [];
    for (let i = 0; i < 7; i += 1) made.push(await makeBulk(1, { orgId: i % 2 ? 'org_2' : 'org_1' }));
    await bulks.pause(made[2]!.id);
    await bulks.pause(made[3]!.id);
    const ids = made.map(({ id }) => id).toReversed();
    expect(await pages({}, 3)).toEqual(ids);
    expect(await pages({ orgId: 'org_2' }, 1)).toEqual([made[5]!.id, made[3]!.id, made[1]!.id]);
    expect(await pages({ state: 'PAUSED' }, 5)).toEqual([made[3]!.id, made[2]!.id]);
    expect(await pages({ orgId: 'org_2', state: 'PAUSED' }, 2)).toEqual([made[3]!.id]);
  });

  it('returns the others if one entry cannot be read', async () => {
    const [bad, good] = [await makeBulk(1), await makeBulk(1)];
    await redis.hset(`{spec}:bulk:${bad.id}`, 'state', 'NONSENSE');
    expect(await pages({}, 10)).toEqual([good.id]);
    expect(await codeOf(bulks.get(bad.id))).toBe('LEDGER_CORRUPT');
    await redis.hset(`{spec}:bulk:${bad.id}`, 'state', 'RUNNING');
  });
});

describe('the letters of failures', () => {
  it('are the same in Lua and in the schema, except the default', () => {
    const lua = readFileSync(new URL('lua/end-item.lua', import.meta.url), 'utf8');
    const [, table] = /FAILURE_LETTERS = ([^]*?)\nlocal /.exec(lua)!;
    const inLua = Object.fromEntries(
      [...table!.matchAll(/([A-Z_]+)=([A-Z])/g)].map(([, code, letter]) => [letter, code]),
    );
    const { Z, ...others } = failureLetters;
    expect(inLua).toEqual(others);
    expect(Z).toBe('INTERNAL');
  });
});

describe('trim', () => {
  it('deletes the bulks that ended first, beyond age or count, with all of their keys', async () => {
    const made: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      made.push((await bulks.cancel((await makeBulk(2)).id)).id);
      await pass(1000);
    }
    const running = await makeBulk(2);
    expect(await work.trim({ endedBeforeMs: START_MS + 1000, keep: 10 })).toBe(1);
    expect(await work.trim({ endedBeforeMs: 0, keep: 2 })).toBe(1);
    expect(await redis.keys(`{spec}:bulk:${made[0]}*`)).toEqual([]);
    expect(await redis.keys(`{spec}:bulk:${made[1]}*`)).toEqual([]);
    expect((await bulks.list({}, { size: 10 })).bulks.map(({ id }) => id)).toEqual([
      running.id,
      made[3],
      made[2],
    ]);
  });
});

describe('trim of bulks without assistants', () => {
  it('deletes these before others if there are too many', async () => {
    const first = await bulks.cancel((await makeBulk(2)).id);
    await pass(1000);
    for (let i = 0; i < 3; i += 1) {
      const { id } = await makeBulk([]);
      await draw();
      await work.saveVerification(id, 'w1', { verified: 0, repaired: 0, unverified: 0, differing: [] }, true);
      await pass(1000);
    }
    expect(await work.trim({ endedBeforeMs: 0, keep: 2 })).toBe(2);
    const { bulks: left } = await bulks.list({}, { size: 10 });
    expect(left.map(({ counts }) => counts.total)).toEqual([0, 2]);
    expect(left[1]!.id).toBe(first.id);
    expect(await work.trim({ endedBeforeMs: START_MS * 2, keep: 2 })).toBe(2);
    expect(await redis.keys('{spec}:bulks*')).toEqual([]);
  });
});

describe('an unknown outcome', () => {
  it('is counted among the rotating assistants', async () => {
    const { id } = await makeBulk(2);
    const [first] = await begin(2);
    await loseIt(first!);
    expect((await bulks.get(id)).counts).toMatchObject({ rotating: 2, unknown: 1 });
  });
});
