import { beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { accept, claimOf, claimed, ledger, nextId, redis, waitOf } from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';
import { timeFor, type Lane } from './budget.ts';
import {
  OPTIONS,
  SECOND,
  STEP_MS,
  askEvery,
  budget,
  budgetKey,
  countTaken,
  hash,
  nowUs,
  pass,
  slotOf,
  stepUs,
  takeAll,
  taken,
  waitMs,
  useBudget,
} from './budget-fixture.ts';

const HORIZON = 10 * SECOND;

useBudget();

/** Slots are at whole microseconds: each may be one too early. */
const mostExcess = (slots: number): number => 3 + (slots + 1) / stepUs;

/** The highest number of slots above the pace, in any window that begins and ends with a slot. */
const excessOf = (slots: (number | undefined)[]): number => {
  const sorted = slots.filter((slot) => slot !== undefined).toSorted((a, b) => a - b);
  return Math.max(
    0,
    ...sorted.flatMap((from, i) => sorted.slice(i).map((to, n) => n + 1 - (to - from) / stepUs)),
  );
};

describe('the pace', () => {
  const lane = fc.constantFrom<Lane>('first', 'bulk', 'sweep');
  const ask = fc.record({
    afterUs: fc.oneof(
      fc.integer({ min: 0, max: 3 * stepUs }),
      fc.constant(0),
      fc.integer({ min: 0, max: 30 * SECOND }),
    ),
    lane,
  });

  it('is kept over every window, plus three, for any callers at any time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(ask, { minLength: 5, maxLength: 80 }), async (asks) => {
        await redis.del(budgetKey);
        const slots = asks.map(({ afterUs, lane: who }) => {
          void pass(afterUs);
          return slotOf(who);
        });
        expect(excessOf(await Promise.all(slots))).toBeLessThanOrEqual(mostExcess(slots.length));
      }),
      { numRuns: 80 },
    );
  });

  it('is kept just as well while upstream refuses some of the requests', async () => {
    const refused = fc.record({
      ageMs: fc.nat(2000),
      retryAfterMs: fc.option(fc.nat(20_000), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 9, arbitrary: ask }, { weight: 1, arbitrary: refused }), {
          minLength: 5,
          maxLength: 80,
        }),
        async (steps) => {
          await redis.del(budgetKey);
          const slots = steps.map((step) => {
            if ('ageMs' in step)
              return budget.slowDown({
                ageMs: step.ageMs,
                ...(step.retryAfterMs !== undefined && { retryAfterMs: step.retryAfterMs }),
              });
            void pass(step.afterUs);
            return slotOf(step.lane);
          });
          const reserved = (await Promise.all(slots)).map((slot) => slot ?? undefined);
          expect(excessOf(reserved)).toBeLessThanOrEqual(mostExcess(slots.length));
        },
      ),
      { numRuns: 80 },
    );
  });

  it('is used up by callers that always ask, and is below the limit of upstream', async () => {
    const count = await countTaken('bulk', 60 * SECOND, stepUs / 8);
    expect(count).toBeLessThanOrEqual(500);
    expect(count).toBeGreaterThanOrEqual(490);
  });

  it('lets three requests leave at once after idle time, however long it was', async () => {
    expect(await takeAll('bulk')).toBe(3);
    await pass(3600 * SECOND);
    expect(await takeAll('bulk')).toBe(3);
  });

  it('returns the time to wait, and grants a slot after it', async () => {
    await takeAll('bulk');
    expect(await budget.take('bulk')).toEqual({ taken: false, retryInMs: STEP_MS, reserved: false });
    await pass(stepUs - 1);
    expect(await taken('bulk')).toBe(false);
    await pass(1);
    expect(await taken('bulk')).toBe(true);
  });

  it('allows no burst if Redis has lost it', async () => {
    await takeAll('first');
    await redis.del(budgetKey);
    expect(await takeAll('bulk')).toBe(3);
    expect(await countTaken('bulk', 10 * stepUs, stepUs / 4)).toBeLessThanOrEqual(10);
  });

  it('is separate for each address that requests leave from', async () => {
    const other = openLedger(redis, { prefix: 'spec', budget: { ...OPTIONS, egress: 'other' } }).budget;
    await takeAll('bulk');
    await budget.slowDown({ ageMs: 0 });
    expect(await other.take('bulk')).toEqual({ taken: true });
  });

  it('is unlimited at 0 requests a minute, and Redis is not asked', async () => {
    const unlimited = openLedger(redis, {
      prefix: 'spec',
      budget: { egress: 'unlimited', requestsPerMinute: 0 },
    }).budget;
    const before = (await redis.info('stats')).match(/total_commands_processed:(\d+)/)![1];
    for (let i = 0; i < 10; i += 1) expect(await unlimited.take('bulk')).toEqual({ taken: true });
    await unlimited.slowDown({ ageMs: 0, retryAfterMs: 60_000 });
    expect(await unlimited.take('sweep')).toEqual({ taken: true });
    expect(Number((await redis.info('stats')).match(/total_commands_processed:(\d+)/)![1])).toBe(
      Number(before) + 1,
    );
    expect(timeFor(1000, { egress: 'unlimited', requestsPerMinute: 0 })).toBe(0);
  });

  it('computes the time of a number of requests with the same measure', () => {
    expect(timeFor(500, OPTIONS) / 1000).toBeCloseTo((500 * stepUs) / SECOND, 1);
  });
});

describe('a single rotation', () => {
  it('gets the next slot, before all waiting bulks', async () => {
    await takeAll('bulk');
    for (let i = 0; i < 50; i += 1) expect(await taken('bulk')).toBe(false);
    const first = await budget.take('first');
    expect(first).toEqual({ taken: false, retryInMs: STEP_MS, reserved: true });
    await pass(stepUs);
    expect(await taken('bulk')).toBe(false);
    await pass(stepUs);
    expect(await taken('bulk')).toBe(true);
  });

  it('waits at most one step while bulks always ask', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(2 * stepUs), { maxLength: 20 }), async (pauses) => {
        await redis.del(budgetKey);
        for (const us of pauses) {
          await takeAll('bulk');
          await pass(us);
        }
        const slot = await slotOf('first');
        expect(slot! - nowUs).toBeLessThanOrEqual(stepUs);
      }),
      { numRuns: 40 },
    );
  });

  it('queues behind earlier ones', async () => {
    const slots: number[] = [];
    for (let i = 0; i < 20; i += 1) slots.push((await slotOf('first'))! - nowUs);
    expect(slots).toEqual([0, 0, 0, ...Array.from({ length: 17 }, (_, i) => (i + 1) * stepUs)]);
  });

  it('gets no slot, and keeps none, if it would wait for more than ten seconds', async () => {
    let reserved = 0;
    for (let slot = await slotOf('first'); slot !== undefined; slot = await slotOf('first')) reserved += 1;
    expect(reserved).toBe(3 + Math.floor(HORIZON / stepUs));
    const before = await hash();
    const late = await budget.take('first');
    expect(late).toMatchObject({ taken: false, reserved: false });
    expect(waitOf(late)).toBeGreaterThan(10_000);
    expect(await hash()).toEqual(before);
  });

  it('finds free slots when the queue is empty', async () => {
    for (let i = 0; i < 20; i += 1) await slotOf('first');
    await pass(17 * stepUs);
    expect(await taken('bulk')).toBe(false);
    await pass(stepUs);
    expect(await taken('bulk')).toBe(true);
  });
});

describe('a sweep', () => {
  const besideABulk = async (): Promise<{ bulk: number[]; sweep: number[] }> => {
    const [bulk, sweep] = await askEvery(stepUs / 3, 60 * SECOND, 'bulk', 'sweep');
    return { bulk: bulk!, sweep: sweep! };
  };

  it('gets one slot in fifty while a bulk takes all free slots', async () => {
    const { bulk, sweep } = await besideABulk();
    const share = sweep.length / (bulk.length + sweep.length);
    expect(share).toBeGreaterThan(1 / 60);
    expect(share).toBeLessThan(1 / 40);
  });

  it('never waits longer than its share requires', async () => {
    const { sweep } = await besideABulk();
    const pauses = sweep.slice(1).map((slot, i) => slot - sweep[i]!);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(54 * stepUs);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(48 * stepUs);
  });

  it('takes all slots that no other lane wants, at the pace', async () => {
    const count = await countTaken('sweep', 30 * SECOND, stepUs / 8);
    expect(count).toBeGreaterThanOrEqual(0.95 * ((30 * SECOND) / stepUs));
    expect(count).toBeLessThanOrEqual((30 * SECOND) / stepUs + 3);
  });

  it('beyond its share does not take a slot just after another lane took one', async () => {
    expect(await taken('sweep')).toBe(true);
    await pass(10 * stepUs);
    await takeAll('bulk');
    await pass(stepUs);
    const slot = await budget.take('sweep');
    expect(slot).toMatchObject({ taken: false, reserved: false });
    expect(waitOf(slot)).toBeGreaterThanOrEqual(STEP_MS);
    expect(waitOf(slot)).toBeLessThanOrEqual(1000);
  });

  it('does not use its share if it would wait for more than ten seconds', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: 20_000 });
    expect(await budget.take('sweep')).toEqual({ taken: false, retryInMs: 20_000, reserved: false });
    await pass(10 * SECOND);
    expect(await budget.take('sweep')).toEqual({ taken: false, retryInMs: 10_000, reserved: true });
  });
});

describe('when the clock of Redis was turned back', () => {
  const HOUR = 3600 * SECOND;

  it.each<[string, (us: number) => Record<string, number>]>([
    ['a next slot', (us) => ({ next: us })],
    ['a closure', (us) => ({ closed_until: us / 1000 })],
    ['the share of a sweep', (us) => ({ sweep_next: us })],
    ['a refusal', (us) => ({ pace: 0.1, pace_at: us })],
    ['all of them', (us) => ({ next: us, closed_until: us / 1000, sweep_next: us, pace: 0.1, pace_at: us })],
  ])('%s far ahead blocks no request', async (_, fields) => {
    await redis.hset(budgetKey, fields(nowUs + 24 * HOUR));
    expect(await taken('first')).toBe(true);
    await pass(10 * stepUs);
    expect(await taken('sweep')).toBe(true);
    await pass(10 * stepUs);
    expect(await taken('bulk')).toBe(true);
    expect(await countTaken('bulk', 100 * stepUs, stepUs / 4)).toBeGreaterThan(95);
  });

  it('a closure that it lengthened by an hour blocks no request', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: 1000 });
    await pass(-HOUR);
    expect(await taken('first')).toBe(true);
  });

  it('by a little, a closure stays as it was', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: 30_000 });
    await pass(-SECOND);
    await budget.slowDown({ ageMs: 500 });
    expect(await waitMs('first')).toBe(31_000);
  });

  it('a refusal slows the pace down again', async () => {
    await redis.hset(budgetKey, {
      pace: 0.1,
      pace_at: nowUs + HOUR,
      closed_until: nowUs / 1000 + 24 * 3_600_000,
    });
    await budget.slowDown({ ageMs: 0, retryAfterMs: 2000 });
    expect(await hash()).toMatchObject({ pace: '0.7000', pace_at: String(nowUs) });
    expect(await waitMs('bulk')).toBe(2000);
  });
});

describe('a claim', () => {
  it('is PACED if no request may leave, opens no intent, and holds no assistant', async () => {
    await takeAll('bulk');
    const rotation = await accept();
    expect(await claimOf(rotation)).toEqual({ kind: 'paced', retryInMs: STEP_MS, reserved: true });
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({ state: 'QUEUED', attempts: 0 });
    expect(await redis.zcard('{spec}:intents:org_1')).toBe(0);
    expect(await redis.hget('{spec}:assistant:ast_1', 'holder')).toBeNull();
  });

  it('takes no second slot if the reserved one has been waited for', async () => {
    await takeAll('bulk');
    const rotation = await accept();
    await claimOf(rotation);
    await pass(stepUs);
    const before = await hash();
    await claimed(rotation, { slotGranted: true });
    expect(await hash()).toEqual(before);
  });

  it('waits longer if upstream has refused others since the slot was reserved', async () => {
    await takeAll('bulk');
    const rotation = await accept();
    await claimOf(rotation);
    await budget.slowDown({ ageMs: 0, retryAfterMs: 30_000 });
    await pass(stepUs);
    expect(await claimOf(rotation, { slotGranted: true })).toEqual({
      kind: 'paced',
      retryInMs: expect.any(Number),
      reserved: false,
    });
    expect((await budget.take('first', { slotGranted: true })).taken).toBe(false);
    await pass(30 * SECOND);
    expect((await budget.take('first', { slotGranted: true })).taken).toBe(true);
    await claimed(rotation, { slotGranted: true });
  });

  it('reserves no slot that would be too far ahead', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: 60_000 });
    const before = await hash();
    expect(await claimOf(await accept())).toEqual({ kind: 'paced', retryInMs: 60_000, reserved: false });
    expect(await hash()).toEqual(before);
  });

  it('takes one slot of its own if there is one', async () => {
    for (let i = 0; i < 3; i += 1) await claimed(await accept({ assistantId: `ast_${i}` }));
    expect(await claimOf(await accept({ assistantId: 'ast_3' }))).toMatchObject({ kind: 'paced' });
  });

  it('takes no slot if its assistant is held, the org is full, or the ledger is frozen', async () => {
    await claimed(await accept());
    const before = await hash();
    expect(await claimOf(await accept({ orgId: 'c' }))).toMatchObject({ kind: 'busy' });
    expect(await claimOf(await accept({ assistantId: 'ast_2' }), { maxOpenIntents: 1 })).toMatchObject({
      kind: 'full',
    });
    expect(
      await claimOf(await accept({ assistantId: 'ast_3' }), { holdBack: 'REPLICAS_MISSING' }),
    ).toMatchObject({ kind: 'frozen' });
    expect(await hash()).toEqual(before);
  });

  it('takes no slot if it resumes: the read takes its own', async () => {
    const rotation = await accept();
    await claimed(rotation, { leaseMs: 0 });
    await takeAll('bulk');
    expect(await claimOf(rotation)).toMatchObject({ kind: 'resumed' });
  });
});

describe('a claim of a bulk', () => {
  const SPEC = {
    orgId: 'org_1',
    reason: '',
    selection: { kind: 'ids' as const },
    urgent: false,
    validateOnly: false,
    maxFailures: { percent: 100 },
  };
  const OPTIONS_OF_CLAIM = { leaseMs: 60_000, landingWindowMs: 60_000, maxOpenIntents: 100 };
  const range = { bulkId: 'blk_1', orgId: 'org_1' };
  const items = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => ({
      index: from + i,
      job: { rotationId: nextId(), orgId: 'org_1', assistantId: `ast_${from + i}` },
    }));
  const work = () => openLedger(redis, { prefix: 'spec', budget: OPTIONS }).bulkWork;
  beforeEach(async () => {
    const bulks = openLedger(redis, { prefix: 'spec' }).bulks;
    const draft = bulks.draft('blk_1');
    await draft.add(Array.from({ length: 20 }, (_, i) => `ast_${i}`));
    await bulks.create('blk_1', SPEC, draft);
  });

  it('goes as far as the budget, and returns how long to wait for the next slot', async () => {
    expect(await work().claim(range, items(0, 10), OPTIONS_OF_CLAIM)).toMatchObject({
      kind: 'claimed',
      items: [{ kind: 'claimed' }, { kind: 'claimed' }, { kind: 'claimed' }],
      retryInMs: STEP_MS,
    });
    await pass(stepUs);
    expect(await work().claim(range, items(3, 10), OPTIONS_OF_CLAIM)).toMatchObject({
      items: [{ kind: 'claimed' }],
      retryInMs: STEP_MS,
    });
    expect(await work().claim(range, items(4, 10), OPTIONS_OF_CLAIM)).toMatchObject({
      items: [],
      retryInMs: STEP_MS,
    });
  });

  it('returns no time to wait if the limit of open intents was reached first, or nothing was', async () => {
    const two = await work().claim(range, items(0, 10), { ...OPTIONS_OF_CLAIM, maxOpenIntents: 2 });
    expect(two).toMatchObject({ kind: 'claimed', items: [{ kind: 'claimed' }, { kind: 'claimed' }] });
    expect(two).not.toHaveProperty('retryInMs');
    expect(await work().claim(range, items(2, 3), OPTIONS_OF_CLAIM)).not.toHaveProperty('retryInMs');
  });

  it('takes no slot for assistants that need no request', async () => {
    await claimed(await accept({ assistantId: 'ast_0' }));
    const before = await hash();
    expect(await work().claim(range, items(0, 1), OPTIONS_OF_CLAIM)).toMatchObject({
      items: [{ kind: 'busy' }],
    });
    expect(await hash()).toEqual(before);
  });

  it('takes slots for follow-ups in the lane of bulks: single rotations go first', async () => {
    const { items: claims } = (await work().claim(range, items(0, 1), OPTIONS_OF_CLAIM)) as {
      items: { claim: Parameters<typeof ledger.rotations.release>[0] }[];
    };
    const { claim } = claims[0]!;
    await ledger.rotations.release(claim);
    await takeAll('bulk');
    expect(await claimOf({ id: claim.rotationId, ...claim })).toEqual({
      kind: 'paced',
      retryInMs: STEP_MS,
      reserved: false,
    });
    const single = await claimOf(await accept({ assistantId: 'ast_x' }));
    expect(single).toMatchObject({ kind: 'paced', reserved: true });
    await pass(stepUs);
    expect(await claimOf({ id: claim.rotationId, ...claim })).toMatchObject({ kind: 'paced' });
    await pass(stepUs);
    expect(await claimed({ id: claim.rotationId, ...claim })).toMatchObject({ attempts: 2, bulkId: 'blk_1' });
  });
});
