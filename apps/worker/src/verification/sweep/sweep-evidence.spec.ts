import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ORG, closeEvidence, names, openEvidence, orgOf, type Evidence } from '../evidence-fixture.ts';

/** What a sweep concludes from an upstream that shows a wrong state. */
let world: Evidence;
beforeEach(async () => {
  world = await openEvidence();
});
afterEach(() => world.close());
afterAll(closeEvidence);

const strangers = async () =>
  (await world.events()).map(({ subject }) => subject).filter((id) => id >= 'ast_5');

describe('an API key that lists another org', () => {
  it.each([1, 2, 3, 30, 250])(
    'of the same size (%d): no assistant is published as deleted, and no stranger is imported',
    async (count) => {
      await world.importKnown(count);
      const before = (await world.events()).length;
      world.upstream = orgOf(Math.max(count, 2), 5000);
      const swept = await world.sweep();
      expect(swept.code).toBe('ORG_CHANGED');
      expect((await world.events()).length).toBe(before);
      expect(await world.held()).toEqual([
        { orgId: ORG, code: 'ORG_CHANGED', affected: count, known: count },
      ]);
      // Later sweeps do not either, however many follow.
      for (let i = 0; i < 3; i += 1) {
        await world.pass(3_600_000);
        expect((await world.sweep()).code).toBe('ORG_CHANGED');
      }
      expect((await world.events()).length).toBe(before);
    },
  );

  it.each([10, 1000])('with some of ours and %d strangers: none is published as deleted', async (count) => {
    await world.importKnown(30);
    world.upstream = new Map([...orgOf(5), ...orgOf(count, 5000)]);
    expect((await world.sweep()).code).toBe('TOO_MANY_GONE');
    expect(await world.removed()).toEqual([]);
    expect(await strangers()).toEqual([]);
    expect(await world.held()).toEqual([{ orgId: ORG, code: 'TOO_MANY_GONE', affected: 25, known: 30 }]);
    await world.pass(3_600_000);
    expect((await world.sweep()).code).toBe('TOO_MANY_GONE');
    expect(await world.removed()).toEqual([]);
  });

  it('with some assistants without a key: they count as strangers, and none is imported', async () => {
    await world.importKnown(30);
    world.upstream = orgOf(30, 5000);
    world.list = (id, key) => (id.endsWith('0') ? null : key);
    expect((await world.sweep()).code).toBe('ORG_CHANGED');
    expect(await strangers()).toEqual([]);
  });

  it('with an incomplete list: none is published as deleted, and no stranger is imported', async () => {
    await world.importKnown(400);
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

  it('for a while: the next sweep with the right key finds no change, and lifts the hold', async () => {
    await world.importKnown(250);
    const ours = world.upstream;
    world.upstream = orgOf(30, 5000);
    await world.sweep();
    world.upstream = ours;
    await world.pass(3_600_000);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { requests: 3, agreed: 250 } });
    expect(await world.held()).toEqual([]);
  });

  it('for a while: the next good sweep finds what was created and rotated meanwhile', async () => {
    await world.importKnown(30);
    const ours = world.upstream;
    world.upstream = orgOf(30, 5000);
    await world.sweep();
    world.upstream = new Map([...ours, ...orgOf(20, 1000)]);
    world.rotateByHand(['ast_0003', 'ast_0004']);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { adopted: 2, imported: 20, unresolved: 0, compared: 50 },
    });
    expect(await world.wrong()).toEqual([]);
    expect([...(await world.published()).keys()]).toHaveLength(50);
  });
});

describe('an empty list', () => {
  it.each([2, 30])('of an org of %d assistants holds the org', async (count) => {
    await world.importKnown(count);
    world.upstream = new Map();
    expect((await world.sweep()).code).toBe('ORG_CHANGED');
    expect(await world.removed()).toEqual([]);
  });

  it('of an org with one assistant: it is published as deleted once two reads agree', async () => {
    await world.importKnown(1);
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

describe('an operator who accepts deletions', () => {
  it('has them published once two reads agree', async () => {
    await world.importKnown(30);
    world.upstream = new Map([...orgOf(2), ...orgOf(5, 5000)]);
    await world.sweep();
    expect(await world.ledger.orgs.acceptHeld(ORG)).toBe(true);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { removed: 28 } });
    expect((await world.removed()).toSorted()).toEqual(names(28, 2));
    // From then on the existing assistants are the known ones.
    expect(await world.ledger.orgs.limits(ORG)).toMatchObject({ known: 7 });
  });

  it('does not have them held for another reason once the list agrees', async () => {
    await world.importKnown(30);
    await world.ledger.orgs.hold(ORG, { code: 'TOO_MANY_GONE', affected: 28, known: 30 });
    await world.ledger.orgs.acceptHeld(ORG);
    await world.ledger.orgs.hold(ORG, { code: 'KEYS_NOT_SHOWN', affected: 2, known: 30 });
    world.rotateByHand(['ast_0007']);
    expect((await world.sweep()).code).toBe('KEYS_NOT_SHOWN');
    expect(await world.held()).toMatchObject([{ code: 'KEYS_NOT_SHOWN' }]);
    world.upstream = orgOf(30);
    expect((await world.sweep()).code).toBe('SUCCEEDED');
    expect(await world.held()).toEqual([]);
    expect(await world.ledger.orgs.limits(ORG)).toMatchObject({ accepted: false });
  });

  it('of the same org a year later accepts nothing new', async () => {
    await world.importKnown(30);
    world.upstream = orgOf(30, 5000);
    await world.sweep();
    await world.ledger.orgs.acceptHeld(ORG);
    await world.sweep();
    await world.pass(3_600_000);
    world.upstream = orgOf(30, 7000);
    expect((await world.sweep()).code).toBe('ORG_CHANGED');
  });
});

describe('records without a key', () => {
  it('of all assistants, in LIST and GET: no removal is published, and the org is held', async () => {
    await world.importKnown(30);
    world.list = () => null;
    world.get = (_id, key) => (key === undefined ? undefined : null);
    expect((await world.sweep()).code).toBe('TOO_MANY_WITHOUT_KEY');
    expect(await world.removed()).toEqual([]);
    expect(await world.held()).toEqual([
      { orgId: ORG, code: 'TOO_MANY_WITHOUT_KEY', affected: 30, known: 30 },
    ]);
  });

  it('in LIST alone: GET is trusted, and nothing is held', async () => {
    await world.importKnown(30);
    world.list = () => null;
    world.rotateByHand(['ast_0007']);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { adopted: 1, unresolved: 0 } });
    expect(await world.held()).toEqual([]);
    expect(await world.wrong()).toEqual([]);
    expect(await world.removed()).toEqual([]);
  });

  it('in LIST alone, at a first import: assistants are read one by one', async () => {
    world.upstream = orgOf(60);
    world.list = () => null;
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { imported: 60 } });
    expect(await world.wrong()).toEqual([]);
  });

  it('in GET alone, at a first import: nothing is published on the word of LIST', async () => {
    world.upstream = orgOf(60);
    world.get = (_id, key) => (key === undefined ? undefined : null);
    expect((await world.sweep()).counts.imported).toBe(0);
    expect(await world.events()).toEqual([]);
  });

  it('of a few are published once two reads agree', async () => {
    await world.importKnown(30);
    const bare = new Set(names(3));
    world.list = (id, key) => (bare.has(id) ? null : key);
    world.get = (id, key) => (key !== undefined && bare.has(id) ? null : key);
    // The witness may be one of these: then the publication waits for a later sweep.
    for (let i = 0; i < 10 && (await world.removed()).length < 3; i += 1) {
      await world.sweep();
      await world.pass(600_000);
    }
    expect((await world.removed()).toSorted()).toEqual(names(3));
  });
});

describe('an assistant whose reads agree that it has no key', () => {
  const unconfirmed = async (): Promise<void> => {
    await world.importKnown(30);
    world.get = (_id, key) => (key === undefined ? undefined : null);
    expect((await world.check('ast_0003')).kind).toBe('unconfirmed');
    await world.pass(31_000);
    world.gets = [];
  };

  it('is not published if Invent shows keys again before another assistant is read', async () => {
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

  it('is read again if the first read was long ago: Invent may have shown no keys twice', async () => {
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

describe('an incomplete list', () => {
  it('that omits more than the limit: the sweep reads some of them, and holds nothing', async () => {
    await world.importKnown(400);
    world.page = (all, page) =>
      page === 2 || page === 3
        ? { code: 'UPSTREAM_UNREACHABLE' }
        : { ids: all.slice((page - 1) * 100, page * 100), total: all.length };
    const { code, gets } = await world.sweep();
    expect(code).toBe('LIST_INCOMPLETE');
    expect(new Set(gets).size).toBe(100);
    expect(await world.held()).toEqual([]);
    expect(await world.removed()).toEqual([]);
  });

  it('that agrees with its own count and omits assistants: no page is taken for everything', async () => {
    await world.importKnown(400);
    world.page = (all, page) => {
      const some = all.filter((id) => Number(id.slice(4)) % 5 > 1);
      return { ids: some.slice((page - 1) * 100, page * 100), total: some.length };
    };
    expect((await world.sweep()).code).toBe('LIST_INCOMPLETE');
    expect(await world.removed()).toEqual([]);
    expect(await world.held()).toEqual([]);
  });
});

describe('a period of 404 answers', () => {
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

  it('shorter than the confirmation time publishes nothing, even within the limit', async () => {
    await world.importKnown(30);
    wave();
    expect(await checkAll(names(5))).toEqual(Array.from({ length: 5 }, () => 'unconfirmed'));
    over();
    await world.pass(30_000);
    expect(await checkAll(names(5))).toEqual(Array.from({ length: 5 }, () => 'agreed'));
    expect(await world.removed()).toEqual([]);
    expect(await world.ledger.orgs.limits(ORG)).toMatchObject({ changed: 0 });
  });

  it('that is longer holds the org before anything is published', async () => {
    await world.importKnown(30);
    wave();
    await checkAll(names(20));
    await world.pass(30_000);
    expect(new Set(await checkAll(names(20)))).toEqual(new Set(['withheld']));
    expect(await world.removed()).toEqual([]);
    expect(await world.held()).toEqual([{ orgId: ORG, code: 'TOO_MANY_GONE', affected: 20, known: 30 }]);
    over();
    await world.pass(300_000);
    expect((await world.sweep()).code).toBe('SUCCEEDED');
    expect(await world.held()).toEqual([]);
    expect(await checkAll(names(20))).toEqual(Array.from({ length: 20 }, () => 'agreed'));
  });

  it('longer, in an org that was never swept, never removes all of several assistants', async () => {
    world.upstream = orgOf(3);
    for (const id of names(3)) expect(await world.check(id)).toEqual({ kind: 'imported' });
    await world.pass(60_000);
    wave();
    await checkAll(names(3));
    await world.pass(30_000);
    await checkAll(names(3));
    expect(await world.removed()).toEqual([]);
  });

  it('during a sweep: no unlisted assistant is published as deleted, no listed one is read', async () => {
    await world.importKnown(30);
    wave();
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', gets: [] });
  });
});

describe('an older key that is in force again', () => {
  it('is reported at the first check, published after three, and found by a sweep in LIST', async () => {
    await world.importKnown(5);
    world.rotateByHand(['ast_0001']);
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
    expect(world.logged).toContainEqual(
      expect.objectContaining({ event: 'key_rollback_published', level: 'error' }),
    );
  });

  it('in a whole org restored from a backup is published, even beyond the limit', async () => {
    await world.importKnown(40);
    world.rotateByHand(names(10));
    await world.sweep();
    await world.pass(60_000);
    world.upstream = orgOf(40);
    for (let i = 0; i < 3; i += 1) {
      for (const id of names(10)) await world.check(id);
      await world.pass(1001);
    }
    expect(await world.wrong()).toEqual([]);
    expect(await world.held()).toEqual([]);
  });
});
