import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { bulkStates, failureLetters, type BulkRotation, type BulkSpec, type BulkState } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import { codeOf, everything, redis } from '../ledger-fixture.ts';
import {
  LEASE_MS,
  START_MS,
  allProblems,
  assertSound,
  begin,
  bulks,
  claimRange,
  draw,
  drawn,
  failWith,
  loseIt,
  makeBulk,
  namesOf,
  nextBulkId,
  pass,
  specOf,
  startAnew,
  stateOf,
  statesOf,
  succeed,
  wordsOf,
  work,
  openSpecBulks,
} from './bulk-fixture.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
  openSpecBulks(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
beforeEach(startAnew);
afterEach(assertSound);

const HOUR_S = 3600;
const ORG: Partial<BulkSpec> = { selection: { kind: 'org' } };
const idsOf = async (id: string): Promise<string[]> =>
  (await bulks.items(id, {}, { size: 10_000, from: 0 })).items.map(({ assistantId }) => assistantId);
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
  it('makes a bulk that runs at once where its assistants are named', async () => {
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

  it('makes one that is to be prepared first where upstream is asked, or where it is a dry run', async () => {
    expect(await makeBulk([], ORG)).toMatchObject({ state: 'PREPARING', counts: { total: 0 } });
    expect(await makeBulk(3, { validateOnly: true })).toMatchObject({
      state: 'PREPARING',
      validateOnly: true,
      counts: { total: 3, waiting: 3 },
    });
  });

  it('of no assistant at all has nothing left to do but to be verified', async () => {
    expect(await makeBulk([])).toMatchObject({ state: 'VERIFYING', counts: { total: 0 } });
  });

  it('gives the same one for the same request again, and forgets what was drafted', async () => {
    const first = await createOf({ requestId: 'req' }, ['a', 'b']);
    const second = await createOf({ requestId: 'req' }, ['a', 'b']);
    expect(second).toEqual({ created: false, bulk: first.bulk });
    expect(await redis.keys('{spec}:bulk:*:ids')).toEqual([`{spec}:bulk:${first.bulk.id}:ids`]);
    expect(await redis.zcard('{spec}:bulks')).toBe(1);
  });

  it('knows the same request however its ids were handed over', async () => {
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

  it('refuses the request id where its bulk is no longer kept, and leaves nothing behind', async () => {
    const { bulk } = await createOf({ requestId: 'req' }, ['a']);
    await bulks.cancel(bulk.id);
    await work.trim({ endedBeforeMs: START_MS + 1, keep: 0 });
    const before = await everything();
    expect(await codeOf(createOf({ requestId: 'req' }, ['a']))).toBe('REQUEST_ID_SPENT');
    expect(await everything()).toEqual(before);
  });

  it('remembers a request id for a day', async () => {
    await createOf({ requestId: 'req' }, ['a']);
    expect(await redis.ttl('{spec}:bulk-request:req')).toBe(24 * HOUR_S);
  });

  it('makes another one each time where no request id is given', async () => {
    await createOf({}, ['a']);
    expect((await createOf({}, ['a'])).created).toBe(true);
  });
});

describe('a draft', () => {
  it('keeps the first of each id in the order in which they came, also across calls and strings', async () => {
    const ids = namesOf(2500);
    const draft = await draftOf(
      ids.slice(0, 999),
      ids.slice(900, 1002),
      [...ids.slice(1002), ids[0]!, ids[1000]!],
      [ids[2499]!, 'last', 'last'],
    );
    const { bulk } = await bulks.create(draft.id, specOf(), draft);
    expect(bulk.counts).toMatchObject({ total: 2501, duplicates: 99 + 2 + 2 });
    expect(await idsOf(bulk.id)).toEqual([...ids, 'last']);
    expect(await statesOf(bulk.id)).toBe('.'.repeat(2501));
  });

  it.each([999, 1000, 1001, 2000])('of %i lies a thousand to a string', async (count) => {
    const draft = await draftOf(namesOf(count));
    expect(await draft.finish()).toMatchObject({ total: count, duplicates: 0 });
    const chunks = await redis.hgetall(`{spec}:bulk:${draft.id}:ids`);
    const lengths = Object.keys(chunks)
      .map(Number)
      .toSorted((a, b) => a - b)
      .map((chunk) => chunks[chunk]!.split('\n').length);
    expect(lengths).toEqual(
      Array.from({ length: Math.ceil(count / 1000) }, (_, i) => Math.min(1000, count - i * 1000)),
    );
  });

  it('is gone within the hour, but for one that was made', async () => {
    const draft = await draftOf(namesOf(1500));
    await draft.exclude(['x']);
    const names = [`{spec}:bulk:${draft.id}:ids`, `{spec}:bulk:${draft.id}:exclude`];
    expect(await Promise.all(names.map((name) => redis.ttl(name)))).toEqual([HOUR_S, HOUR_S]);
    await bulks.create(draft.id, specOf(ORG), draft);
    expect(await Promise.all(names.map((name) => redis.ttl(name)))).toEqual([-1, -1]);
  });

  it.each<[string, (id: string) => Promise<unknown>, Partial<BulkSpec>]>([
    ['of its ids some are gone', (id) => redis.hdel(`{spec}:bulk:${id}:ids`, '0'), {}],
    ['those that it leaves out are gone', (id) => redis.del(`{spec}:bulk:${id}:exclude`), ORG],
  ])('makes nothing where %s, and the same request can be made again', async (_what, lose, spec) => {
    const fill = async () => {
      const draft = bulks.draft(nextBulkId());
      await (spec === ORG ? draft.exclude(['ast_x']) : draft.add(namesOf(1001)));
      return draft;
    };
    const lost = await fill();
    await lose(lost.id);
    expect(await codeOf(bulks.create(lost.id, specOf({ requestId: 'req', ...spec }), lost))).toBe(
      'DRAFT_LOST',
    );
    expect(await redis.keys('{spec}:*')).toEqual([]);
    const whole = await fill();
    expect(await bulks.create(whole.id, specOf({ requestId: 'req', ...spec }), whole)).toMatchObject({
      created: true,
    });
  });

  it('leaves nothing behind where it is dropped', async () => {
    const draft = await draftOf(namesOf(1500));
    await draft.exclude(['x']);
    await draft.finish();
    await draft.drop();
    expect(await redis.keys('{spec}:*')).toEqual([]);
  });

  it('tells whom it leaves out', async () => {
    const draft = await draftOf();
    await draft.exclude(['b', 'é']);
    await draft.exclude([]);
    const { bulk } = await bulks.create(draft.id, specOf(ORG), draft);
    expect(await work.excluded(bulk.id, ['a', 'b', 'é', 'c'])).toEqual([false, true, true, false]);
    expect(await work.excluded(bulk.id, [])).toEqual([]);
  });

  it('of too many to be left out is refused, and names the field', async () => {
    const draft = await draftOf();
    await draft.exclude(namesOf(60_000));
    const refused = draft.exclude(namesOf(40_001));
    expect(await codeOf(refused)).toBe('INVALID_ARGUMENT');
    await expect(refused).rejects.toMatchObject({ fieldViolations: [{ field: 'exclude_assistant_ids' }] });
  });

  it('of more than two million different ids is refused, and names the field', async () => {
    const draft = await draftOf();
    const refused = draft.add(Array.from({ length: 2_000_001 }, (_, i) => i.toString(36)));
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      fieldViolations: [{ field: 'assistant_ids' }],
    });
  }, 60_000);
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

  it('say what became of each, and are filtered by it', async () => {
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

  it('of no bulk are not found', async () => {
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

  it('has the newest first, page by page, by org and by state', async () => {
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

  it('shows the others where one entry cannot be read', async () => {
    const [bad, good] = [await makeBulk(1), await makeBulk(1)];
    await redis.hset(`{spec}:bulk:${bad.id}`, 'state', 'NONSENSE');
    expect(await pages({}, 10)).toEqual([good.id]);
    expect(await codeOf(bulks.get(bad.id))).toBe('LEDGER_CORRUPT');
    await redis.hset(`{spec}:bulk:${bad.id}`, 'state', 'RUNNING');
  });
});

describe('steering', () => {
  type Wish = 'pause' | 'resume' | 'cancel' | 'retry';
  const TOKEN = 'w1';
  /** A bulk of two in each state that there is. */
  const inState: Record<BulkState, () => Promise<string>> = {
    PREPARING: async () => (await makeBulk([], ORG)).id,
    RUNNING: async () => (await makeBulk(2)).id,
    PAUSED: async () => (await bulks.pause((await makeBulk(2)).id)).id,
    HALTED: async () => {
      const { id } = await makeBulk(2, { maxFailures: { count: 0 } });
      const [first] = await begin(1);
      await failWith(first!);
      return id;
    },
    VERIFYING: async () => {
      const { id } = await makeBulk(2);
      for (const claim of await begin(2)) await succeed(claim);
      return id;
    },
    CANCELLING: async () => {
      const { id } = await makeBulk(2);
      await begin(1);
      await bulks.cancel(id);
      return id;
    },
    COMPLETED: async () => {
      const { id } = await makeBulk(2);
      const [first, second] = await begin(2);
      await succeed(first!);
      await failWith(second!);
      await draw();
      await work.saveVerification(
        id,
        TOKEN,
        { verified: 1, repaired: 0, unverified: 0, differing: [] },
        true,
      );
      return id;
    },
    FAILED: async () => {
      const { id } = await makeBulk([], ORG);
      await draw();
      await work.fail(id, TOKEN, 'UPSTREAM_FORBIDDEN');
      return id;
    },
    CANCELLED: async () => (await bulks.cancel((await makeBulk(2)).id)).id,
    VALIDATED: async () => {
      const { id } = await makeBulk(2, { validateOnly: true });
      await draw();
      await work.saveLetters(id, TOKEN, 0, 'vA');
      await work.endDryRun(id, TOKEN, { requests: 1, durationMs: 1 });
      return id;
    },
  };
  const outcomes: Record<BulkState, Record<Wish, BulkState | 'refused'>> = {
    PREPARING: { pause: 'PAUSED', resume: 'PREPARING', cancel: 'CANCELLED', retry: 'refused' },
    RUNNING: { pause: 'PAUSED', resume: 'RUNNING', cancel: 'CANCELLED', retry: 'refused' },
    PAUSED: { pause: 'PAUSED', resume: 'RUNNING', cancel: 'CANCELLED', retry: 'refused' },
    HALTED: { pause: 'PAUSED', resume: 'RUNNING', cancel: 'CANCELLED', retry: 'refused' },
    VERIFYING: { pause: 'refused', resume: 'refused', cancel: 'refused', retry: 'refused' },
    CANCELLING: { pause: 'refused', resume: 'refused', cancel: 'CANCELLING', retry: 'refused' },
    COMPLETED: { pause: 'refused', resume: 'refused', cancel: 'refused', retry: 'RUNNING' },
    FAILED: { pause: 'refused', resume: 'refused', cancel: 'refused', retry: 'refused' },
    CANCELLED: { pause: 'refused', resume: 'refused', cancel: 'CANCELLED', retry: 'refused' },
    VALIDATED: { pause: 'refused', resume: 'refused', cancel: 'refused', retry: 'refused' },
  };
  const accepted = bulkStates.flatMap((state) =>
    Object.entries(outcomes[state])
      .filter(([, to]) => to !== 'refused')
      .map(([wish, to]) => [state, wish as Wish, to as BulkState] as const),
  );
  const refused = bulkStates.flatMap((state) =>
    Object.entries(outcomes[state])
      .filter(([, to]) => to === 'refused')
      .map(([wish]) => [state, wish as Wish] as const),
  );

  it.each(accepted)('%s, %s: it is %s afterwards, also when asked again', async (state, wish, to) => {
    const id = await inState[state]();
    expect(await stateOf(id)).toContain(state);
    expect(await bulks[wish](id)).toMatchObject({ id, state: to });
    expect(await bulks[wish](id)).toMatchObject({ id, state: to });
  });

  it.each(refused)('%s, %s: it is refused, and nothing is written', async (state, wish) => {
    const id = await inState[state]();
    expect(await stateOf(id)).toContain(state);
    const before = await everything();
    expect(await codeOf(bulks[wish](id))).toBe('BULK_STATE');
    expect(await everything()).toEqual(before);
  });

  it.each(['pause', 'resume', 'cancel', 'retry'] as const)('%s of none is not found', async (wish) => {
    expect(await codeOf(bulks[wish]('blk_none'))).toBe('BULK_NOT_FOUND');
  });

  it('says why it stands still, and no longer when it goes on', async () => {
    const { id } = await makeBulk(2);
    expect(await bulks.pause(id)).toMatchObject({ why: 'PAUSED_BY_OPERATOR' });
    expect(await bulks.resume(id)).not.toHaveProperty('why');
    expect(await bulks.cancel(id)).toMatchObject({
      state: 'CANCELLED',
      why: 'CANCELLED_BY_OPERATOR',
      endedMs: START_MS,
      counts: { waiting: 0, cancelled: 2 },
    });
  });

  it('by two at once leaves a state that one of them asked for, and each sees one that was', async () => {
    const { id } = await makeBulk(2);
    await bulks.pause(id);
    const [resumed, cancelled] = await Promise.all([bulks.resume(id), bulks.cancel(id)]);
    expect(['RUNNING', 'CANCELLED']).toContain(resumed.state);
    expect(cancelled.state).toBe('CANCELLED');
    expect(await stateOf(id)).toEqual(['CANCELLED', 'CANCELLED_BY_OPERATOR']);
  });

  it('of a bulk that is being prepared lets it be prepared afterwards, by whoever draws it', async () => {
    const id = await inState.PREPARING();
    await draw();
    await bulks.pause(id);
    expect(await work.saveIds(id, TOKEN, 0, ['a'])).toBe(false);
    expect(await draw({ token: 'w2' })).toEqual({ kind: 'nothing' });
    await bulks.resume(id);
    await pass(LEASE_MS);
    expect(await draw({ token: 'w2' })).toEqual({ kind: 'prepare', bulkId: id });
  });
});

describe('cancelling', () => {
  it('lets what is under way end, and is over with the last of it', async () => {
    const { id } = await makeBulk(3);
    const [first, second] = await begin(2);
    expect(await bulks.cancel(id)).toMatchObject({
      state: 'CANCELLING',
      counts: { waiting: 0, rotating: 2, cancelled: 1 },
    });
    await succeed(first!);
    expect(await stateOf(id)).toEqual(['CANCELLING', 'CANCELLED_BY_OPERATOR']);
    await failWith(second!);
    expect(await bulks.get(id)).toMatchObject({
      state: 'CANCELLED',
      why: 'CANCELLED_BY_OPERATOR',
      counts: { succeeded: 1, failed: 1, cancelled: 1, rotating: 0 },
    });
  });

  it('begins nothing more of what was drawn', async () => {
    const { id } = await makeBulk(3);
    const range = await drawn();
    await bulks.cancel(id);
    expect(await wordsOf(claimRange(range))).toEqual(['stopped']);
  });
});

describe('retry', () => {
  const complete = async (id: string) => {
    await draw();
    await work.saveVerification(id, 'w1', { verified: 0, repaired: 0, unverified: 0, differing: [] }, true);
  };
  /** Rotates all that wait; those at the indexes that `fails` names fail. */
  const runDown = async (id: string, fails: (index: number) => boolean): Promise<number[]> => {
    const begun: number[] = [];
    for (let got = await draw(); got.kind === 'range'; got = await draw()) {
      const { range } = got;
      begun.push(...range.waiting.map(({ index }) => index));
      const claims = await claimRange(range, { maxOpenIntents: 10_000 });
      const items = claims.kind === 'claimed' ? claims.items : [];
      await Promise.all(
        items.map((item, i) =>
          item.kind === 'claimed'
            ? fails(range.waiting[i]!.index)
              ? failWith(item.claim)
              : succeed(item.claim)
            : undefined,
        ),
      );
      await work.dropRange(range, 'w1');
    }
    await complete(id);
    return begun;
  };

  it('takes up those that failed, and no others, also many in a row across the strings of ids', async () => {
    const { id } = await makeBulk(2300);
    const failed = (index: number) =>
      (index >= 950 && index < 1210) || index === 0 || index === 1999 || index === 2000 || index === 2299;
    await runDown(id, failed);
    const { counts } = await bulks.get(id);
    expect(counts).toMatchObject({ failed: 264, succeeded: 2036 });
    expect(await bulks.retry(id)).toMatchObject({
      state: 'RUNNING',
      lastFailures: [],
      counts: { failed: 0, waiting: 264 },
    });
    expect(await allProblems()).toEqual([]);
    const again = await runDown(id, () => false);
    expect(again.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 2300 }, (_, i) => i).filter(failed));
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', counts: { failed: 0, succeeded: 2300 } });
  });

  it('may come again and again, and forgives what failed before', async () => {
    const { id } = await makeBulk(4, { maxFailures: { count: 2 } });
    await runDown(id, (index) => index < 2);
    await bulks.retry(id);
    await runDown(id, (index) => index < 2);
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', counts: { failed: 2 } });
    await bulks.retry(id);
    await runDown(id, () => false);
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', counts: { failed: 0, succeeded: 4 } });
  });

  it('is not bound to the window that a policy had it in', async () => {
    const { id } = await makeBulk(3, { untilMs: START_MS + 1000 });
    await runDown(id, (index) => index === 1);
    await pass(5000);
    expect(await bulks.retry(id)).toMatchObject({ state: 'RUNNING' });
    expect(await runDown(id, () => false)).toEqual([1]);
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', counts: { failed: 0, succeeded: 3 } });
  });

  it('draws a hundred at a time also where few of each failed, and where those fill strings of ids', async () => {
    const { id } = await makeBulk(1050);
    await runDown(id, (index) => index % 3 === 0);
    await bulks.retry(id);
    expect(await redis.lrange(`{spec}:bulk:${id}:redo`, 0, -1)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `${i * 100}:${i * 100 + 100}`),
      '1000:1050',
    ]);
    expect((await runDown(id, () => false)).length).toBe(350);
  });

  it('of a bulk without failures does nothing', async () => {
    const { id } = await makeBulk(2);
    await runDown(id, () => false);
    expect(await bulks.retry(id)).toMatchObject({ state: 'COMPLETED' });
  });
});

describe('the letters of failures', () => {
  it('are the same in Lua and in the schema, but for the one of all others', () => {
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
  it('forgets those that ended first, beyond age or count, and everything of them', async () => {
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

describe('trim of those without assistants', () => {
  it('forgets these before others, where there are too many', async () => {
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
  it('is counted among those that rotate', async () => {
    const { id } = await makeBulk(2);
    const [first] = await begin(2);
    await loseIt(first!);
    expect((await bulks.get(id)).counts).toMatchObject({ rotating: 2, unknown: 1 });
  });
});
