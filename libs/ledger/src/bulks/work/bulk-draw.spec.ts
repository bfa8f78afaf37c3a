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
