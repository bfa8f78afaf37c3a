import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ORG, closeEvidence, names, openEvidence, orgOf, type Evidence } from '../evidence-fixture.ts';

/** What a sweep believes of an upstream that shows what is not so. */
let world: Evidence;
beforeEach(async () => {
  world = await openEvidence();
});
afterEach(() => world.close());
afterAll(closeEvidence);

/** An org whose assistants one sweep has imported and another one has found unchanged. */
const known = async (count: number): Promise<void> => {
  world.upstream = orgOf(count);
  expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { imported: count } });
  await world.pass(3_600_000);
};
const held = async () =>
  (await world.ledger.heldOrgs()).map(({ orgId, code, affected, known: of }) => ({
    orgId,
    code,
    affected,
    known: of,
  }));
const strangers = async () =>
  (await world.events()).map(({ subject }) => subject).filter((id) => id >= 'ast_5');
const rotateByHand = (ids: string[]) => {
  for (const id of ids) world.upstream.set(id, `hand_${id}`);
};

describe('an API key that lists another org', () => {
  it.each([1, 2, 3, 30, 250])(
    'of the same size: of %d assistants none is published as gone, and no stranger is imported',
    async (count) => {
      await known(count);
      const before = (await world.events()).length;
      world.upstream = orgOf(Math.max(count, 2), 5000);
      const swept = await world.sweep();
      expect(swept.code).toBe('ORG_CHANGED');
      expect((await world.events()).length).toBe(before);
      expect(await held()).toEqual([{ orgId: ORG, code: 'ORG_CHANGED', affected: count, known: count }]);
      // Nor by any later sweep, however often and however long it takes.
      for (let i = 0; i < 3; i += 1) {
        await world.pass(3_600_000);
        expect((await world.sweep()).code).toBe('ORG_CHANGED');
      }
      expect((await world.events()).length).toBe(before);
    },
  );

  it.each([10, 1000])('of which some are ours and %d are not: none is published as gone', async (count) => {
    await known(30);
    world.upstream = new Map([...orgOf(5), ...orgOf(count, 5000)]);
    expect((await world.sweep()).code).toBe('TOO_MANY_GONE');
    expect(await world.removed()).toEqual([]);
    expect(await strangers()).toEqual([]);
    expect(await held()).toEqual([{ orgId: ORG, code: 'TOO_MANY_GONE', affected: 25, known: 30 }]);
    await world.pass(3_600_000);
    expect((await world.sweep()).code).toBe('TOO_MANY_GONE');
    expect(await world.removed()).toEqual([]);
  });

  it('of which some have no key: they count as strangers, and none of the others is imported', async () => {
    await known(30);
    world.upstream = orgOf(30, 5000);
    world.list = (id, key) => (id.endsWith('0') ? null : key);
    expect((await world.sweep()).code).toBe('ORG_CHANGED');
    expect(await strangers()).toEqual([]);
  });

  it('of which the list is incomplete: none is published as gone, and no stranger is imported', async () => {
    await known(400);
    world.upstream = orgOf(200, 5000);
    world.page = (all, page) =>
      page === 2
        ? { code: 'UPSTREAM_UNREACHABLE' }
        : { ids: all.slice((page - 1) * 100, page * 100), total: all.length };
    for (let i = 0; i < 6; i += 1) {
      expect((await world.sweep()).code).toBe('LIST_INCOMPLETE');
      await world.pass(3_600_000);
    }
    expect(await world.removed()).toEqual([]);
    expect(await strangers()).toEqual([]);
  });

  it('for a while: the next sweep with the right one finds all as it was, and holds the org no longer', async () => {
    await known(250);
    const ours = world.upstream;
    world.upstream = orgOf(30, 5000);
    await world.sweep();
    world.upstream = ours;
    await world.pass(3_600_000);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { requests: 3, agreed: 250 } });
    expect(await held()).toEqual([]);
  });

  it('for a while, and what was new and rotated in that time is found by the next good sweep', async () => {
    await known(30);
    const ours = world.upstream;
    world.upstream = orgOf(30, 5000);
    await world.sweep();
    world.upstream = new Map([...ours, ...orgOf(20, 1000)]);
    rotateByHand(['ast_0003', 'ast_0004']);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { adopted: 2, imported: 20, unresolved: 0, compared: 50 },
    });
    expect(await world.wrong()).toEqual([]);
    expect([...(await world.published()).keys()]).toHaveLength(50);
  });
});

describe('an empty list', () => {
  it.each([2, 30])('of an org of %d assistants holds it', async (count) => {
    await known(count);
    world.upstream = new Map();
    expect((await world.sweep()).code).toBe('ORG_CHANGED');
    expect(await world.removed()).toEqual([]);
  });

  it('of an org of a single assistant: it is published as gone once two reads of it agree', async () => {
    await known(1);
    world.upstream = new Map();
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { removed: 1 },
      gets: ['ast_0000', 'ast_0000'],
    });
    expect(await world.removed()).toEqual(['ast_0000']);
    expect(world.slept.reduce((sum, ms) => sum + ms, 0)).toBe(30_000);
  });
});

describe('an operator who accepts that assistants are gone', () => {
  it('has them published as gone once two reads agree', async () => {
    await known(30);
    world.upstream = new Map([...orgOf(2), ...orgOf(5, 5000)]);
    await world.sweep();
    expect(await world.ledger.acceptHeld(ORG)).toBe(true);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { removed: 28 } });
    expect((await world.removed()).toSorted()).toEqual(names(28, 2));
    // What is known from then on is what is there.
    expect(await world.ledger.orgLimits(ORG)).toMatchObject({ known: 7 });
  });

  it('of the same org a year later accepts nothing new', async () => {
    await known(30);
    world.upstream = orgOf(30, 5000);
    await world.sweep();
    await world.ledger.acceptHeld(ORG);
    await world.sweep();
    await world.pass(3_600_000);
    world.upstream = orgOf(30, 7000);
    expect((await world.sweep()).code).toBe('ORG_CHANGED');
  });
});

describe('records without a key', () => {
  it('in LIST and in GET, of all: none is published as being without a key, and the org is held', async () => {
    await known(30);
    world.list = () => null;
    world.get = (_id, key) => (key === undefined ? undefined : null);
    expect((await world.sweep()).code).toBe('TOO_MANY_WITHOUT_KEY');
    expect(await world.removed()).toEqual([]);
    expect(await held()).toEqual([{ orgId: ORG, code: 'TOO_MANY_WITHOUT_KEY', affected: 30, known: 30 }]);
  });

  it('in LIST alone: GET is believed, and nothing is held', async () => {
    await known(30);
    world.list = () => null;
    rotateByHand(['ast_0007']);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { adopted: 1, unresolved: 0 } });
    expect(await held()).toEqual([]);
    expect(await world.wrong()).toEqual([]);
    expect(await world.removed()).toEqual([]);
  });

  it('in LIST alone, of a first import: they are read one by one', async () => {
    world.upstream = orgOf(60);
    world.list = () => null;
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { imported: 60 } });
    expect(await world.wrong()).toEqual([]);
  });

  it('in GET alone, of a first import: nothing is published that LIST alone shows', async () => {
    world.upstream = orgOf(60);
    world.get = (_id, key) => (key === undefined ? undefined : null);
    expect((await world.sweep()).counts.imported).toBe(0);
    expect(await world.events()).toEqual([]);
  });

  it('of a few are published once two reads agree', async () => {
    await known(30);
    const bare = new Set(names(3));
    world.list = (id, key) => (bare.has(id) ? null : key);
    world.get = (id, key) => (key !== undefined && bare.has(id) ? null : key);
    // Whoever is asked to bear witness may be one of these: then that is left for later.
    for (let i = 0; i < 10 && (await world.removed()).length < 3; i += 1) {
      await world.sweep();
      await world.pass(600_000);
    }
    expect((await world.removed()).toSorted()).toEqual(names(3));
  });
});

describe('an assistant whose reads agree that it has no key', () => {
  const unconfirmed = async (): Promise<void> => {
    await known(30);
    world.get = (_id, key) => (key === undefined ? undefined : null);
    expect((await world.check('ast_0003')).kind).toBe('unconfirmed');
    await world.pass(31_000);
    world.gets = [];
  };

  it('is not published if Invent shows keys again between the second read and that of another assistant', async () => {
    await unconfirmed();
    world.get = (_id, key) => (key === undefined ? undefined : world.gets.length === 1 ? null : key);
    expect((await world.check('ast_0003')).kind).toBe('agreed');
    expect(await world.removed()).toEqual([]);
  });

  it('is published if it still has none after another assistant was read with its key', async () => {
    await unconfirmed();
    world.get = (id, key) => (id === 'ast_0003' || key === undefined ? null : key);
    expect((await world.check('ast_0003')).kind).toBe('removed');
    expect(world.gets).toEqual(['ast_0003', expect.not.stringMatching('ast_0003'), 'ast_0003']);
  });

  it('is not published if the key of the other assistant comes from a cache', async () => {
    await unconfirmed();
    world.get = (id, key) => (id === 'ast_0003' || key === undefined ? null : key);
    world.ageMs = (id) => (id === 'ast_0003' ? 0 : 60_000);
    expect((await world.check('ast_0003')).kind).toBe('unconfirmed');
    expect(await world.removed()).toEqual([]);
  });

  it('is read again if the first read was long ago: the two may be of two times in which Invent showed no keys', async () => {
    await unconfirmed();
    await world.pass(600_000);
    world.get = (id, key) => (id === 'ast_0003' || key === undefined ? null : key);
    expect((await world.check('ast_0003')).kind).toBe('unconfirmed');
    world.get = undefined;
    await world.pass(31_000);
    expect((await world.check('ast_0003')).kind).toBe('agreed');
    expect(await world.removed()).toEqual([]);
  });

  it('is published in the end, however long ago each read is', async () => {
    await unconfirmed();
    world.get = (id, key) => (id === 'ast_0003' || key === undefined ? null : key);
    const kinds: string[] = [];
    for (let read = 0; read < 20 && kinds.at(-1) !== 'removed'; read += 1) {
      kinds.push((await world.check('ast_0003')).kind);
      await world.pass(600_000);
    }
    expect(kinds.at(-1)).toBe('removed');
  });
});

describe('masked keys', () => {
  it('in LIST are not imported: each assistant is read', async () => {
    world.upstream = orgOf(60);
    world.list = () => 'masked';
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { imported: 60, requests: 60 + world.lists.length },
    });
    expect(await world.wrong()).toEqual([]);
  });

  it('in LIST of more assistants than a sweep reads: those that were not compared are counted, and the sweep fails', async () => {
    world.upstream = orgOf(250);
    world.list = () => 'masked';
    expect(await world.sweep()).toMatchObject({
      code: 'KEYS_NOT_SHOWN',
      counts: { imported: 100, unresolved: 150 },
    });
    for (let i = 0; i < 30 && (await world.published()).size < 250; i += 1) await world.sweep();
    expect((await world.published()).size).toBe(250);
    expect(await world.wrong()).toEqual([]);
  });

  it('in LIST of known assistants: what is rotated by hand is found by GET', async () => {
    await known(80);
    world.list = () => 'masked';
    rotateByHand(['ast_0070']);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { adopted: 1 } });
    expect(await world.wrong()).toEqual([]);
  });

  it('in GET say nothing of the key: nothing is published', async () => {
    await known(30);
    const before = (await world.events()).length;
    world.list = () => 'masked';
    world.get = (_id, key) => (key === undefined ? undefined : 'masked');
    await world.sweep();
    expect(await world.check('ast_0001')).toEqual({ kind: 'unreadable', code: 'KEYS_NOT_SHOWN' });
    expect((await world.events()).length).toBe(before);
  });
});

describe('keys in LIST that GET does not show', () => {
  it('of all known assistants: GET is asked, none is published, nothing is held, and what could not be compared is said', async () => {
    await known(250);
    const before = (await world.events()).length;
    world.list = (id) => `listed_${id}`;
    const swept = await world.sweep();
    expect(swept).toMatchObject({ code: 'KEYS_NOT_SHOWN', counts: { adopted: 0 } });
    // 3 to see that, and 100 that a sweep reads in place of the list.
    expect(swept.counts.requests).toBe(3 + 3 + 100);
    expect(swept.counts.unresolved).toBe(150);
    expect((await world.events()).length).toBe(before);
    expect(await held()).toEqual([]);
  });

  it('of fewer than a sweep reads: all are compared by GET, whatever the limit of the org', async () => {
    await known(80);
    world.list = (id) => `listed_${id}`;
    rotateByHand(['ast_0077']);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { adopted: 1, agreed: 79, unresolved: 0 },
    });
    expect(await world.wrong()).toEqual([]);
  });

  it('are not taken for changes if GET cannot be read: the sweep fails for that reason, and the org is not held', async () => {
    await known(80);
    world.list = (id) => `listed_${id}`;
    world.getFails = () => 'UPSTREAM_UNREACHABLE';
    expect((await world.sweep()).code).toBe('UPSTREAM_UNREACHABLE');
    expect(await held()).toEqual([]);
  });

  it.each([
    ['its first page', 0],
    ['its second page', 100],
    ['its fifth page', 400],
  ])('of a first import, from %s on: none of them is published', async (_where, from) => {
    world.upstream = orgOf(600);
    world.list = (id, key) => (Number(id.slice(4)) >= from ? `listed_${id}` : key);
    expect((await world.sweep()).code).toBe('KEYS_NOT_SHOWN');
    expect(await world.wrong()).toEqual([]);
  });

  it('of a first import, if GET cannot be read: nothing is published', async () => {
    world.upstream = orgOf(60);
    world.getFails = () => 'UPSTREAM_FORBIDDEN';
    await world.sweep();
    expect(await world.events()).toEqual([]);
  });

  it('for a few: each is read, and those that agree are left alone', async () => {
    await known(250);
    world.list = (id, key) => (id < 'ast_0003' ? `listed_${id}` : key);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { adopted: 0, agreed: 250 },
      gets: names(3),
    });
  });
});

describe('the same key for several assistants', () => {
  it('in LIST is not imported: each is read', async () => {
    world.upstream = orgOf(60);
    world.list = () => 'sk_redacted';
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { imported: 60 } });
    expect(await world.wrong()).toEqual([]);
  });

  it('in LIST and GET is imported for one at the most, and the org is held until they have keys of their own', async () => {
    world.upstream = orgOf(60);
    world.list = () => 'sk_redacted';
    world.get = () => 'sk_redacted';
    expect((await world.sweep()).code).toBe('KEYS_NOT_SHOWN');
    await world.pass(3_600_000);
    expect((await world.sweep()).code).toBe('KEYS_NOT_SHOWN');
    expect((await world.published()).size).toBe(1);
    [world.list, world.get] = [undefined, undefined];
    await world.pass(3_600_000);
    expect((await world.sweep()).code).toBe('SUCCEEDED');
    expect((await world.published()).size).toBe(60);
    expect(await world.wrong()).toEqual([]);
    expect(await held()).toEqual([]);
  });

  it('in LIST and GET of known assistants replaces the key of one at the most', async () => {
    await known(60);
    world.list = () => 'sk_redacted';
    world.get = () => 'sk_redacted';
    await world.sweep();
    expect((await world.wrong()).length).toBeLessThanOrEqual(1);
    expect(await held()).toMatchObject([{ code: 'KEYS_NOT_SHOWN' }]);
  });
});

describe('keys that were replaced elsewhere', () => {
  it('for more than the limit: none is published, and the org is held', async () => {
    await known(40);
    const before = (await world.events()).length;
    rotateByHand(names(20));
    expect((await world.sweep()).code).toBe('TOO_MANY_CHANGED');
    expect((await world.events()).length).toBe(before);
    expect(await held()).toEqual([{ orgId: ORG, code: 'TOO_MANY_CHANGED', affected: 20, known: 40 }]);
    await world.ledger.acceptHeld(ORG);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { adopted: 20 } });
    expect(await world.wrong()).toEqual([]);
  });

  it('for no more than the limit are published', async () => {
    await known(40);
    rotateByHand(names(10));
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { adopted: 10 } });
  });
});

describe('a first import', () => {
  it.each([
    [1, 1, 1],
    [3, 1, 3],
    [100, 1, 3],
    [250, 3, 5],
    [1000, 10, 12],
  ])('of %d assistants in %d pages reads %d of them one by one', async (count, pages, reads) => {
    world.upstream = orgOf(count);
    const { code, counts, lists, gets } = await world.sweep();
    expect({ code, imported: counts.imported, gets: gets.length }).toEqual({
      code: 'SUCCEEDED',
      imported: count,
      gets: reads,
    });
    // A list that brought what was never published is read beyond its count, and once more.
    expect(lists).toBe(2 * pages + 1);
    expect(counts.requests).toBe(lists + reads);
    expect(await world.wrong()).toEqual([]);
  });

  it('during which one of those that are read is rotated by hand reads three others, and imports the rest', async () => {
    world.upstream = orgOf(250);
    let seen = '';
    world.get = (id, key) => {
      if (seen !== '') return key;
      seen = id;
      world.upstream.set(id, 'by_hand');
      return 'by_hand';
    };
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { imported: 250 } });
    expect(await world.wrong()).toEqual([]);
    expect(world.gets.length).toBe(2 * 3 + 1 + 1);
  });

  it('of one new assistant of a known org takes one read, wherever it is listed', async () => {
    await known(250);
    world.upstream.set('ast_new', 'sk_new');
    expect((await world.sweep()).gets).toEqual(['ast_new']);
    world.upstream = new Map([['ast_newer', 'sk_newer'], ...world.upstream]);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { imported: 1, agreed: 251, unresolved: 0 },
      gets: ['ast_newer'],
    });
  });

  it('of many new assistants, listed before the known ones, lists the org once more', async () => {
    await known(250);
    world.upstream = new Map([...orgOf(300, 1000), ...world.upstream]);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { imported: 300, compared: 550, agreed: 250, unresolved: 0 },
    });
    expect(await world.wrong()).toEqual([]);
  });

  it('of an org of which one was rotated before it was ever listed imports all of it', async () => {
    world.upstream = orgOf(250);
    expect(await world.check('ast_0249')).toEqual({ kind: 'imported' });
    await world.pass(60_000);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { imported: 249 } });
  });
});

describe('a sweep of a known org', () => {
  it('without a change takes one request a page, and no reads', async () => {
    await known(250);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { requests: 3, agreed: 250 },
      gets: [],
    });
  });

  it('that waits for a second read keeps its lease meanwhile', async () => {
    await known(30);
    world.upstream.delete('ast_0001');
    let saves = 0;
    const beganMs = await world.ledger.nowMs();
    let lastMs = beganMs;
    let longestMs = 0;
    await world.sweep({
      save: async () => {
        saves += 1;
        const nowMs = await world.ledger.nowMs();
        longestMs = Math.max(longestMs, nowMs - lastMs);
        lastMs = nowMs;
      },
    });
    expect(await world.removed()).toEqual(['ast_0001']);
    expect(longestMs).toBeLessThanOrEqual(10_000);
    expect(saves).toBeGreaterThanOrEqual(4);
  });

  it('as one of all does not wait', async () => {
    await known(30);
    world.upstream.delete('ast_0001');
    expect(await world.sweepOrg()).toMatchObject({ code: 'SUCCEEDED', counts: { unresolved: 1 } });
    expect(world.slept).toEqual([]);
    expect(await world.ledger.drawChecks(10, 60_000)).toEqual([]);
  });
});

describe('a list that is incomplete', () => {
  it('leaves out more than the limit, which are there: they are read as far as a sweep may, and none is held against the org', async () => {
    await known(400);
    world.page = (all, page) =>
      page === 2 || page === 3
        ? { code: 'UPSTREAM_UNREACHABLE' }
        : { ids: all.slice((page - 1) * 100, page * 100), total: all.length };
    const { code, gets } = await world.sweep();
    expect(code).toBe('LIST_INCOMPLETE');
    expect(new Set(gets).size).toBe(100);
    expect(await held()).toEqual([]);
    expect(await world.removed()).toEqual([]);
  });

  it('agrees with its own count, and leaves out what is there: no page is believed to be all', async () => {
    await known(400);
    world.page = (all, page) => {
      const some = all.filter((id) => Number(id.slice(4)) % 5 > 1);
      return { ids: some.slice((page - 1) * 100, page * 100), total: some.length };
    };
    expect((await world.sweep()).code).toBe('LIST_INCOMPLETE');
    expect(await world.removed()).toEqual([]);
    expect(await held()).toEqual([]);
  });
});

describe('a wave of 404', () => {
  const wave = () => {
    world.get = () => undefined;
  };
  const over = () => {
    world.get = undefined;
  };
  const checkAll = async (ids: string[]) => {
    const kinds: string[] = [];
    for (const id of ids) kinds.push((await world.check(id)).kind);
    return kinds;
  };

  it('that is shorter than reads have to agree publishes nothing, also in an org within its limit', async () => {
    await known(30);
    wave();
    expect(await checkAll(names(5))).toEqual(Array.from({ length: 5 }, () => 'unconfirmed'));
    over();
    await world.pass(30_000);
    expect(await checkAll(names(5))).toEqual(Array.from({ length: 5 }, () => 'agreed'));
    expect(await world.removed()).toEqual([]);
    expect(await world.ledger.orgLimits(ORG)).toMatchObject({ changed: 0 });
  });

  it('that is longer holds the org before anything is published', async () => {
    await known(30);
    wave();
    await checkAll(names(20));
    await world.pass(30_000);
    expect(new Set(await checkAll(names(20)))).toEqual(new Set(['withheld']));
    expect(await world.removed()).toEqual([]);
    expect(await held()).toEqual([{ orgId: ORG, code: 'TOO_MANY_GONE', affected: 20, known: 30 }]);
    over();
    await world.pass(300_000);
    expect((await world.sweep()).code).toBe('SUCCEEDED');
    expect(await held()).toEqual([]);
    expect(await checkAll(names(20))).toEqual(Array.from({ length: 20 }, () => 'agreed'));
  });

  it('that is longer, of an org that was never swept, never takes all of several', async () => {
    world.upstream = orgOf(3);
    for (const id of names(3)) expect(await world.check(id)).toEqual({ kind: 'imported' });
    await world.pass(60_000);
    wave();
    await checkAll(names(3));
    await world.pass(30_000);
    await checkAll(names(3));
    expect(await world.removed()).toEqual([]);
  });

  it('during a sweep: those that are not listed are not published as gone, and those that are listed are not asked about', async () => {
    await known(30);
    wave();
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', gets: [] });
  });
});

describe('an older key that is in force again', () => {
  it('is told at the first check, published after three, and a sweep finds it in LIST', async () => {
    await known(5);
    rotateByHand(['ast_0001']);
    await world.sweep();
    await world.pass(60_000);
    world.upstream = orgOf(5);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { unresolved: 1 } });
    await world.pass(1001);
    expect(await world.check('ast_0001')).toMatchObject({ kind: 'stale' });
    expect(
      (await world.events()).filter(({ type }) => type.includes('uncertain')).map(({ subject }) => subject),
    ).toEqual(['ast_0001']);
    await world.pass(1001);
    expect(await world.check('ast_0001')).toMatchObject({ kind: 'stale' });
    expect((await world.events()).filter(({ type }) => type.includes('uncertain'))).toHaveLength(1);
    await world.pass(1001);
    expect(await world.check('ast_0001')).toEqual({ kind: 'adopted' });
    expect((await world.events()).at(-1)).toMatchObject({
      subject: 'ast_0001',
      data: { cause: 'rollback', fingerprint: world.fingerprint('sk_of_ast_0001') },
    });
    expect(await world.wrong()).toEqual([]);
    expect(world.logged).toContainEqual({
      level: 'error',
      message: 'Invent went back to an older key: it is in force, and published',
    });
  });

  it('of a whole org that went back to a backup is published, also where that is more than may change', async () => {
    await known(40);
    rotateByHand(names(10));
    await world.sweep();
    await world.pass(60_000);
    world.upstream = orgOf(40);
    for (let i = 0; i < 3; i += 1) {
      for (const id of names(10)) await world.check(id);
      await world.pass(1001);
    }
    expect(await world.wrong()).toEqual([]);
    expect(await held()).toEqual([]);
  });
});
