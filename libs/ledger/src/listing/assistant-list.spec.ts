import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  SEALED,
  accept,
  claimed,
  events,
  key,
  ledger,
  looked,
  lose,
  printOf,
  readKey,
  redis,
  removed,
  rotate,
  useLedger,
} from '../ledger-fixture.ts';
import type { Removal } from '@rekey/schema';
import type { Hold } from '../assistants/hold.ts';
import type { AssistantQuery } from './pages/assistant-query.ts';
import type { Place } from './list-source.ts';

useLedger();

const INDEXES = ['id', 'age', 'change', 'uncertain'] as const;
const list = (query: Partial<AssistantQuery> = {}, size = 100, after?: Place) =>
  ledger.listing.list({ orgIds: ['org_1'], order: 'id', ...query }, { size, after });
const idsOf = async (query: Partial<AssistantQuery> = {}): Promise<string[]> =>
  (await list(query)).assistants.map(({ assistantId }) => assistantId);
const importKey = async (assistantId: string, name: string, orgId = 'org_1'): Promise<void> => {
  const hold = await looked({ orgId, assistantId });
  await ledger.assistants.commit(hold, readKey(name, hold, { cause: 'import' }));
};
/** That it has no key, read after another assistant was read with its key. */
const gone = (removal: Removal, hold: Hold) => removed(removal, hold, { witnessedMs: hold.atMs });
/** What the indexes hold, by org: made anew from the hashes they must hold the same. */
const indexes = async (orgIds = ['org_1', 'org_2']): Promise<Record<string, string[]>> => {
  const found: Record<string, string[]> = {};
  for (const orgId of orgIds)
    for (const name of INDEXES)
      found[`${name}:${orgId}`] = await redis.zrange(
        `{spec}:index:${name}:${orgId}`,
        '0',
        '-1',
        'WITHSCORES',
      );
  return found;
};
const keep = () =>
  ledger.listing.index.keep({
    token: 'spec',
    signal: AbortSignal.timeout(60_000),
    idle: 0,
    checkEveryMs: 0,
  });

describe('the indexes of assistants', () => {
  it('follow each command that publishes, moves, doubts or deletes, as a pass would make them', async () => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    await importKey('ast_3', 'f3');
    await rotate('f4', { assistantId: 'ast_4' });
    await lose({ assistantId: 'ast_4' });
    expect(await idsOf()).toEqual(['ast_1', 'ast_2', 'ast_3', 'ast_4']);
    expect(await idsOf({ uncertain: true })).toEqual(['ast_4']);
    const steps = [
      () => rotate('f5', { orgId: 'org_2', assistantId: 'ast_2' }),
      () => rotate('f6', { assistantId: 'ast_3' }),
      async () => {
        const hold = await looked();
        await ledger.assistants.markUncertain(hold, SEALED);
      },
      async () => {
        const hold = await looked();
        await ledger.assistants.commit(hold, readKey('f1', hold));
      },
      async () => {
        const hold = await looked();
        await ledger.assistants.commit(hold, gone('no-key', hold));
      },
      async () => {
        const hold = await looked();
        await ledger.assistants.commit(hold, gone('deleted', hold));
      },
      () => rotate('f7'),
    ];
    for (const step of steps) {
      await step();
      const followed = await indexes();
      await redis.del('{spec}:index');
      expect(await keep()).toMatchObject({ corrected: 0, complete: true });
      expect(await indexes()).toEqual(followed);
    }
    expect(await idsOf({ orgIds: ['org_1', 'org_2'] })).toEqual(['ast_1', 'ast_2', 'ast_3', 'ast_4']);
    expect(await idsOf({ orgIds: ['org_2'] })).toEqual(['ast_2']);
  });

  it('do not list what is deleted, and list it again once it has a key', async () => {
    await rotate('f1');
    const hold = await looked();
    await ledger.assistants.commit(hold, gone('deleted', hold));
    expect(await idsOf()).toEqual([]);
    expect(Object.values(await indexes()).flat()).toEqual([]);
    expect(await redis.ttl('{spec}:versions:ast_1')).toBeGreaterThan(0);
    await rotate('f2');
    expect(await idsOf()).toEqual(['ast_1']);
    expect(await redis.ttl('{spec}:versions:ast_1')).toBe(-1);
  });

  it.each(['a rotation', 'a check'])('do not list what is deleted as uncertain, of %s', async (by) => {
    await rotate('f1');
    const hold = await looked();
    await ledger.assistants.commit(hold, gone('deleted', hold));
    await keep();
    if (by === 'a check') await ledger.assistants.markUncertain(await looked(), SEALED);
    else await lose();
    expect((await events()).at(-1)).toMatchObject({ type: expect.stringContaining('key-uncertain') });
    expect(Object.values(await indexes()).flat()).toEqual([]);
    expect(await keep()).toBeUndefined();
    expect(await ledger.listing.index.isComplete()).toBe(true);
  });

  it('hold the last of several versions of one command', async () => {
    const claims = [];
    for (const assistantId of ['ast_1', 'ast_2', 'ast_3'])
      claims.push(await claimed(await accept({ assistantId })));
    await Promise.all(claims.map((claim) => ledger.assistants.commit(claim, key(`f${claim.assistantId}`))));
    expect((await events()).map(({ subject }) => subject)).toEqual(['ast_1', 'ast_2', 'ast_3']);
    expect(await idsOf({ order: 'last-change' })).toHaveLength(3);
    expect(await keep()).toMatchObject({ assistants: 3, corrected: 0 });
  });

  it.each(INDEXES)('of another type stop no commit, and a pass makes them anew: %s', async (name) => {
    await rotate('f1');
    await keep();
    await redis.del(`{spec}:index:${name}:org_1`);
    await redis.set(`{spec}:index:${name}:org_1`, 'nonsense');
    await rotate('f2');
    await lose();
    expect(await idsOf({ uncertain: true, order: name === 'change' ? 'id' : 'last-change' })).toEqual([
      'ast_1',
    ]);
    const { next: _, ...page } = await list(
      name === 'uncertain'
        ? { uncertain: true }
        : { order: name === 'id' ? 'id' : name === 'age' ? 'oldest-key' : 'last-change' },
    );
    expect(page).toEqual({ assistants: [], damaged: true });
    expect(await keep()).toBeUndefined();
    expect(await ledger.listing.index.isComplete()).toBe(false);
    await redis.hset('{spec}:index', 'passed', 1);
    expect(await keep()).toMatchObject({ complete: true });
    expect(await idsOf({ uncertain: true })).toEqual(['ast_1']);
  });
});

describe('a pass', () => {
  const strip = async () => {
    const keys = await redis.keys('{spec}:index*');
    await redis.del(...keys);
  };

  it('builds the indexes of a ledger that has none', async () => {
    await rotate('f1');
    await importKey('ast_2', 'f2', 'org_2');
    await lose();
    const followed = await indexes();
    await strip();
    expect(await ledger.listing.index.isComplete()).toBe(false);
    expect(await idsOf({ orgIds: ['org_1', 'org_2'] })).toEqual([]);
    expect(await keep()).toEqual({ assistants: 2, corrected: 7, complete: true });
    expect(await indexes()).toEqual(followed);
    expect(await ledger.listing.index.isComplete()).toBe(true);
    expect(await keep()).toBeUndefined();
  });

  it('reads the time of the last version of hashes that do not note its entry', async () => {
    await rotate('f1');
    const known = await redis.hget('{spec}:assistant:ast_1', 'known');
    await redis.hdel('{spec}:assistant:ast_1', 'entry');
    await strip();
    await keep();
    expect(await redis.zscore('{spec}:index:change:org_1', 'ast_1')).toBe(known);
    const [one] = (await list()).assistants;
    expect(one).toMatchObject({ entry: `${known}-9999999999999999999` });
  });

  it('agrees with commits that run beside it', async () => {
    for (let i = 0; i < 400; i += 1) await importKey(`ast_${i}`, `f${i}`, i % 3 === 0 ? 'org_2' : 'org_1');
    await strip();
    const pass = ledger.listing.index.keep({ token: 'w', signal: AbortSignal.timeout(60_000), idle: 0.97 });
    let commits = 0;
    const changing = (async () => {
      for (let i = 0; i < 150; i += 1) {
        const assistantId = `ast_${(i * 7) % 400}`;
        const orgId = i % 4 === 0 ? 'org_2' : 'org_1';
        if (i % 9 === 0) await ledger.assistants.markUncertain(await looked({ assistantId }), SEALED);
        else await rotate(`g${i}`, { orgId, assistantId });
        if (i % 10 === 0) await importKey(`new_${i}`, `n${i}`);
        commits += 1;
      }
    })();
    await Promise.all([pass, changing]);
    expect(commits).toBe(150);
    const followed = await indexes();
    await strip();
    await keep();
    expect(await indexes()).toEqual(followed);
    expect(followed['id:org_1']!.length).toBeGreaterThan(400);
  });

  it('that was interrupted is taken up again, by one worker at a time', async () => {
    for (let i = 0; i < 300; i += 1) await importKey(`ast_${i}`, `f${i}`, `org_${1 + (i % 2)}`);
    await strip();
    const stopping = new AbortController();
    const first = ledger.listing.index.keep({ token: 'first', signal: stopping.signal, idle: 0.99 });
    for (let i = 0; i < 1000 && (await redis.zcard('{spec}:index:id:org_1')) === 0; i += 1)
      await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await keep()).toBeUndefined();
    stopping.abort();
    expect(await first).toBeUndefined();
    expect(await ledger.listing.index.isComplete()).toBe(false);
    expect(await keep()).toMatchObject({ complete: true });
    expect(await idsOf({ orgIds: ['org_1', 'org_2'] })).toHaveLength(100);
  });

  it.each(['nonsense', '', '-1', '99999999999999999'])(
    'is due if another client has noted %j as the time of the last one',
    async (passed) => {
      await rotate('f1');
      await keep();
      await redis.zadd('{spec}:index:age:org_1', 5, 'ast_1');
      await redis.hset('{spec}:index', 'passed', passed);
      expect(await keep()).toMatchObject({ corrected: 1, complete: true });
      expect(await keep()).toBeUndefined();
    },
  );

  it('repairs what another client removed or added, and skips entries that cannot be read', async () => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    await redis.set('{spec}:assistant:ast_bad', 'x');
    await redis.zadd('{spec}:assistants:org_1', 1, 'ast_bad');
    expect(await keep()).toMatchObject({ complete: true });
    const right = await indexes();
    await redis.zrem('{spec}:index:id:org_1', 'ast_1');
    await redis.zadd('{spec}:index:age:org_1', 5, 'ast_invented');
    await redis.zadd('{spec}:index:uncertain:org_1', 0, 'ast_2');
    expect(await keep()).toBeUndefined();
    expect(await ledger.listing.index.isComplete()).toBe(false);
    await redis.hset('{spec}:index', 'passed', 1);
    expect(await keep()).toEqual({ assistants: 3, corrected: 3, complete: true });
    expect(await indexes()).toEqual(right);
    expect(await keep()).toBeUndefined();
    expect(await ledger.listing.index.isComplete()).toBe(true);
  });
});

describe('a list', () => {
  beforeEach(async () => {
    await importKey('ast_b', 'f1');
    await rotate('f2', { assistantId: 'ast_a' });
    await rotate('f3', { orgId: 'org_2', assistantId: 'ast_c' });
    await rotate('f4', { assistantId: 'x_d' });
  });
  const both = { orgIds: ['org_1', 'org_2'] };

  it('has each order over several orgs, with keys of unknown age as the oldest', async () => {
    expect(await idsOf(both)).toEqual(['ast_a', 'ast_b', 'ast_c', 'x_d']);
    expect(await idsOf({ ...both, order: 'oldest-key' })).toEqual(['ast_b', 'ast_a', 'ast_c', 'x_d']);
    expect(await idsOf({ ...both, order: 'newest-key' })).toEqual(['x_d', 'ast_c', 'ast_a', 'ast_b']);
    expect(await idsOf({ ...both, order: 'last-change' })).toEqual(['x_d', 'ast_c', 'ast_a', 'ast_b']);
  });

  it.each(['id', 'oldest-key', 'newest-key', 'last-change'] as const)(
    'in pages has each assistant once: %s',
    async (order) => {
      // Equal scores are no obstacle.
      await redis.zadd('{spec}:index:change:org_1', 7, 'ast_a', 7, 'ast_b', 7, 'x_d');
      const whole = await idsOf({ ...both, order });
      for (const size of [1, 2, 3]) {
        const seen: string[] = [];
        let after: Place | undefined;
        do {
          const page = await list({ ...both, order }, size, after);
          seen.push(...page.assistants.map(({ assistantId }) => assistantId));
          after = page.next;
        } while (after !== undefined);
        expect(seen).toEqual(whole);
      }
    },
  );

  it.each(['oldest-key', 'newest-key', 'last-change'] as const)(
    'in pages of one org has each of many that changed in the same millisecond: %s',
    async (order) => {
      const name = order === 'last-change' ? 'change' : 'age';
      for (const id of ['ast_d', 'ast_e', 'ast_f']) await rotate(id, { assistantId: id });
      const ids = await redis.zrange(`{spec}:index:${name}:org_1`, '0', '-1');
      for (const id of ids) await redis.zadd(`{spec}:index:${name}:org_1`, 7, id);
      const seen: string[] = [];
      let after: Place | undefined;
      do {
        const page = await list({ order }, 1, after);
        seen.push(...page.assistants.map(({ assistantId }) => assistantId));
        after = page.next;
      } while (after !== undefined);
      expect(seen.toSorted()).toEqual(ids.toSorted());
      expect(seen).toHaveLength(6);
    },
  );

  it('applies each filter in each order', async () => {
    const made = Number(await redis.hget('{spec}:assistant:ast_c', 'rotated'));
    for (const order of ['id', 'oldest-key', 'last-change'] as const) {
      const sorted = async (query: Partial<AssistantQuery>) =>
        (await idsOf({ ...both, order, ...query })).toSorted();
      expect(await sorted({ idPrefix: 'ast_' })).toEqual(['ast_a', 'ast_b', 'ast_c']);
      expect(await sorted({ idPrefix: 'ast_c' })).toEqual(['ast_c']);
      expect(await sorted({ keyBeforeMs: made })).toEqual(
        [
          'ast_b',
          ...(Number(await redis.hget('{spec}:assistant:ast_a', 'rotated')) < made ? ['ast_a'] : []),
        ].toSorted(),
      );
      expect(await sorted({ keyBeforeMs: made + 60_000 })).toEqual(['ast_a', 'ast_b', 'ast_c', 'x_d']);
      expect(await sorted({ keyBeforeMs: -1 })).toEqual(['ast_b']);
      expect(await sorted({ matches: ({ fingerprint }) => fingerprint === printOf('f3') })).toEqual([
        'ast_c',
      ]);
      expect(await sorted({ changedFromMs: Date.now() + 60_000 })).toEqual([]);
    }
  });

  it('leaves out an assistant without a key if it asks for old keys', async () => {
    const hold = await looked({ assistantId: 'ast_b' });
    await ledger.assistants.commit(hold, gone('no-key', hold));
    expect(await idsOf({ keyBeforeMs: Date.now() + 60_000, order: 'oldest-key' })).toEqual(['ast_a', 'x_d']);
    expect(await idsOf({ order: 'oldest-key' })).toEqual(['ast_a', 'x_d', 'ast_b']);
  });

  it('shows no assistant of another org that another client has put in an index', async () => {
    await redis.zadd('{spec}:index:id:org_1', 0, 'ast_c', 0, 'ast_invented');
    expect(await idsOf()).toEqual(['ast_a', 'ast_b', 'x_d']);
  });

  it('looks at no more than 1000 assistants for a page, which may be empty', async () => {
    const [ids, hash] = [
      Array.from({ length: 1500 }, (_, i) => `many_${i}`),
      await redis.hgetall('{spec}:assistant:ast_a'),
    ];
    const pipeline = redis.pipeline();
    for (const id of ids) {
      pipeline.hset(`{spec}:assistant:${id}`, hash);
      pipeline.zadd('{spec}:assistants:org_1', 1, id);
    }
    await pipeline.exec();
    await keep();
    const query = { idPrefix: 'many_', matches: () => false };
    const first = await list(query);
    expect(first).toEqual({ assistants: [], next: { score: 0, id: expect.any(String) } });
    expect(await list(query, 100, first.next)).toEqual({ assistants: [] });
  });
});

describe('the history of an assistant', () => {
  it('has its last 20 versions, with their cause, rotation and requester', async () => {
    const { id } = await accept();
    const claim = await claimed({ id, orgId: 'org_1', assistantId: 'ast_1' });
    await ledger.assistants.commit(claim, key('f1'));
    const hold = await looked();
    await ledger.assistants.commit(hold, gone('no-key', hold));
    await importKey('ast_1', 'f2');
    const history = await ledger.listing.history('ast_1');
    expect(history).toEqual([
      {
        version: expect.any(Number),
        publishedMs: expect.any(Number),
        cause: 'import',
        requestedBy: 'system',
      },
      {
        version: hold.epoch,
        publishedMs: expect.any(Number),
        cause: 'drift',
        removal: 'no-key',
        requestedBy: 'system',
      },
      {
        version: claim.epoch,
        publishedMs: Number(await redis.hget('{spec}:assistant:ast_1', 'since')),
        cause: 'rotation',
        rotationId: id,
        requestedBy: 'local',
      },
    ]);
    for (let i = 0; i < 22; i += 1) await rotate(`g${i}`);
    expect(await ledger.listing.history('ast_1')).toHaveLength(20);
    expect(await redis.llen('{spec}:versions:ast_1')).toBe(20);
  });

  it('says which versions were published under another org', async () => {
    await importKey('ast_1', 'f1', 'c');
    await rotate('f2');
    await rotate('f3', { orgId: 'org é' });
    await rotate('f4', { orgId: 'org_3' });
    await rotate('f5', { orgId: 'org_3' });
    const orgs = (await ledger.listing.history('ast_1')).map(({ orgId }) => orgId);
    expect(orgs).toEqual([undefined, undefined, 'org é', 'org_1', 'org_1']);
    for (let i = 0; i < 30; i += 1) await rotate(`g${i}`, { orgId: `org_${i % 2}` });
    expect(await redis.llen('{spec}:versions:ast_1')).toBe(20);
  });

  it('leaves out what no version of Rekey writes', async () => {
    await redis.rpush(
      '{spec}:versions:ast_1',
      '',
      'x',
      '1 rk 0 - -',
      '99999999999999999 rk 0 - - x',
      '5000 rk 1 - - a b',
      'x'.repeat(2000),
    );
    expect(await ledger.listing.history('ast_1')).toEqual([
      { version: 5000, publishedMs: 6, cause: 'rotation', requestedBy: 'a b' },
    ]);
    await redis.del('{spec}:versions:ast_1');
    await redis.set('{spec}:versions:ast_1', 'x');
    expect(await ledger.listing.history('ast_1')).toEqual([]);
  });
});

describe('counts of orgs', () => {
  it('are read from their indexes', async () => {
    await importKey('ast_1', 'f1');
    await rotate('f2', { assistantId: 'ast_2' });
    await rotate('f3', { assistantId: 'ast_3' });
    await lose({ assistantId: 'ast_3' });
    expect(await ledger.listing.orgCounts(['org_1', 'org_none'])).toEqual([
      {
        orgId: 'org_1',
        assistants: 3,
        uncertain: 1,
        unknownAge: 1,
        oldestKeyMs: Number(await redis.hget('{spec}:assistant:ast_2', 'rotated')),
      },
      { orgId: 'org_none', assistants: 0, uncertain: 0, unknownAge: 0 },
    ]);
    await redis.set('{spec}:index:uncertain:org_none', 'nonsense');
    expect(await ledger.listing.orgCounts(['org_none'])).toMatchObject([{ uncertain: 0, isDamaged: true }]);
  });
});
