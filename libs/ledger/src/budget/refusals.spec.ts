import { describe, expect, it } from '@jest/globals';
import { accept, claimOf, ledger, redis } from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';
import type { Lane } from './budget.ts';
import {
  SECOND,
  STEP_MS,
  budget,
  budgetKey,
  countTaken,
  hash,
  nowUs,
  pass,
  stepUs,
  takeAll,
  taken,
  waitMs,
  useBudget,
} from './budget-fixture.ts';

useBudget();

describe('a refusal by upstream', () => {
  const paceNow = async (): Promise<number> => {
    await takeAll('bulk');
    return STEP_MS / (await waitMs('bulk'));
  };

  it('closes the budget to all lanes for as long as upstream says', async () => {
    await budget.slowDown({ ageMs: 100, retryAfterMs: 30_000 });
    for (const lane of ['first', 'bulk', 'sweep'] as const)
      expect(await budget.take(lane)).toEqual({ taken: false, retryInMs: 30_000, reserved: false });
    await pass(30 * SECOND - 1000);
    for (const lane of ['bulk', 'sweep', 'first'] as const) expect(await taken(lane)).toBe(false);
    await pass(10 * SECOND);
    expect(await taken('bulk')).toBe(true);
  });

  it('keeps slots behind the closure for single rotations that arrive near its end', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: 5000 });
    expect(await budget.take('first')).toEqual({ taken: false, retryInMs: 5000, reserved: true });
    expect(await waitMs('first')).toBeGreaterThan(5000 + STEP_MS);
  });

  it('is believed for an hour at most', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: 86_400_000 });
    expect(await waitMs('bulk')).toBe(3_600_000);
  });

  it('does not shorten a closure that ends later', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: 30_000 });
    await pass(SECOND);
    await budget.slowDown({ ageMs: 0, retryAfterMs: 1000 });
    expect(await waitMs('bulk')).toBe(29_000);
  });

  it('slows the pace down to 0.7, and it recovers within a minute', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: 0 });
    expect(await paceNow()).toBeCloseTo(0.7, 2);
    await pass(6 * SECOND);
    expect(await paceNow()).toBeCloseTo(0.8, 2);
    await pass(12 * SECOND);
    expect(await paceNow()).toBeCloseTo(1, 4);
  });

  it('slows it down once for requests that were under way together, also with different times', async () => {
    await budget.slowDown({ ageMs: 500, retryAfterMs: 0 });
    await pass(100_000);
    for (const retryAfterMs of [0, 5000, 2000]) await budget.slowDown({ ageMs: 300, retryAfterMs });
    expect(Number((await hash())['pace'])).toBe(0.7);
    expect(await waitMs('bulk')).toBe(5000);
  });

  it('slows it down further if the request left after the last refusal, down to a tenth', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: 0 });
    await pass(SECOND);
    await budget.slowDown({ ageMs: 500, retryAfterMs: 0 });
    expect(Number((await hash())['pace'])).toBeCloseTo((0.7 + 1 / 60) * 0.7, 3);
    for (let i = 0; i < 20; i += 1) {
      await pass(100_000);
      await budget.slowDown({ ageMs: 10, retryAfterMs: 0 });
    }
    expect(await paceNow()).toBeCloseTo(0.1, 2);
    await pass(60 * SECOND);
    expect(await paceNow()).toBeCloseTo(1, 4);
  });

  it('without a time closes it for a second, and twice as long each time, up to half a minute', async () => {
    const waits: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      await budget.slowDown({ ageMs: 0 });
      waits.push(await waitMs('bulk'));
      await pass(waits.at(-1)! * 1000 + SECOND);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    await pass(61 * SECOND);
    await budget.slowDown({ ageMs: 0 });
    expect(await waitMs('bulk')).toBe(1000);
  });

  it('without a time does not close it again for a request under way with the last one', async () => {
    await budget.slowDown({ ageMs: 0 });
    await pass(900_000);
    await budget.slowDown({ ageMs: 1500 });
    expect(await waitMs('bulk')).toBe(100);
  });
});

describe('a closure of more than a minute', () => {
  const HOUR_MS = 3_600_000;
  const closedMs = async () => Number((await hash())['closed_until'] ?? 0) - nowUs / 1000;

  it.each<Lane>(['first', 'bulk', 'sweep'])(
    'lets one request a minute leave in the lane of %s, as a probe, and no second one',
    async (lane) => {
      await budget.slowDown({ ageMs: 0, retryAfterMs: HOUR_MS });
      let count = 0;
      for (let second = 0; second < 600; second += 1) {
        count += await takeAll(lane);
        await pass(SECOND);
      }
      expect(count).toBeGreaterThanOrEqual(10);
      expect(count).toBeLessThanOrEqual(11);
      expect(await closedMs()).toBe(HOUR_MS - 600_000);
    },
  );

  it('says of the request that leaves that it is a probe', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: HOUR_MS });
    await pass(56 * SECOND);
    expect(await budget.take('first')).toEqual({ taken: true, probes: true });
    await budget.open();
    await pass(60 * SECOND);
    expect(await budget.take('first')).toEqual({ taken: true });
  });

  it('lets another probe leave if the request of one has not left', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: HOUR_MS });
    await budget.returnProbe();
    await pass(56 * SECOND);
    expect(await takeAll('first')).toBe(1);
    await budget.returnProbe();
    expect(await takeAll('sweep')).toBe(1);
    await budget.open();
    await budget.returnProbe();
    expect(await hash()).not.toHaveProperty('probe_at');
  });

  it('of a minute or less is kept to its end', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: 60_000 });
    await pass(60 * SECOND - 1000);
    expect(await takeAll('first')).toBe(0);
  });

  it('of an hour stays an hour, whatever short refusals come in between', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: HOUR_MS });
    await pass(56 * SECOND);
    expect(await takeAll('first')).toBe(1);
    await budget.slowDown({ ageMs: 0, retryAfterMs: 1000 });
    await pass(2 * SECOND);
    expect(await takeAll('first')).toBe(0);
    await pass(54 * SECOND);
    expect(await takeAll('first')).toBe(1);
  });

  it('ends with a response to a request that left since, and the pace begins at a tenth', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: HOUR_MS });
    expect(await budget.isClosed()).toBe(true);
    await pass(56 * SECOND);
    expect(await taken('first')).toBe(true);
    await pass(SECOND);
    expect(await budget.answered({ ageMs: 500 })).toBe('opened');
    expect(await closedMs()).toBeLessThanOrEqual(0);
    expect(await countTaken('bulk', 5 * SECOND, stepUs / 4)).toBeLessThanOrEqual(9);
    await pass(60 * SECOND);
    expect(await countTaken('bulk', 10 * stepUs, stepUs / 4)).toBeGreaterThanOrEqual(9);
  });

  it('does not end with a response to a request that left before it', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: HOUR_MS });
    await pass(SECOND);
    expect(await budget.answered({ ageMs: 2000 })).toBe('too-old');
    expect(await closedMs()).toBeGreaterThan(3_500_000);
    expect(await budget.answered({ ageMs: 500 })).toBe('opened');
    expect(await budget.answered({ ageMs: 500 })).toBe('not-closed');
  });

  it('ends when an operator opens it; an open budget is not opened', async () => {
    expect(await budget.open()).toBe(false);
    await budget.slowDown({ ageMs: 0, retryAfterMs: HOUR_MS });
    expect(await budget.open()).toBe(true);
    expect(await budget.open()).toBe(false);
    await pass(SECOND);
    expect(await taken('first')).toBe(true);
  });

  it.each([
    ['a text', () => redis.set(budgetKey, 'x')],
    ['a list', () => redis.rpush(budgetKey, 'x')],
    ['a sorted set', () => redis.zadd(budgetKey, 1, 'x')],
  ])('fails once if another client made the budget %s, and begins a new one', async (_, spoil) => {
    await redis.del(budgetKey);
    await spoil();
    await expect(budget.take('first')).rejects.toThrow('cannot be read');
    await expect(budget.isClosed()).rejects.toThrow('WRONGTYPE');
    expect(await budget.isClosed()).toBe(false);
    expect(await budget.take('first')).toEqual({ taken: true });
  });

  it('is named by the status if another client gave it another type', async () => {
    await redis.set('{spec}:budget:default', 'x');
    const damaged = async () =>
      (await ledger.system.status()).attention.filter(({ code }) => code === 'LEDGER_DAMAGED');
    expect(await damaged()).toMatchObject([{ subject: '{spec}:budget:default' }]);
    await redis.del('{spec}:budget:default');
    expect(await damaged()).toEqual([]);
  });

  it.each([
    ['next', 'nan'],
    ['next', 'inf'],
    ['next', '-inf'],
    ['pace', '-1000000'],
    ['pace', '0'],
    ['pace', 'nan'],
    ['pace', '1e300'],
    ['sweep_next', 'nan'],
    ['sweep_next', 'inf'],
  ])('keeps the pace if another client wrote %s %s', async (field, value) => {
    await budget.take('first');
    await redis.hset(budgetKey, { [field]: value, pace_at: nowUs });
    const count = await countTaken('bulk', 20 * SECOND, 100_000);
    expect(count).toBeGreaterThan(10);
    expect(count).toBeLessThan(170);
    await pass(60 * SECOND);
    expect(await takeAll('sweep')).toBeLessThanOrEqual(3);
  });

  it('is shown by a rotation that waits for it', async () => {
    await budget.slowDown({ ageMs: 0, retryAfterMs: HOUR_MS });
    const rotation = await accept();
    expect(await claimOf(rotation)).toMatchObject({ kind: 'paced' });
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'QUEUED',
      errorCode: 'UPSTREAM_RATE_LIMITED',
    });
  });

  it('is noted without a limit, and holds no request back', async () => {
    const unlimited = openLedger(redis, {
      prefix: 'spec',
      budget: { egress: 'spec', requestsPerMinute: 0 },
    }).budget;
    await unlimited.noteClosed({ ageMs: 0, retryAfterMs: HOUR_MS });
    expect(await closedMs()).toBe(HOUR_MS);
    expect(await unlimited.take('bulk')).toEqual({ taken: true });
  });
});
