import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ORG, closeEvidence, names, openEvidence, orgOf, type Evidence } from '../evidence-fixture.ts';

/** What a sweep concludes from the keys that LIST and GET show. */
let world: Evidence;
beforeEach(async () => {
  world = await openEvidence();
});
afterEach(() => world.close());
afterAll(closeEvidence);

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

  it('in LIST of more than a sweep reads: the rest is counted, and the sweep fails', async () => {
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

  it('in LIST of known assistants: GET finds a manual rotation', async () => {
    await world.importKnown(80);
    world.list = () => 'masked';
    world.rotateByHand(['ast_0070']);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { adopted: 1 } });
    expect(await world.wrong()).toEqual([]);
  });

  it('in GET prove nothing: nothing is published', async () => {
    await world.importKnown(30);
    const before = (await world.events()).length;
    world.list = () => 'masked';
    world.get = (_id, key) => (key === undefined ? undefined : 'masked');
    await world.sweep();
    expect(await world.check('ast_0001')).toEqual({ kind: 'unreadable', code: 'KEYS_NOT_SHOWN' });
    expect((await world.events()).length).toBe(before);
  });
});

describe('keys in LIST that GET does not show', () => {
  it('of all known assistants: GET decides, nothing is published or held, the rest counts', async () => {
    await world.importKnown(250);
    const before = (await world.events()).length;
    world.list = (id) => `listed_${id}`;
    const swept = await world.sweep();
    expect(swept).toMatchObject({ code: 'KEYS_NOT_SHOWN', counts: { adopted: 0 } });
    // 3 to see that, and the 100 that a sweep reads instead of the list.
    expect(swept.counts.requests).toBe(3 + 3 + 100);
    expect(swept.counts.unresolved).toBe(150);
    expect((await world.events()).length).toBe(before);
    expect(await world.held()).toEqual([]);
  });

  it('of fewer than a sweep reads: all are compared by GET, whatever the limit of the org', async () => {
    await world.importKnown(80);
    world.list = (id) => `listed_${id}`;
    world.rotateByHand(['ast_0077']);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { adopted: 1, agreed: 79, unresolved: 0 },
    });
    expect(await world.wrong()).toEqual([]);
  });

  it('are not taken for changes if GET fails: the sweep fails with that reason', async () => {
    await world.importKnown(80);
    world.list = (id) => `listed_${id}`;
    world.getFails = () => 'UPSTREAM_UNREACHABLE';
    expect((await world.sweep()).code).toBe('UPSTREAM_UNREACHABLE');
    expect(await world.held()).toEqual([]);
  });

  it.each([
    ['its first page', 0],
    ['its second page', 100],
    ['its fifth page', 400],
  ])('at a first import, from %s on: none of them is published', async (_where, from) => {
    world.upstream = orgOf(600);
    world.list = (id, key) => (Number(id.slice(4)) >= from ? `listed_${id}` : key);
    expect((await world.sweep()).code).toBe('KEYS_NOT_SHOWN');
    expect(await world.wrong()).toEqual([]);
  });

  it('at a first import, if GET fails: nothing is published', async () => {
    world.upstream = orgOf(60);
    world.getFails = () => 'UPSTREAM_FORBIDDEN';
    await world.sweep();
    expect(await world.events()).toEqual([]);
  });

  it('of a few: each is read, and those that agree stay as they are', async () => {
    await world.importKnown(250);
    world.list = (id, key) => (id < 'ast_0003' ? `listed_${id}` : key);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { adopted: 0, agreed: 250 },
      gets: names(3),
    });
  });
});

describe('the same key for several assistants', () => {
  it('in LIST is not imported: each assistant is read', async () => {
    world.upstream = orgOf(60);
    world.list = () => 'sk_redacted';
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { imported: 60 } });
    expect(await world.wrong()).toEqual([]);
  });

  it('in LIST and GET is imported for at most one, and the org is held until then', async () => {
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
    expect(await world.held()).toEqual([]);
  });

  it('in LIST and GET of known assistants replaces the key of at most one', async () => {
    await world.importKnown(60);
    world.list = () => 'sk_redacted';
    world.get = () => 'sk_redacted';
    await world.sweep();
    expect((await world.wrong()).length).toBeLessThanOrEqual(1);
    expect(await world.held()).toMatchObject([{ code: 'KEYS_NOT_SHOWN' }]);
  });
});

describe('keys that were rotated elsewhere', () => {
  it('for more than the limit: none is published, and the org is held', async () => {
    await world.importKnown(40);
    const before = (await world.events()).length;
    world.rotateByHand(names(20));
    expect((await world.sweep()).code).toBe('TOO_MANY_CHANGED');
    expect((await world.events()).length).toBe(before);
    expect(await world.held()).toEqual([{ orgId: ORG, code: 'TOO_MANY_CHANGED', affected: 20, known: 40 }]);
    await world.ledger.orgs.acceptHeld(ORG);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { adopted: 20 } });
    expect(await world.wrong()).toEqual([]);
  });

  it('for no more than the limit are published', async () => {
    await world.importKnown(40);
    world.rotateByHand(names(10));
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
    // A list with assistants that were never published is read beyond its count, and once more.
    expect(lists).toBe(2 * pages + 1);
    expect(counts.requests).toBe(lists + reads);
    expect(await world.wrong()).toEqual([]);
  });

  it('reads three others if one of the sample is rotated meanwhile, and imports the rest', async () => {
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
    await world.importKnown(250);
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
    await world.importKnown(250);
    world.upstream = new Map([...orgOf(300, 1000), ...world.upstream]);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { imported: 300, compared: 550, agreed: 250, unresolved: 0 },
    });
    expect(await world.wrong()).toEqual([]);
  });

  it('of an org with one assistant rotated before it was ever listed imports all of it', async () => {
    world.upstream = orgOf(250);
    expect(await world.check('ast_0249')).toEqual({ kind: 'imported' });
    await world.pass(60_000);
    expect(await world.sweep()).toMatchObject({ code: 'SUCCEEDED', counts: { imported: 249 } });
  });
});

describe('a sweep of a known org', () => {
  it('without a change takes one request a page, and no reads', async () => {
    await world.importKnown(250);
    expect(await world.sweep()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { requests: 3, agreed: 250 },
      gets: [],
    });
  });

  it('keeps its lease while it waits for a second read', async () => {
    await world.importKnown(30);
    world.upstream.delete('ast_0001');
    let saves = 0;
    const beganMs = await world.ledger.system.nowMs();
    let lastMs = beganMs;
    let longestMs = 0;
    await world.sweep({
      save: async () => {
        saves += 1;
        const nowMs = await world.ledger.system.nowMs();
        longestMs = Math.max(longestMs, nowMs - lastMs);
        lastMs = nowMs;
      },
    });
    expect(await world.removed()).toEqual(['ast_0001']);
    expect(longestMs).toBeLessThanOrEqual(10_000);
    expect(saves).toBeGreaterThanOrEqual(4);
  });

  it('does not wait if it is part of a sweep of all orgs', async () => {
    await world.importKnown(30);
    world.upstream.delete('ast_0001');
    expect(await world.sweepOrg()).toMatchObject({ code: 'SUCCEEDED', counts: { unresolved: 1 } });
    expect(world.slept).toEqual([]);
    expect(await world.ledger.assistants.drawChecks(10, 60_000)).toEqual([]);
  });
});
