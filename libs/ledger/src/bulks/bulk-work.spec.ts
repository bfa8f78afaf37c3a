import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BulkSpec } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import {
  SEALED,
  accept,
  claimOf,
  claimed,
  codeOf,
  events,
  everything,
  ledger,
  looked,
  printOf,
  readKey,
  redis,
  removed,
  resumed,
  rotate,
} from '../ledger-fixture.ts';
import { createRunner } from '../scripts/run.ts';
import { bulksCommands } from './commands.generated.ts';
import { openLedger } from '../open-ledger.ts';
import type { Claim } from '../rotations/claim.ts';
import {
  LEASE_MS,
  START_MS,
  again,
  assertSound,
  begin,
  bulks,
  claimRange,
  claimsOf,
  draw,
  drawn,
  failWith,
  returnToBulk,
  loseIt,
  makeBulk,
  namesOf,
  pass,
  startAnew,
  stateOf,
  statesOf,
  succeed,
  wordsOf,
  work,
  openSpecBulks,
} from './bulk-fixture.ts';

let server: RedisServer;
/** Where a test makes an entry by hand that cannot be right. */
let spoilt: boolean;
beforeAll(async () => {
  server = await startRedis();
  openSpecBulks(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
beforeEach(async () => {
  spoilt = false;
  await startAnew();
});
afterEach(async () => {
  if (!spoilt) await assertSound();
});

const ORG: Partial<BulkSpec> = { selection: { kind: 'org' } };
const TAKES = { requests: 7, durationMs: 1234 };
const NO_FINDINGS = { verified: 0, repaired: 0, unverified: 0, differing: [] };
const countsOf = async (id: string) => (await bulks.get(id)).counts;
const indexes = ({ waiting }: { waiting: { index: number }[] }) => waiting.map(({ index }) => index);
const draws = (id: string) => redis.hgetall(`{spec}:bulk:${id}:draws`);
const redo = (id: string) => redis.lrange(`{spec}:bulk:${id}:redo`, 0, -1);
const kept = async (claim: Claim) => (await redis.exists(`{spec}:rotation:${claim.rotationId}`)) === 1;
/** Certainly not done at a later request: QUEUED as a follow-up. */
const release = (claim: Claim) => ledger.rotations.release(claim, { code: 'UPSTREAM_UNREACHABLE' });

describe('draw', () => {
  it('gives assistants in order, so many at a time, and never across a string of a thousand', async () => {
    const { id } = await makeBulk(1250);
    const spans: [number, number][] = [];
    for (let got = await draw({ size: 300 }); got.kind === 'range'; got = await draw({ size: 300 }))
      spans.push([got.range.from, got.range.to]);
    expect(spans).toEqual([
      [0, 300],
      [300, 600],
      [600, 900],
      [900, 1000],
      [1000, 1250],
    ]);
    expect(Object.keys(await draws(id)).length).toBe(5);
  });

  it('tells whom it has', async () => {
    const { id } = await makeBulk(['a', 'b', 'c'], { orgId: 'org a' });
    expect(await draw({ size: 2 })).toEqual({
      kind: 'range',
      range: {
        bulkId: id,
        orgId: 'org a',
        from: 0,
        to: 2,
        waiting: [
          { index: 0, assistantId: 'a' },
          { index: 1, assistantId: 'b' },
        ],
      },
      place: START_MS,
    });
  });

  it('gives what nobody has renewed to whoever comes next, and what has been renewed to nobody else', async () => {
    const { id } = await makeBulk(4);
    const first = await drawn({ size: 2 });
    const second = await drawn({ size: 2 });
    await pass(LEASE_MS - 1);
    expect(await work.renew(id, 'w1', LEASE_MS, second)).toBe(true);
    await pass(1);
    expect(indexes(await drawn({ token: 'w2' }))).toEqual(indexes(first));
    expect(await draw({ token: 'w2' })).toEqual({ kind: 'nothing' });
  });

  it('gives of what lapsed only those that still wait', async () => {
    await makeBulk(3);
    const range = await drawn();
    await claimRange({ ...range, waiting: range.waiting.slice(0, 2) });
    await pass(LEASE_MS);
    expect(indexes(await drawn({ token: 'w2' }))).toEqual([2]);
  });

  it('does not wait for a draw that seems to last longer than any does', async () => {
    const { id } = await makeBulk(1);
    await drawn();
    await redis.hset(`{spec}:bulk:${id}:draws`, '0:1', `${START_MS + 86_400_000} w1`);
    expect(indexes(await drawn({ token: 'w2' }))).toEqual([0]);
  });

  it('takes urgent bulks first, then older ones', async () => {
    const made: string[] = [];
    for (const urgent of [false, true, false, true]) {
      made.push((await makeBulk(1, { urgent })).id);
      await pass(10);
    }
    const order: string[] = [];
    for (let i = 0; i < 4; i += 1) order.push((await drawn()).bulkId);
    expect(order).toEqual([made[1], made[3], made[0], made[2]]);
  });

  it('says whose turn it is sooner, and gives only of those before a place where it is asked to', async () => {
    const old = await makeBulk(1);
    await pass(10);
    const young = await makeBulk(1);
    const urgent = await makeBulk(1, { urgent: true });
    const places = new Map<string, number>();
    for (const { id } of [urgent, old, young]) {
      const got = await draw();
      places.set(id, got.kind === 'range' && got.range.bulkId === id ? got.place : Number.NaN);
    }
    const [first, second, third] = [...places.values()] as [number, number, number];
    expect([first < second, second < third]).toEqual([true, true]);
    for (const id of places.keys())
      await work.dropRange({ bulkId: id, orgId: 'org_1', from: 0, to: 1, waiting: [] }, 'w1');
    expect((await drawn({ before: third })).bulkId).toBe(urgent.id);
    expect((await drawn({ before: third })).bulkId).toBe(old.id);
    expect(await draw({ before: third })).toEqual({ kind: 'nothing' });
    expect((await drawn()).bulkId).toBe(young.id);
  });

  it('gives what is urgent to whoever prepares or verifies another already', async () => {
    await makeBulk([], ORG);
    expect(await draw({ tasks: 'urgent' })).toEqual({ kind: 'nothing' });
    const urgent = await makeBulk([], { ...ORG, urgent: true });
    expect(await draw({ tasks: 'urgent' })).toEqual({ kind: 'prepare', bulkId: urgent.id, urgent: true });
    expect(await draw({ tasks: 'urgent' })).toEqual({ kind: 'nothing' });
  });

  it('reckons what it takes to rotate and to verify those that were named, once', async () => {
    const paced = openLedger(redis, {
      prefix: 'spec',
      budget: { egress: 'a', requestsPerMinute: 500 },
    }).bulkWork;
    await redis.zadd('{spec}:assistants:org%201', ...namesOf(1000).flatMap((name) => [1, name]));
    const [few, many] = [await makeBulk(11, { orgId: 'org 1' }), await makeBulk(1250, { orgId: 'org 1' })];
    const take = (except: string[]) =>
      paced.draw({
        token: 'w1',
        leaseMs: LEASE_MS,
        size: 1,
        maxOpenIntents: 100,
        ranges: true,
        tasks: false,
        except,
      });
    await take([many.id]);
    await take([few.id]);
    // By hand, to see that the second draw lets it be.
    await redis.zadd('{spec}:assistants:org%201', ...namesOf(9000).flatMap((name) => [1, name]));
    await take([many.id]);
    // One by one it would be 11 more; as many pages are listed for 1,250.
    expect((await bulks.get(few.id)).estimate).toEqual({
      requests: 22,
      durationMs: expect.closeTo((22 * 60_000) / 492.5, -1),
    });
    expect((await bulks.get(many.id)).estimate).toEqual({
      requests: 1263,
      durationMs: expect.closeTo((1263 * 60_000) / 492.5, -1),
    });
  });

  it('keeps that order after a bulk was paused and resumed', async () => {
    const first = await makeBulk(1, { urgent: true });
    await pass(10);
    await makeBulk(1, { urgent: true });
    await bulks.pause(first.id);
    await bulks.resume(first.id);
    expect((await drawn()).bulkId).toBe(first.id);
  });

  it('passes over what it is told to, what stands still, and what has its org full of open intents', async () => {
    const [told, paused, full, other] = [
      await makeBulk(1),
      await makeBulk(1),
      await makeBulk(1, { orgId: 'org/full' }),
      await makeBulk(1),
    ];
    await bulks.pause(paused.id);
    await redis.zadd('{spec}:intents:org%2Ffull', START_MS + 1000, 'ast_x');
    await redis.hset('{spec}:assistant:ast_x', 'holder', 'rot_x');
    expect((await drawn({ except: [told.id], maxOpenIntents: 1 })).bulkId).toBe(other.id);
    expect((await drawn({ except: [told.id], maxOpenIntents: 2 })).bulkId).toBe(full.id);
  });

  it('gives no assistants while the ledger is frozen, but what is to be prepared', async () => {
    await makeBulk(1);
    const { id } = await makeBulk([], ORG);
    await redis.hset('{spec}:ledger', 'frozen', START_MS);
    expect(await draw()).toEqual({ kind: 'prepare', bulkId: id });
    expect(await draw()).toEqual({ kind: 'nothing' });
  });

  it('gives only what was asked for', async () => {
    const ids = await makeBulk(1);
    const org = await makeBulk([], ORG);
    expect(await draw({ ranges: false, tasks: false })).toEqual({ kind: 'nothing' });
    expect(await draw({ ranges: false })).toEqual({ kind: 'prepare', bulkId: org.id });
    expect((await drawn({ tasks: false })).bulkId).toBe(ids.id);
  });

  it('gives a task to one at a time, and to another where it is not renewed', async () => {
    const { id } = await makeBulk([], ORG);
    expect(await draw()).toEqual({ kind: 'prepare', bulkId: id });
    await pass(LEASE_MS - 1);
    expect(await work.renew(id, 'w1', LEASE_MS)).toBe(true);
    expect(await work.renew(id, 'w2', LEASE_MS)).toBe(false);
    await pass(LEASE_MS - 1);
    expect(await draw({ token: 'w2' })).toEqual({ kind: 'nothing' });
    await pass(1);
    expect(await draw({ token: 'w2' })).toEqual({ kind: 'prepare', bulkId: id });
    expect(await work.renew(id, 'w1', LEASE_MS)).toBe(false);
  });

  it('forgets one that is among those to be worked on and is not there', async () => {
    await redis.zadd('{spec}:bulks:active', 1, 'blk_gone');
    expect(await draw()).toEqual({ kind: 'nothing' });
    expect(await redis.zcard('{spec}:bulks:active')).toBe(0);
  });

  it('says how fast a bulk comes along', async () => {
    const { id } = await makeBulk(100);
    for (let i = 0; i < 5; i += 1) {
      for (const claim of await begin(10)) await succeed(claim);
      await pass(2000);
    }
    expect((await bulks.get(id)).perSecond).toBeCloseTo(5, 0);
  });
});

describe('the rate of a bulk that stood still', () => {
  it('is not known meanwhile, and afterwards without the time in between', async () => {
    const { id } = await makeBulk(200);
    const rotateSome = async () => {
      for (let i = 0; i < 5; i += 1) {
        for (const claim of await begin(10)) await succeed(claim);
        await pass(2000);
      }
    };
    await rotateSome();
    expect(await bulks.pause(id)).not.toHaveProperty('perSecond');
    await pass(3_600_000);
    await bulks.resume(id);
    await rotateSome();
    expect((await bulks.get(id)).perSecond).toBeCloseTo(5, 0);
  });
});

describe('the end of a draw', () => {
  it('has those drawn again that still wait, after all others', async () => {
    const { id } = await makeBulk(4);
    const range = await drawn({ size: 2 });
    await claimRange({ ...range, waiting: range.waiting.slice(0, 1) });
    await work.dropRange(range, 'w1');
    expect(indexes(await drawn({ size: 2 }))).toEqual([2, 3]);
    expect(indexes(await drawn())).toEqual([1]);
    expect(await redo(id)).toEqual([]);
  });

  it('has nobody drawn again where none waits', async () => {
    const { id } = await makeBulk(2);
    await begin(2);
    expect(await redo(id)).toEqual([]);
    expect(await draws(id)).toEqual({});
  });

  it('is nothing to whom it was taken from', async () => {
    const { id } = await makeBulk(2);
    const range = await drawn();
    await pass(LEASE_MS);
    await drawn({ token: 'w2' });
    const before = await everything();
    await work.dropRange(range, 'w1');
    expect(await work.renew(id, 'w1', LEASE_MS, range)).toBe(false);
    expect(await everything()).toEqual(before);
    await work.dropRange(range, 'w2');
    expect(await redo(id)).toEqual(['0:2']);
  });
});

describe('preparing', () => {
  it('writes the ids, and then the bulk runs', async () => {
    const { id } = await makeBulk([], {
      ...ORG,
      maxFailures: { percent: 10 },
      canary: { count: 5, continues: false },
    });
    await draw();
    expect(await work.restart(id, 'w1')).toBe(true);
    expect(await work.saveIds(id, 'w1', 0, namesOf(1000))).toBe(true);
    expect(await work.saveIds(id, 'w1', 1, ['last'])).toBe(true);
    expect(await work.endPrepare(id, 'w1', 1001, TAKES)).toBe(true);
    expect(await bulks.get(id)).toMatchObject({
      state: 'RUNNING',
      estimate: TAKES,
      counts: { total: 1001, waiting: 1001 },
    });
    expect(await work.ids(id, 0)).toEqual(namesOf(1000));
    expect(await work.ids(id, 1)).toEqual(['last']);
    expect(await work.ids(id, 2)).toEqual([]);
    expect(await work.letters(id, 1)).toBe('.');
    expect((await drawn()).to).toBe(5);
  });

  it('that begins anew forgets what was written before', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    await work.saveIds(id, 'w1', 3, ['a']);
    await work.restart(id, 'w1');
    expect(await work.ids(id, 3)).toEqual([]);
  });

  it('of which ids are gone does not begin', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    await work.saveIds(id, 'w1', 0, namesOf(1000));
    await work.saveIds(id, 'w1', 1, ['x']);
    await redis.hdel(`{spec}:bulk:${id}:ids`, '0');
    expect(await work.endPrepare(id, 'w1', 1001, TAKES)).toBe(false);
    expect(await stateOf(id)).toEqual(['PREPARING', undefined]);
  });

  it.each([[['a', 'b\nc', 'd']], [['a', '', 'd']], [['a\n']], [['']]])(
    'refuses ids that would shift the others: %j',
    async (assistantIds) => {
      const { id } = await makeBulk([], ORG);
      await draw();
      const before = await everything();
      expect(await codeOf(work.saveIds(id, 'w1', 0, assistantIds))).toBe('INVALID_ARGUMENT');
      const draft = bulks.draft('blk_draft');
      await draft.add(assistantIds);
      expect(await codeOf(draft.finish())).toBe('INVALID_ARGUMENT');
      expect(await everything()).toEqual(before);
    },
  );

  it('has the command itself refuse them', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    const { bulkSaveIds } = bulksCommands(createRunner(redis, '{spec}'));
    const [bulk, ids] = [`{spec}:bulk:${id}`, `{spec}:bulk:${id}:ids`];
    await expect(
      bulkSaveIds({ bulk, ids, token: 'w1', chunk: 0, text: 'a\nb\nc', count: 2 }),
    ).rejects.toThrow('ids must be one a line');
    expect(await work.ids(id, 0)).toEqual([]);
  });

  describe('from a list that is known to be incomplete', () => {
    const LIST = { complete: false, listed: 3, counted: 5, unreadable: 0 };
    const halted = async (more: Partial<BulkSpec> = {}, assistantIds = ['a', 'b', 'c']) => {
      const { id } = await makeBulk([], { ...ORG, ...more });
      await draw();
      if (assistantIds.length > 0) await work.saveIds(id, 'w1', 0, assistantIds);
      expect(
        await work.endPrepare(id, 'w1', assistantIds.length, TAKES, { ...LIST, listed: assistantIds.length }),
      ).toBe(true);
      return id;
    };

    it('halts before anything is begun, with the counts', async () => {
      const id = await halted();
      expect(await bulks.get(id)).toMatchObject({
        state: 'HALTED',
        why: 'LIST_INCOMPLETE',
        list: LIST,
        counts: { total: 3, waiting: 3, rotating: 0 },
        estimate: TAKES,
      });
      expect(await draw()).toEqual({ kind: 'nothing' });
      await pass(10 * LEASE_MS);
      expect(await draw()).toEqual({ kind: 'nothing' });
    });

    it('rotates those that were listed when somebody resumes it, canary first', async () => {
      const id = await halted({ canary: { count: 1, continues: false } });
      expect(await bulks.resume(id)).toMatchObject({ state: 'RUNNING', list: LIST });
      const range = await drawn();
      expect(range.waiting).toEqual([{ index: 0, assistantId: 'a' }]);
      for (const claim of await claimsOf(claimRange(range))) await succeed(claim);
      await work.dropRange(range, 'w1');
      expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_DONE']);
      await bulks.resume(id);
      expect((await drawn()).waiting.map(({ assistantId }) => assistantId)).toEqual(['b', 'c']);
      expect((await bulks.get(id)).list).toEqual(LIST);
    });

    it('may be cancelled, or paused and resumed', async () => {
      expect(await bulks.cancel(await halted())).toMatchObject({
        state: 'CANCELLED',
        counts: { cancelled: 3 },
      });
      const id = await halted();
      await bulks.pause(id);
      expect(await bulks.resume(id)).toMatchObject({ state: 'RUNNING', list: LIST });
    });

    it('halts also if nothing was listed, and ends when it is resumed', async () => {
      const id = await halted({}, []);
      expect(await stateOf(id)).toEqual(['HALTED', 'LIST_INCOMPLETE']);
      expect(await draw()).toEqual({ kind: 'nothing' });
      await bulks.resume(id);
      expect(await draw()).toEqual({ kind: 'verify', bulkId: id });
    });

    it('is cancelled, and not begun, if it is resumed when its window is over', async () => {
      const id = await halted({ untilMs: START_MS + 1000 });
      await pass(1001);
      await bulks.resume(id);
      expect(await draw()).toEqual({ kind: 'nothing' });
      expect(await stateOf(id)).toEqual(['CANCELLED', 'WINDOW_CLOSED']);
    });

    it('fails as a dry run, with the counts', async () => {
      const { id } = await makeBulk([], { ...ORG, validateOnly: true });
      await draw();
      await work.fail(id, 'w1', 'LIST_INCOMPLETE', LIST);
      expect(await bulks.get(id)).toMatchObject({ state: 'FAILED', why: 'LIST_INCOMPLETE', list: LIST });
    });
  });

  it('that finds nobody has only to be verified', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    await work.endPrepare(id, 'w1', 0, TAKES);
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('that cannot be done ends the bulk, and says why', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    expect(await work.fail(id, 'w1', 'UPSTREAM_FORBIDDEN')).toBe(true);
    expect(await bulks.get(id)).toMatchObject({
      state: 'FAILED',
      why: 'UPSTREAM_FORBIDDEN',
      endedMs: START_MS,
    });
  });

  it('by whom it was taken from writes nothing', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    await pass(LEASE_MS);
    await draw({ token: 'w2' });
    const before = await everything();
    const saves = [
      work.restart(id, 'w1'),
      work.saveIds(id, 'w1', 0, ['a']),
      work.saveLetters(id, 'w1', 0, 'v'),
      work.endPrepare(id, 'w1', 1, TAKES),
      work.endDryRun(id, 'w1', TAKES),
      work.saveVerification(id, 'w2', NO_FINDINGS, false),
      work.saveVerification(id, 'w2', NO_FINDINGS, true),
      work.fail(id, 'w1', 'INTERNAL'),
      work.restart('blk_none', 'w1'),
    ];
    expect(await Promise.all(saves)).toEqual(saves.map(() => false));
    expect(await everything()).toEqual(before);
  });

  it.each(['pause', 'cancel'] as const)('after a %s writes nothing', async (wish) => {
    const { id } = await makeBulk([], ORG);
    await draw();
    await bulks[wish](id);
    const before = await everything();
    const saves = [
      work.restart(id, 'w1'),
      work.saveIds(id, 'w1', 0, ['a']),
      work.endPrepare(id, 'w1', 1, TAKES),
      work.fail(id, 'w1', 'INTERNAL'),
    ];
    expect(await Promise.all(saves)).toEqual(saves.map(() => false));
    expect(await everything()).toEqual(before);
  });
});

describe('a dry run', () => {
  it('of named assistants tells which could be rotated', async () => {
    const { id } = await makeBulk(3, { validateOnly: true });
    expect(await draw()).toEqual({ kind: 'prepare', bulkId: id });
    await work.saveLetters(id, 'w1', 0, 'vB');
    await work.saveLetters(id, 'w1', 2, 'v');
    expect(await work.endDryRun(id, 'w1', TAKES)).toBe(true);
    expect(await bulks.get(id)).toMatchObject({
      state: 'VALIDATED',
      estimate: TAKES,
      counts: { total: 3, waiting: 0, valid: 2, failed: 1 },
    });
    expect((await bulks.items(id, { state: 'FAILED' }, { size: 9, from: 0 })).items).toEqual([
      { index: 1, assistantId: 'ast_1', state: 'FAILED', errorCode: 'ASSISTANT_DELETED' },
    ]);
  });

  it.each([0, 2, 1001])('of an org counts those that were found: %i', async (count) => {
    const { id } = await makeBulk([], { ...ORG, validateOnly: true });
    await draw();
    await work.restart(id, 'w1');
    for (let chunk = 0; chunk * 1000 < count; chunk += 1)
      await work.saveIds(id, 'w1', chunk, namesOf(count).slice(chunk * 1000, (chunk + 1) * 1000));
    expect(await work.saveLetters(id, 'w1', 0, 'v'.repeat(count))).toBe(true);
    expect(await work.endDryRun(id, 'w1', TAKES)).toBe(true);
    expect((await bulks.get(id)).counts).toMatchObject({ total: count, waiting: 0, valid: count, failed: 0 });
    expect((await bulks.items(id, { state: 'VALID' }, { size: 5000, from: 0 })).items).toHaveLength(count);
  });

  it('that begins anew forgets the states that were found before', async () => {
    const { id } = await makeBulk([], { ...ORG, validateOnly: true });
    await draw();
    await work.saveLetters(id, 'w1', 0, 'vvv');
    await work.restart(id, 'w1');
    await work.saveIds(id, 'w1', 0, ['a']);
    await work.saveLetters(id, 'w1', 0, 'v');
    await work.endDryRun(id, 'w1', TAKES);
    expect(await countsOf(id)).toMatchObject({ total: 1, valid: 1 });
  });
});

describe('verifying', () => {
  it('says what it finds on the way, and ends the bulk', async () => {
    const { id } = await makeBulk(1);
    for (const claim of await begin(1)) await succeed(claim);
    expect(await draw()).toEqual({ kind: 'verify', bulkId: id });
    const found = { verified: 1, repaired: 2, unverified: 3, differing: ['a', 'b'] };
    expect(await work.saveVerification(id, 'w1', NO_FINDINGS, false)).toBe(true);
    expect(await bulks.get(id)).toMatchObject({ state: 'VERIFYING', verification: NO_FINDINGS });
    expect(await work.saveVerification(id, 'w1', found, true)).toBe(true);
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', verification: found });
    expect(await work.read(id)).toMatchObject({ state: 'COMPLETED' });
    expect(await work.read('blk_none')).toBeUndefined();
  });
});

describe('a claim of a bulk', () => {
  it('opens an intent and a rotation for each, as a claim of a single rotation does', async () => {
    const before = await rotate('f1', { assistantId: 'ast_1' });
    await rotate('f2', { assistantId: 'ast_2' });
    await pass(500);
    const { id } = await makeBulk(3);
    await pass(500);
    // The list of the bulk itself has shown it since.
    await ledger.assistants.compare({ beganMs: START_MS + 601, lagMs: 100 }, [
      { assistantId: 'ast_2', state: printOf('f2') },
    ]);
    const range = await drawn();
    const result = await claimRange(range, { leaseMs: 30_000, landingWindowMs: 40_000 });
    const claims = await claimsOf(Promise.resolve(result));
    expect(claims[0]).toEqual({
      rotationId: expect.any(String),
      orgId: 'org_1',
      assistantId: 'ast_0',
      bulkId: id,
      epoch: expect.any(Number),
      atMs: START_MS + 1000,
      attempts: 1,
      startedMs: START_MS + 1000,
      unknownsInARow: 0,
      doubted: false,
      uncertain: false,
      fresh: false,
    });
    expect(claims[1]).toMatchObject({
      stateBefore: printOf('f1'),
      versionBefore: before.epoch,
      fresh: false,
    });
    expect(claims[2]).toMatchObject({ stateBefore: printOf('f2'), fresh: true });
    expect(await ledger.rotations.get(claims[0]!.rotationId)).toMatchObject({
      state: 'ROTATING',
      bulkId: id,
      reason: 'why',
      attempts: 1,
      orgId: 'org_1',
      assistantId: 'ast_0',
    });
    expect(await redis.hgetall('{spec}:assistant:ast_0')).toMatchObject({
      holder: claims[0]!.rotationId,
      lease: String(START_MS + 31_000),
      lands: String(START_MS + 41_000),
    });
    expect(await redis.zrange('{spec}:intents:org_1', '0', '-1')).toEqual(namesOf(3));
    expect(await bulks.get(id)).toMatchObject({
      startedMs: START_MS + 1000,
      counts: { rotating: 3, waiting: 0 },
    });
    expect(await statesOf(id)).toBe('rrr');
  });

  it('begins each once, whoever has drawn it', async () => {
    await makeBulk(3);
    const range = await drawn();
    expect(await wordsOf(claimRange(range))).toEqual(['claimed', 'claimed', 'claimed']);
    expect(await wordsOf(claimRange(range))).toEqual(['past', 'past', 'past']);
  });

  it('goes as far as there is room, and says that there is none', async () => {
    await makeBulk(5);
    const range = await drawn();
    expect(await wordsOf(claimRange(range, { maxOpenIntents: 2 }))).toEqual(['claimed', 'claimed']);
    expect(await claimRange(range, { maxOpenIntents: 2 })).toEqual({ kind: 'full', retryInMs: 5 });
  });

  it('leaves a tenth of the room to single rotations', async () => {
    await makeBulk(20);
    const range = await drawn();
    expect(await wordsOf(claimRange(range, { maxOpenIntents: 10 }))).toEqual(
      Array.from({ length: 9 }, () => 'claimed'),
    );
    expect(await claimRange(range, { maxOpenIntents: 10 })).toMatchObject({ kind: 'full' });
    const single = await accept({ assistantId: 'single' });
    expect(await claimOf(single, { maxOpenIntents: 10 })).toMatchObject({ kind: 'claimed' });
  });

  it('is refused while the ledger is frozen, or this worker holds requests back', async () => {
    await makeBulk(1);
    const range = await drawn();
    expect(await claimRange(range, { holdBack: 'REPLICAS_MISSING' })).toEqual({
      kind: 'frozen',
      retryInMs: 5000,
    });
    await redis.hset('{spec}:ledger', 'frozen', 1);
    expect(await claimRange(range)).toEqual({ kind: 'frozen', retryInMs: 5000 });
  });

  it('shares what was rotated after the bulk was asked for, and not what was before', async () => {
    await rotate('f1', { assistantId: 'ast_0' });
    await pass(10);
    const { id } = await makeBulk(3);
    await pass(10);
    await rotate('f2', { assistantId: 'ast_1' });
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed', 'shared', 'claimed']);
    expect(await statesOf(id)).toBe('rmr');
    expect(await countsOf(id)).toMatchObject({ shared: 1, rotating: 2 });
  });

  it('is over where all of them are shared', async () => {
    const { id } = await makeBulk(2);
    await pass(10);
    for (const assistantId of namesOf(2)) await rotate(`f${assistantId}`, { assistantId });
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['shared', 'shared']);
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('finds busy what a rotation holds, and what one that was asked for singly waits for', async () => {
    const { id } = await makeBulk(3);
    await claimed(await accept({ assistantId: 'ast_0' }));
    const queued = await accept({ assistantId: 'ast_1' });
    const range = await drawn();
    expect(await wordsOf(claimRange(range))).toEqual(['busy', 'busy', 'claimed']);
    await ledger.rotations.cancel(queued.id);
    await work.dropRange(range, 'w1');
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['busy', 'claimed']);
    expect(await statesOf(id)).toBe('.rr');
  });

  it('does not wait for a holder that can no longer be read', async () => {
    await claimed(await accept({ assistantId: 'ast_0' }), { leaseMs: 0, landingWindowMs: 1000 });
    await redis.del((await redis.keys('{spec}:rotation:*'))[0]!);
    await makeBulk(1);
    const range = await drawn();
    expect(await wordsOf(claimRange(range))).toEqual(['busy']);
    await pass(1000);
    expect(await wordsOf(claimRange(range))).toEqual(['claimed']);
  });

  it('does not share a key that came back: it may be as old as can be', async () => {
    await rotate('f1', { assistantId: 'ast_0' });
    await pass(1000);
    await makeBulk(1);
    await pass(1000);
    const gone = await looked({ assistantId: 'ast_0' });
    await ledger.assistants.commit(gone, removed('deleted', gone));
    await pass(1000);
    const back = await looked({ assistantId: 'ast_0' });
    await ledger.assistants.commit(back, readKey('f1', back, { cause: 'drift' }));
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed']);
  });

  it('does not share that there is no key', async () => {
    await rotate('f1', { assistantId: 'ast_0' });
    await makeBulk(1);
    await pass(1000);
    await redis.hset('{spec}:assistant:ast_0', 'rotated', START_MS + 500);
    const gone = await looked({ assistantId: 'ast_0' });
    await ledger.assistants.commit(gone, removed('deleted', gone));
    await redis.hset('{spec}:assistant:ast_0', 'rotated', START_MS + 500);
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed']);
  });

  it('forgets also below the whole bound, where a bulk may have no more, those that were taken out of the ledger by hand', async () => {
    await makeBulk(1);
    for (let i = 0; i < 9; i += 1) await redis.zadd('{spec}:intents:org_1', START_MS - 1, `gone_${i}`);
    expect(await wordsOf(claimRange(await drawn(), { maxOpenIntents: 10 }))).toEqual(['claimed']);
  });

  it('of two bulks with the same assistant begins it for one, and serves both', async () => {
    const [first, second] = [await makeBulk(1), await makeBulk(1)];
    await pass(10);
    const one = await drawn();
    const two = await drawn({ token: 'w2' });
    const [claim] = await claimsOf(claimRange(one));
    expect(await wordsOf(claimRange(two))).toEqual(['busy']);
    await succeed(claim!);
    expect(await wordsOf(claimRange(two))).toEqual(['shared']);
    expect([await statesOf(first.id), await statesOf(second.id)]).toEqual(['s', 'm']);
    expect(await events()).toHaveLength(1);
  });

  it('has the other bulk rotate it where the first could not', async () => {
    await makeBulk(1);
    await makeBulk(1);
    const [one, two] = [await drawn(), await drawn()];
    const [claim] = await claimsOf(claimRange(one));
    await failWith(claim!);
    expect(await wordsOf(claimRange(two))).toEqual(['claimed']);
  });

  it('fails what cannot be read, has it looked at, and goes on with the others', async () => {
    const { id } = await makeBulk(3);
    await redis.set('{spec}:assistant:ast_1', 'text');
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed', 'past', 'claimed']);
    expect(await statesOf(id)).toBe('rIr');
    expect(await bulks.get(id)).toMatchObject({
      lastFailures: [{ assistantId: 'ast_1', code: 'LEDGER_CORRUPT', atMs: START_MS }],
      counts: { failed: 1, rotating: 2 },
    });
    expect(await redis.zrange('{spec}:checks', '0', '-1')).toEqual(['org_1/ast_1']);
  });

  it('fails an assistant whose record is too long to be read, before its POST, and claims the others', async () => {
    const { id } = await makeBulk(3);
    await ledger.assistants.noteTooLarge({ orgId: 'org_1', assistantId: 'ast_1' }, START_MS);
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed', 'past', 'claimed']);
    expect(await statesOf(id)).toBe('rOr');
    expect(await bulks.get(id)).toMatchObject({
      lastFailures: [{ assistantId: 'ast_1', code: 'RECORD_TOO_LARGE', atMs: START_MS }],
      counts: { failed: 1, rotating: 2 },
    });
  });

  it('begins nobody any more where what cannot be read has halted the bulk', async () => {
    const { id } = await makeBulk(3, { maxFailures: { count: 0 } });
    await redis.set('{spec}:assistant:ast_1', 'text');
    expect((await wordsOf(claimRange(await drawn()))).filter((word) => word === 'claimed')).toHaveLength(1);
    expect(await statesOf(id)).toBe('rI.');
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_FAILURES']);
  });

  it('is stopped where the bulk does not run, or is not there', async () => {
    const { id } = await makeBulk(1);
    const range = await drawn();
    await bulks.pause(id);
    expect(await claimRange(range)).toEqual({ kind: 'stopped' });
    expect(await claimRange({ ...range, bulkId: 'blk_none' })).toEqual({ kind: 'stopped' });
  });

  it('finds room again where assistants were taken out of the ledger by hand', async () => {
    await makeBulk(['ast_gone', 'ast_2']);
    await claimRange(await drawn({ size: 1 }), { landingWindowMs: 0 });
    await redis.del('{spec}:assistant:ast_gone');
    await pass(1);
    expect(await wordsOf(claimRange(await drawn({ maxOpenIntents: 1 }), { maxOpenIntents: 1 }))).toEqual([
      'claimed',
    ]);
  });
});

describe('the time until which a bulk may run', () => {
  it('once past begins nobody: those that wait are cancelled', async () => {
    const { id } = await makeBulk(2, { untilMs: START_MS + 1000 });
    const [claim] = await begin(1);
    await pass(1001);
    expect(await draw()).toEqual({ kind: 'nothing' });
    expect(await stateOf(id)).toEqual(['CANCELLING', 'WINDOW_CLOSED']);
    await succeed(claim!);
    expect(await bulks.get(id)).toMatchObject({
      state: 'CANCELLED',
      why: 'WINDOW_CLOSED',
      counts: { succeeded: 1, cancelled: 1 },
    });
  });

  it('once past begins nobody either of those that were drawn before', async () => {
    const { id } = await makeBulk(2, { untilMs: START_MS + 1000 });
    const range = await drawn();
    await pass(1001);
    expect(await claimRange(range)).toEqual({ kind: 'stopped' });
    expect(await stateOf(id)).toEqual(['CANCELLED', 'WINDOW_CLOSED']);
  });

  it('is still open at its last moment', async () => {
    await makeBulk(1, { untilMs: START_MS + 1000 });
    await pass(1000);
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed']);
  });
});

describe('a rotation of a bulk', () => {
  it('counts once, where many of several bulks end at once, beside others that fail', async () => {
    const [first, second] = [await makeBulk(namesOf(30)), await makeBulk(namesOf(60).slice(30))];
    const claims = [...(await begin(30)), ...(await begin(30))];
    const ends = await Promise.all(
      claims.map((claim, i) => (i % 7 === 3 ? failWith(claim) : succeed(claim))),
    );
    expect(ends.filter((end) => typeof end === 'object' && end.kind === 'committed')).toHaveLength(51);
    const of = async ({ id }: { id: string }) => (await bulks.get(id)).counts;
    expect([await of(first), await of(second)]).toMatchObject([
      { succeeded: 26, failed: 4, rotating: 0 },
      { succeeded: 25, failed: 5, rotating: 0 },
    ]);
    expect([await stateOf(first.id), await stateOf(second.id)]).toEqual([
      ['VERIFYING', undefined],
      ['VERIFYING', undefined],
    ]);
    const { entry } = await redis.hgetall(`{spec}:bulk:${second.id}`);
    expect(entry).toBe((await redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1))[0]![0]);
  });

  it('leaves to its bulk the newest entry, also where that is of one whose window is still open', async () => {
    const { id } = await makeBulk(2);
    const [ends, watched] = (await begin(2)) as [Claim, Claim];
    await Promise.all([
      succeed(ends),
      succeed(watched, {
        rotation: 'satisfied',
        cause: 'reconciliation',
        read: { beganMs: START_MS, lagMs: 0 },
      }),
    ]);
    const [newest] = await redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1);
    expect(await redis.hgetall(`{spec}:bulk:${id}`)).toMatchObject({
      entry: newest![0],
      succeeded: '1',
      open: '1',
    });
    expect(await redis.xlen('{spec}:events')).toBe(2);
    await ledger.rotations.settle(watched, START_MS, START_MS);
    expect(await redis.hgetall(`{spec}:bulk:${id}`)).toMatchObject({
      entry: newest![0],
      succeeded: '2',
      open: '0',
    });
  });

  it('whose key is found while its window is still open goes on: its bulk has the entry, and nothing has ended', async () => {
    const { id } = await makeBulk(2);
    const [found] = await begin(2);
    await succeed(found!, {
      rotation: 'satisfied',
      cause: 'reconciliation',
      read: { beganMs: START_MS, lagMs: 0 },
    });
    const [newest] = await redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1);
    expect(await redis.hgetall(`{spec}:bulk:${id}`)).toMatchObject({ entry: newest![0], open: '2' });
    expect(await statesOf(id)).toBe('rr');
    expect(await countsOf(id)).toMatchObject({ succeeded: 0, rotating: 2 });
  });

  it('is committed also if its bulk cannot be read, which the status says; those of others do not know of it', async () => {
    const [first, second] = [await makeBulk(namesOf(2)), await makeBulk(namesOf(4).slice(2))];
    const claims = [...(await begin(2)), ...(await begin(2))];
    const hash = await redis.dumpBuffer(`{spec}:bulk:${first.id}`);
    await redis.multi().del(`{spec}:bulk:${first.id}`).set(`{spec}:bulk:${first.id}`, 'x').exec();
    const ends = await Promise.all(
      claims.map((claim) =>
        succeed(claim).then(
          ({ kind }) => kind,
          ({ code }: { code: string }) => code,
        ),
      ),
    );
    expect(ends).toEqual(['committed', 'committed', 'committed', 'committed']);
    expect(await redis.hkeys('{spec}:damaged')).toEqual([`{spec}:bulk:${first.id}`]);
    expect((await bulks.get(second.id)).counts).toMatchObject({ succeeded: 2 });
    expect(await redis.xlen('{spec}:events')).toBe(4);
    expect(await Promise.all(claims.map((claim) => succeed(claim)))).toMatchObject(
      [1, 2, 3, 4].map((seq) => ({ kind: 'already', seq })),
    );
    await redis.restore(`{spec}:bulk:${first.id}`, 0, hash!, 'REPLACE');
    await redis.hset(`{spec}:bulk:${first.id}`, { open: 0, succeeded: 2 });
    await redis.set(`{spec}:bulk:${first.id}:states`, 'ss');
  });

  it('that is committed after its bulk is forgotten leaves nothing of it', async () => {
    const { id } = await makeBulk(3);
    const [watched, ...claims] = (await begin(3)) as [Claim, ...Claim[]];
    await redis.del(`{spec}:bulk:${id}`, `{spec}:bulk:${id}:states`);
    expect(
      await succeed(watched, {
        rotation: 'satisfied',
        cause: 'reconciliation',
        read: { beganMs: START_MS, lagMs: 0 },
      }),
    ).toMatchObject({ kind: 'committed' });
    expect(await Promise.all(claims.map((claim) => succeed(claim)))).toMatchObject([
      { kind: 'committed' },
      { kind: 'committed' },
    ]);
    await ledger.rotations.settle(watched, START_MS, START_MS);
    expect(await redis.exists(`{spec}:bulk:${id}`, `{spec}:bulk:${id}:states`)).toBe(0);
    await redis.zrem('{spec}:bulks:active', id);
  });

  it('is not kept where its first request succeeded: the bulk has its state', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await succeed(claim!);
    expect(await kept(claim!)).toBe(false);
    expect(await redis.keys('{spec}:rotations:*')).toEqual([]);
    expect(await statesOf(id)).toBe('s');
    expect(await succeed(claim!)).toMatchObject({ kind: 'already' });
    expect(await claimOf({ id: claim!.rotationId, ...claim! })).toEqual({ kind: 'missing' });
  });

  it('is kept where it was read back, was tried again, or failed, and names its bulk', async () => {
    const { id } = await makeBulk(3);
    const [a, b, c] = await begin(3);
    await loseIt(a!);
    const back = (await resumed({ id: a!.rotationId, ...a! })).claim;
    await ledger.assistants.commit(back, readKey('f1', back, { rotation: 'ends' }));
    await loseIt(b!);
    await release(b!);
    await succeed(await again(b!));
    await failWith(c!);
    for (const [claim, state] of [
      [a, 'SUCCEEDED'],
      [b, 'SUCCEEDED'],
      [c, 'FAILED'],
    ] as const)
      expect(await ledger.rotations.get(claim!.rotationId)).toMatchObject({ state, bulkId: id });
    expect(await statesOf(id)).toBe('ssA');
  });

  it('names its bulk in every event', async () => {
    await rotate('f0', { assistantId: 'ast_0' });
    await pass(1);
    const { id } = await makeBulk(1);
    await pass(1);
    const [claim] = await begin(1);
    await loseIt(claim!);
    const back = (await resumed({ id: claim!.rotationId, ...claim! })).claim;
    expect(back.bulkId).toBe(id);
    await ledger.assistants.commit(back, readKey('f1', back, { rotation: 'ends' }));
    expect((await events()).map(({ data }) => [data.bulk_rotation_id, data.rotation_id])).toEqual([
      [null, expect.any(String)],
      [id, claim!.rotationId],
      [id, claim!.rotationId],
    ]);
  });

  it('waits as a follow-up while its bulk stands still, and goes on with it', async () => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(1);
    await loseIt(claim!);
    await release(claim!);
    await bulks.pause(id);
    expect(await claimOf({ id: claim!.rotationId, ...claim! })).toEqual({ kind: 'halted', retryInMs: 2000 });
    await bulks.resume(id);
    await succeed(await again(claim!));
    expect(await statesOf(id)).toBe('s.');
  });

  it('is read back while its bulk stands still', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await loseIt(claim!);
    await bulks.pause(id);
    const back = (await resumed({ id: claim!.rotationId, ...claim! })).claim;
    await ledger.assistants.commit(back, readKey('f1', back, { rotation: 'ends' }));
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('that waits as a follow-up is cancelled with its bulk when it comes, and leaves nothing behind', async () => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(1);
    await release(claim!);
    await bulks.cancel(id);
    expect(await stateOf(id)).toEqual(['CANCELLING', 'CANCELLED_BY_OPERATOR']);
    expect(await claimOf({ id: claim!.rotationId, ...claim! })).toEqual({ kind: 'ended' });
    expect(await ledger.rotations.get(claim!.rotationId)).toMatchObject({ state: 'CANCELLED' });
    expect(await bulks.get(id)).toMatchObject({ state: 'CANCELLED', counts: { cancelled: 2 } });
    expect(await redis.exists('{spec}:assistant:ast_0')).toBe(0);
  });

  it('may be cancelled by itself while it waits, and is not retried', async () => {
    const { id } = await makeBulk(2);
    const [claim, other] = await begin(2);
    await release(claim!);
    await ledger.rotations.cancel(claim!.rotationId);
    await succeed(other!);
    expect(await statesOf(id)).toBe('xs');
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('whose worker died is found, and read back', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await pass(LEASE_MS);
    expect((await ledger.rotations.findOrphans({ quietMs: LEASE_MS })).orphans).toEqual([
      { rotationId: claim!.rotationId, orgId: 'org_1', assistantId: 'ast_0' },
    ]);
    const back = await resumed({ id: claim!.rotationId, ...claim! });
    expect(back).toMatchObject({ noted: false, claim: { bulkId: id } });
  });

  it('holds up nobody else while it waits: who asks for the assistant need not wait for its bulk', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await release(claim!);
    await bulks.pause(id);
    await makeBulk(1);
    const [other] = await begin(1);
    await succeed(other!);
    const single = await accept({ assistantId: 'ast_0' });
    expect(single.id).not.toBe(claim!.rotationId);
    await succeed(await claimed(single));
  });

  it('that waits is over where its key has been replaced since its bulk was asked for', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await loseIt(claim!);
    await release(claim!);
    await pass(1);
    await rotate('f1', { assistantId: 'ast_0' });
    expect(await claimOf({ id: claim!.rotationId, ...claim! })).toEqual({ kind: 'ended' });
    expect(await ledger.rotations.get(claim!.rotationId)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await statesOf(id)).toBe('s');
    expect(await countsOf(id)).toMatchObject({ succeeded: 1, unknown: 0 });
  });

  it('changes nothing of a bulk that was deleted by hand', async () => {
    spoilt = true;
    const { id } = await makeBulk(5);
    const [a, b, c, d, e] = await begin(5);
    await loseIt(a!);
    await loseIt(b!);
    await loseIt(c!);
    await redis.del(`{spec}:bulk:${id}`);
    await loseIt(d!, 'UPSTREAM_FORBIDDEN');
    await failWith(a!);
    await release(b!);
    await returnToBulk(c!);
    await returnToBulk(d!);
    await succeed(e!);
    expect(await redis.exists(`{spec}:bulk:${id}`)).toBe(0);
    expect(await redis.zcard('{spec}:intents:org_1')).toBe(0);
  });
});

describe('the count of unknown outcomes', () => {
  const unknowns = async (id: string) => (await countsOf(id)).unknown;

  it.each<[string, (claim: Claim) => Promise<unknown>]>([
    [
      'is found to be done',
      async (claim) => {
        const back = (await resumed({ id: claim.rotationId, ...claim })).claim;
        await ledger.assistants.commit(back, readKey('f1', back, { rotation: 'ends' }));
      },
    ],
    [
      'is found and settled later',
      async (claim) => {
        const back = (await resumed({ id: claim.rotationId, ...claim })).claim;
        await ledger.assistants.commit(back, readKey('f1', back, { rotation: 'satisfied' }));
        await ledger.rotations.settle(back, back.atMs, back.atMs);
      },
    ],
    ['is answered late', (claim) => succeed(claim)],
    ['fails', (claim) => failWith(claim)],
    [
      'fails with what is published',
      (claim) =>
        ledger.assistants.commit(claim, readKey('f1', claim, { rotation: { fails: 'NO_SECRET_KEY' } })),
    ],
    ['is released', release],
    ['is given back', (claim) => returnToBulk(claim)],
  ])('goes up once, and down when one %s', async (_, close) => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(2);
    await loseIt(claim!);
    await loseIt(claim!);
    expect(await unknowns(id)).toBe(1);
    await close(claim!);
    expect(await unknowns(id)).toBe(0);
  });

  it('goes up again where the same rotation is lost again', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await loseIt(claim!);
    await release(claim!);
    await loseIt(await again(claim!));
    expect(await unknowns(id)).toBe(1);
  });

  it('is not touched where the write is refused', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await loseIt(claim!);
    await resumed({ id: claim!.rotationId, ...claim! });
    expect(
      await Promise.all([release(claim!), failWith(claim!), returnToBulk(claim!), loseIt(claim!)]),
    ).toEqual([false, false, false, 'refused']);
    expect(await unknowns(id)).toBe(1);
  });
});

describe('a canary', () => {
  it('stops the bulk after the first so many, until somebody resumes it', async () => {
    const { id } = await makeBulk(5, { canary: { count: 2, continues: false } });
    const [first, second] = await begin(10);
    expect(await draw()).toEqual({ kind: 'nothing' });
    await succeed(first!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await succeed(second!);
    expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_DONE']);
    await bulks.resume(id);
    expect(indexes(await drawn())).toEqual([2, 3, 4]);
  });

  it('that continues lets the others follow where all of it succeeded', async () => {
    const { id } = await makeBulk(5, { canary: { count: 2, continues: true } });
    for (const claim of await begin(10)) await succeed(claim);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    expect(indexes(await drawn())).toEqual([2, 3, 4]);
  });

  it('that continues stops where one of it failed', async () => {
    const { id } = await makeBulk(5, { canary: { count: 2, continues: true } });
    const [first, second] = await begin(10);
    await failWith(first!);
    await succeed(second!);
    expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_DONE']);
  });

  it('that continues and awaits consumers is paused until these have applied its keys, or somebody resumes it', async () => {
    const { id } = await makeBulk(5, { canary: { count: 2, continues: true, awaitsConsumers: true } });
    for (const claim of await begin(2)) await succeed(claim);
    expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_AWAITS_CONSUMERS']);
    expect(await work.awaiting()).toEqual([id]);
    const [last] = await redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1);
    expect((await bulks.get(id)).entry).toBe(last![0]);
    expect(await work.acknowledged(id)).toBe(true);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    expect(await work.awaiting()).toEqual([]);
    expect(await work.acknowledged(id)).toBe(false);
    expect((await begin(5)).length).toBe(3);
  });

  it('that awaits consumers does as an operator says, whatever consumers have applied', async () => {
    const paused = await makeBulk(3, { canary: { count: 1, continues: true, awaitsConsumers: true } });
    await succeed((await begin(1))[0]!);
    await bulks.pause(paused.id);
    expect(await work.acknowledged(paused.id)).toBe(false);
    expect((await bulks.get(paused.id)).state).toBe('PAUSED');
    const resumed2 = await makeBulk(3, { canary: { count: 1, continues: true, awaitsConsumers: true } });
    await succeed((await begin(1))[0]!);
    await bulks.resume(resumed2.id);
    expect((await begin(3)).length).toBe(2);
    expect(await work.awaiting()).toEqual([]);
  });

  it('waits for what is given back, and for what is unknown', async () => {
    const { id } = await makeBulk(5, { canary: { count: 2, continues: true } });
    const [first, second] = await begin(10);
    await returnToBulk(first!);
    await loseIt(second!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed']);
    await succeed(second!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });

  it.each([2, 3])('no smaller than the bulk has nothing to stop before: %i of 2', async (count) => {
    const { id } = await makeBulk(2, { canary: { count, continues: false } });
    for (const claim of await begin(10)) await succeed(claim);
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('that ends while somebody has paused the bulk stops it when it is resumed', async () => {
    const { id } = await makeBulk(3, { canary: { count: 1, continues: false } });
    const [claim] = await begin(1);
    await bulks.pause(id);
    await succeed(claim!);
    expect(await stateOf(id)).toEqual(['PAUSED', 'PAUSED_BY_OPERATOR']);
    expect(await bulks.resume(id)).toMatchObject({ state: 'PAUSED', why: 'CANARY_DONE' });
    expect(await bulks.resume(id)).toMatchObject({ state: 'RUNNING' });
  });

  it('made of those that are shared is done as well', async () => {
    const { id } = await makeBulk(3, { canary: { count: 1, continues: false } });
    await pass(1);
    await rotate('f', { assistantId: 'ast_0' });
    await claimRange(await drawn());
    expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_DONE']);
  });
});

describe('a canary that was halted by its failures', () => {
  it('has been seen by whoever resumes the bulk', async () => {
    const { id } = await makeBulk(4, { canary: { count: 2, continues: false }, maxFailures: { count: 0 } });
    const range = await drawn();
    for (const claim of await claimsOf(claimRange(range)))
      await ledger.rotations.fail(claim, { code: 'UPSTREAM_REJECTED' }, false);
    expect(await bulks.get(id)).toMatchObject({ state: 'HALTED', why: 'TOO_MANY_FAILURES' });
    expect(await bulks.resume(id)).toMatchObject({ state: 'RUNNING' });
    expect(await draw({ token: 'w2' })).toMatchObject({ kind: 'range', range: { from: 2, to: 4 } });
  });
});

describe('a rotation whose worker is gone', () => {
  it('is unknown, but counts neither as a failure of its bulk nor as an unknown outcome in a row', async () => {
    const { id } = await makeBulk(4, { maxFailures: { count: 0 } });
    for (const claim of await claimsOf(claimRange(await drawn())))
      await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0, senderGone: true }, SEALED);
    expect(await bulks.get(id)).toMatchObject({ state: 'RUNNING', counts: { rotating: 4, unknown: 4 } });
    expect(await redis.hget('{spec}:ledger', 'run:org_1')).toBeNull();
  });
});

describe('too many failures', () => {
  it.each<[string, BulkSpec['maxFailures'], number, number]>([
    ['none', { count: 0 }, 10, 1],
    ['two', { count: 2 }, 10, 3],
    ['five percent of forty', { percent: 5 }, 40, 3],
    ['five percent of thirty, which is one and a half and so two', { percent: 5 }, 30, 3],
    ['no percent', { percent: 0 }, 10, 1],
  ])('halt the bulk where more than %s fail', async (_, maxFailures, total, halting) => {
    const { id } = await makeBulk(total, { maxFailures });
    const claims = await begin(total);
    for (const claim of claims.slice(0, halting - 1)) await failWith(claim);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await failWith(claims[halting - 1]!);
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_FAILURES']);
    expect(await draw()).toEqual({ kind: 'nothing' });
  });

  it('count unknown outcomes, for as long as they are unknown', async () => {
    const { id } = await makeBulk(4, { maxFailures: { count: 1 } });
    const [a, b, c] = await begin(3);
    await loseIt(a!);
    await succeed(a!);
    await loseIt(b!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await loseIt(c!);
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_FAILURES']);
  });

  it('count one that is unknown and then fails once', async () => {
    const { id } = await makeBulk(3, { maxFailures: { count: 1 } });
    const [a] = await begin(3);
    await loseIt(a!);
    await failWith(a!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });

  it('are forgiven by whoever resumes, and counted anew', async () => {
    const { id } = await makeBulk(6, { maxFailures: { count: 1 } });
    const [a, b, c, d] = await begin(4);
    await failWith(a!);
    await failWith(b!);
    await bulks.resume(id);
    await failWith(c!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await failWith(d!);
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_FAILURES']);
  });

  it('are not forgiven beforehand: one that was lost, forgiven, and then succeeded makes no room for another', async () => {
    const { id } = await makeBulk(4, { maxFailures: { count: 0 } });
    const [a, b] = await begin(2);
    await loseIt(a!);
    await bulks.resume(id);
    await succeed(a!);
    await failWith(b!);
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_FAILURES']);
  });

  it('are forgiven once: one that was lost, forgiven, and then failed does not halt it again', async () => {
    const { id } = await makeBulk(4, { maxFailures: { count: 0 } });
    const [a] = await begin(2);
    await loseIt(a!);
    await bulks.resume(id);
    await failWith(a!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });

  it('do not halt what has nothing left to do', async () => {
    const { id } = await makeBulk(1, { maxFailures: { count: 0 } });
    const [a] = await begin(1);
    await failWith(a!);
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('while the bulk stands still let it be: it ends when all have ended', async () => {
    const { id } = await makeBulk(2, { maxFailures: { count: 0 } });
    const [a, b] = await begin(2);
    await failWith(a!);
    await succeed(b!);
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('stand on the bulk, newest first, the last ten of them', async () => {
    const { id } = await makeBulk(['with space', ...namesOf(11)]);
    const claims = await begin(12);
    for (const claim of claims.slice(1)) await failWith(claim, 'UPSTREAM_REJECTED');
    await pass(5);
    await failWith(claims[0]!, 'NO_SECRET_KEY');
    const { lastFailures } = await bulks.get(id);
    expect(lastFailures).toHaveLength(10);
    expect(lastFailures[0]).toEqual({ assistantId: 'with space', code: 'NO_SECRET_KEY', atMs: START_MS + 5 });
    expect(lastFailures[1]).toMatchObject({ assistantId: 'ast_10', code: 'UPSTREAM_REJECTED' });
  });
});

describe('too many unknown outcomes in a row', () => {
  const twoInARow = async () => {
    const { id } = await makeBulk(10);
    for (const claim of await begin(2)) {
      await loseIt(claim);
      await release(claim);
    }
    return id;
  };

  it('halt the bulk at its next claim, and begin nobody', async () => {
    const id = await twoInARow();
    expect(await claimRange(await drawn(), { maxOpenIntents: 2 })).toEqual({ kind: 'stopped' });
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_UNKNOWNS']);
    expect(await statesOf(id)).toBe('rr........');
  });

  it('let one leave in each landing window after it was resumed, to see, and are over with its success', async () => {
    const id = await twoInARow();
    const range = await drawn();
    await claimRange(range, { maxOpenIntents: 2 });
    await pass(LEASE_MS);
    await bulks.resume(id);
    const [claim, ...others] = await claimsOf(claimRange(range, { maxOpenIntents: 2 }));
    expect(others).toEqual([]);
    expect(claim).toMatchObject({ unknownsInARow: 2 });
    await succeed(claim!);
    expect(
      await wordsOf(claimRange({ ...range, waiting: range.waiting.slice(1) }, { maxOpenIntents: 2 })),
    ).toEqual(['claimed', 'claimed']);
  });
});

describe('keys that cannot be read back', () => {
  it('halt the bulk when there were ten in a row', async () => {
    const { id } = await makeBulk(20);
    const [claim] = await begin(20);
    for (let i = 0; i < 9; i += 1) await loseIt(claim!, 'UPSTREAM_UNREACHABLE');
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await loseIt(claim!, 'UPSTREAM_FORBIDDEN');
    expect(await stateOf(id)).toEqual(['HALTED', 'READS_FAIL']);
  });

  it('are counted anew after a success, and after it was resumed', async () => {
    const { id } = await makeBulk(20);
    const [a, b] = await begin(20);
    const nine = async () => {
      for (let i = 0; i < 9; i += 1) await loseIt(a!, 'UPSTREAM_UNREACHABLE');
    };
    await nine();
    await succeed(b!);
    await nine();
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await loseIt(a!, 'UPSTREAM_UNREACHABLE');
    await bulks.resume(id);
    await nine();
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });

  it('are counted anew after one could be read, and are not those for which no request was left', async () => {
    const { id } = await makeBulk(20);
    const [a, b] = await begin(20);
    for (let i = 0; i < 9; i += 1) await loseIt(a!, 'UPSTREAM_UNREACHABLE');
    await loseIt(b!);
    await loseIt(a!);
    for (let i = 0; i < 9; i += 1) await loseIt(a!, 'UPSTREAM_UNREACHABLE');
    for (let i = 0; i < 5; i += 1) await loseIt(a!, 'UPSTREAM_RATE_LIMITED');
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await loseIt(a!, 'UPSTREAM_UNREACHABLE');
    expect(await stateOf(id)).toEqual(['HALTED', 'READS_FAIL']);
  });

  it('are not those that have no key, or that were read too early', async () => {
    const { id } = await makeBulk(20);
    const [a] = await begin(20);
    for (let i = 0; i < 10; i += 1)
      for (const code of ['NO_SECRET_KEY', 'STALE_READ'] as const) await loseIt(a!, code);
    await loseIt(a!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });
});

describe('keys that somebody else rotates', () => {
  const drift = async (times: number, from = 0) => {
    for (let i = 0; i < times; i += 1) {
      const assistantId = `ast_d${i % 10}`;
      const hold = await looked({ assistantId });
      await ledger.assistants.commit(hold, readKey(`g${from + i}`, hold, { cause: 'drift' }));
    }
  };
  const publish = async () => {
    for (let i = 0; i < 10; i += 1) await rotate(`p${i}`, { assistantId: `ast_d${i}` });
    await pass(1000);
  };

  it('halt the bulks of their org when there are more than fifty within ten minutes', async () => {
    await publish();
    const [ours, other, paused] = [
      await makeBulk(2),
      await makeBulk(2, { orgId: 'org_2' }),
      await makeBulk(2),
    ];
    await bulks.pause(paused.id);
    await drift(50);
    expect(await stateOf(ours.id)).toEqual(['RUNNING', undefined]);
    await drift(1, 50);
    expect(await stateOf(ours.id)).toEqual(['HALTED', 'DRIFT_STORM']);
    expect(await stateOf(other.id)).toEqual(['RUNNING', undefined]);
    expect(await stateOf(paused.id)).toEqual(['PAUSED', 'PAUSED_BY_OPERATOR']);
  });

  it('have been seen by whoever resumes: only as many again halt it', async () => {
    await publish();
    const { id } = await makeBulk(2);
    await drift(51);
    await bulks.resume(id);
    await drift(50, 60);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await drift(1, 120);
    expect(await stateOf(id)).toEqual(['HALTED', 'DRIFT_STORM']);
  });

  it('do not halt them when they come slowly', async () => {
    await publish();
    const { id } = await makeBulk(2);
    await drift(50);
    await pass(600_001);
    await drift(50, 50);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });
});

describe('an assistant that is given back', () => {
  it('waits again, is not counted, and leaves nothing behind', async () => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(1);
    expect(await returnToBulk(claim!)).toBe(true);
    expect(await statesOf(id)).toBe('..');
    expect(await countsOf(id)).toMatchObject({ waiting: 2, rotating: 0, failed: 0 });
    expect(await redis.keys('{spec}:rotation*')).toEqual([]);
    expect(await redis.exists('{spec}:assistant:ast_0')).toBe(0);
    expect(await redis.zcard('{spec}:intents:org_1')).toBe(0);
    expect(indexes(await drawn())).toEqual([1]);
    expect(indexes(await drawn())).toEqual([0]);
  });

  it('keeps what was published of it', async () => {
    await rotate('f1', { assistantId: 'ast_0' });
    await makeBulk(1);
    const [claim] = await begin(1);
    await returnToBulk(claim!);
    expect(await begin(1)).toMatchObject([{ stateBefore: printOf('f1') }]);
  });

  it('is refused where another worker has claimed since, and where it is of no bulk', async () => {
    await makeBulk(1);
    const [claim] = await begin(1);
    await pass(LEASE_MS);
    await resumed({ id: claim!.rotationId, ...claim! });
    const single = await claimed(await accept({ assistantId: 'ast_x' }));
    const before = await everything();
    expect([await returnToBulk(claim!), await returnToBulk(single)]).toEqual([false, false]);
    expect(await everything()).toEqual(before);
  });

  it('halts the bulk at once where nobody fares better until somebody acts, and says why', async () => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(1);
    await returnToBulk(claim!, 'UPSTREAM_UNAUTHENTICATED', { halts: true });
    expect(await stateOf(id)).toEqual(['HALTED', 'UPSTREAM_UNAUTHENTICATED']);
    await bulks.resume(id);
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed']);
  });

  it('halts the bulk where upstream has been away for so long', async () => {
    const { id } = await makeBulk(1);
    for (const ms of [0, 300_000, 300_000]) {
      await pass(ms);
      await returnToBulk((await begin(1))[0]!);
      expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    }
    await pass(1);
    await returnToBulk((await begin(1))[0]!);
    expect(await stateOf(id)).toEqual(['HALTED', 'UPSTREAM_UNREACHABLE']);
  });

  it.each<[string, (id: string, other: Claim) => Promise<unknown>]>([
    ['a success', (_, other) => succeed(other)],
    [
      'somebody who resumed the bulk',
      async (id) => {
        await bulks.pause(id);
        await bulks.resume(id);
      },
    ],
  ])('does not halt it where there was %s in between', async (_, between) => {
    const { id } = await makeBulk(2);
    const [claim, other] = await begin(2);
    await returnToBulk(claim!);
    await pass(400_000);
    await between(id, other!);
    await pass(400_000);
    await returnToBulk((await begin(1))[0]!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });

  it('lets a bulk be cancelled that waited for it', async () => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(1);
    await bulks.cancel(id);
    await returnToBulk(claim!, 'UPSTREAM_UNREACHABLE', { halts: true });
    expect(await bulks.get(id)).toMatchObject({
      state: 'CANCELLED',
      why: 'CANCELLED_BY_OPERATOR',
      counts: { cancelled: 2, waiting: 0 },
    });
  });

  it('is drawn again once, however often it was given back', async () => {
    const { id } = await makeBulk(3);
    for (let i = 0; i < 5; i += 1) {
      const range = await drawn();
      for (const claim of await claimsOf(claimRange(range))) await returnToBulk(claim);
      await work.dropRange(range, 'w1');
    }
    expect((await redo(id)).length).toBeLessThanOrEqual(3);
  });
});

describe('the entry of a bulk that cannot be read', () => {
  it('is reported to whoever steers it, and keeps no other bulk from being worked on', async () => {
    spoilt = true;
    const [bad, good] = [await makeBulk(1), await makeBulk(1)];
    await redis.del(`{spec}:bulk:${bad.id}`);
    await redis.set(`{spec}:bulk:${bad.id}`, 'text');
    expect(await codeOf(bulks.pause(bad.id))).toBe('LEDGER_CORRUPT');
    expect((await drawn()).bulkId).toBe(good.id);
  });
});
