import { describe, expect, it } from '@jest/globals';
import { everything, redis } from '../../ledger-fixture.ts';
import { openLedger } from '../../open-ledger.ts';
import {
  LEASE_MS,
  ORG,
  START_MS,
  begin,
  bulks,
  claimRange,
  draw,
  drawn,
  draws,
  indexes,
  makeBulk,
  namesOf,
  pass,
  redo,
  succeed,
  useBulks,
  work,
} from '../bulk-fixture.ts';

useBulks();

describe('draw', () => {
  it('returns assistants in order, up to the size, and never across a string of a thousand', async () => {
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

  it('notes which worker has which range', async () => {
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

  it('returns a range that was not renewed to the next worker, and a renewed one to no other', async () => {
    const { id } = await makeBulk(4);
    const first = await drawn({ size: 2 });
    const second = await drawn({ size: 2 });
    await pass(LEASE_MS - 1);
    expect(await work.renew(id, 'w1', LEASE_MS, second)).toBe(true);
    await pass(1);
    expect(indexes(await drawn({ token: 'w2' }))).toEqual(indexes(first));
    expect(await draw({ token: 'w2' })).toEqual({ kind: 'nothing' });
  });

  it('returns only the assistants of a lapsed range that still wait', async () => {
    await makeBulk(3);
    const range = await drawn();
    await claimRange({ ...range, waiting: range.waiting.slice(0, 2) });
    await pass(LEASE_MS);
    expect(indexes(await drawn({ token: 'w2' }))).toEqual([2]);
  });

  it('does not wait for a lease that is longer than any can be', async () => {
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

  it('returns the place of a bulk, and only assistants of bulks before a given place', async () => {
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

  it('returns an urgent task to a worker that prepares or verifies another already', async () => {
    await makeBulk([], ORG);
    expect(await draw({ tasks: 'urgent' })).toEqual({ kind: 'nothing' });
    const urgent = await makeBulk([], { ...ORG, urgent: true });
    expect(await draw({ tasks: 'urgent' })).toEqual({ kind: 'prepare', bulkId: urgent.id, urgent: true });
    expect(await draw({ tasks: 'urgent' })).toEqual({ kind: 'nothing' });
  });

  it('computes once how many requests rotating and verifying named assistants take', async () => {
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
    // By hand, to see that the second draw keeps it.
    await redis.zadd('{spec}:assistants:org%201', ...namesOf(9000).flatMap((name) => [1, name]));
    await take([many.id]);
    // One by one it would be 11 more; listing takes as many pages for 1,250.
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

  it('passes over given bulks, stopped ones, and those whose org has too many open intents', async () => {
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

  it('returns no assistants while the ledger is frozen, but tasks', async () => {
    await makeBulk(1);
    const { id } = await makeBulk([], ORG);
    await redis.hset('{spec}:ledger', 'frozen', START_MS);
    expect(await draw()).toEqual({ kind: 'prepare', bulkId: id });
    expect(await draw()).toEqual({ kind: 'nothing' });
  });

  it('returns only what was requested', async () => {
    const ids = await makeBulk(1);
    const org = await makeBulk([], ORG);
    expect(await draw({ ranges: false, tasks: false })).toEqual({ kind: 'nothing' });
    expect(await draw({ ranges: false })).toEqual({ kind: 'prepare', bulkId: org.id });
    expect((await drawn({ tasks: false })).bulkId).toBe(ids.id);
  });

  it('returns a task to one worker at a time, and to another if it is not renewed', async () => {
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

  it('drops a missing bulk from the active ones', async () => {
    await redis.zadd('{spec}:bulks:active', 1, 'blk_gone');
    expect(await draw()).toEqual({ kind: 'nothing' });
    expect(await redis.zcard('{spec}:bulks:active')).toBe(0);
  });

  it('notes the rate of a bulk', async () => {
    const { id } = await makeBulk(100);
    for (let i = 0; i < 5; i += 1) {
      for (const claim of await begin(10)) await succeed(claim);
      await pass(2000);
    }
    expect((await bulks.get(id)).perSecond).toBeCloseTo(5, 0);
  });
});

describe('the rate of a bulk that was stopped', () => {
  it('is unknown meanwhile, and excludes that time afterwards', async () => {
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
  it('returns assistants that still wait, to be drawn after all others', async () => {
    const { id } = await makeBulk(4);
    const range = await drawn({ size: 2 });
    await claimRange({ ...range, waiting: range.waiting.slice(0, 1) });
    await work.dropRange(range, 'w1');
    expect(indexes(await drawn({ size: 2 }))).toEqual([2, 3]);
    expect(indexes(await drawn())).toEqual([1]);
    expect(await redo(id)).toEqual([]);
  });

  it('returns nothing if none waits', async () => {
    const { id } = await makeBulk(2);
    await begin(2);
    expect(await redo(id)).toEqual([]);
    expect(await draws(id)).toEqual({});
  });

  it('has no effect for a worker that lost the range', async () => {
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
