import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Queue, Worker, type Job } from 'bullmq';
import { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { FOLLOW_UPS_QUEUE, POLICIES_QUEUE, SWEEPS_QUEUE } from './queue-names.ts';
import {
  createPolicyQueue,
  createRotationQueue,
  createSweepQueue,
  type PolicyQueue,
  type SweepQueue,
} from './queues.ts';

const keys = ledgerKeys('spec');
const HOUR_MS = 3_600_000;
let redis: Redis;
let sweepQueue: SweepQueue;
let jobs: Queue;
useRedis((url) => (redis = new Redis(url, { maxRetriesPerRequest: null })));
beforeEach(() => {
  sweepQueue = createSweepQueue(redis, keys);
  jobs = new Queue(SWEEPS_QUEUE, { connection: redis, prefix: keys.bull });
});
afterEach(async () => {
  await sweepQueue.close();
  await jobs.close();
});

/** Lets a worker do one job. */
const doOne = async (process: (job: Job) => Promise<unknown>, name = SWEEPS_QUEUE): Promise<void> => {
  const worker = new Worker(name, process, { connection: redis, prefix: keys.bull });
  await new Promise<void>((resolve) => {
    worker.once('completed', () => resolve());
    worker.once('failed', () => resolve());
  });
  await worker.close();
};

describe('add', () => {
  it('gives the job the id of its sweep, once', async () => {
    await sweepQueue.add({ id: 'swp_1' });
    await sweepQueue.add({ id: 'swp_1' });
    expect((await jobs.getWaiting()).map(({ id, data }) => ({ id, data }))).toEqual([
      { id: 'swp_1', data: { sweepId: 'swp_1' } },
    ]);
  });

  it('delivers sweeps of everything before those of one org, however many wait', async () => {
    for (let i = 0; i < 50; i += 1) await sweepQueue.add({ id: `swp_${i}`, orgId: `org_${i}` });
    await sweepQueue.schedule(HOUR_MS);
    await sweepQueue.add({ id: 'swp_all' });
    const delivered: unknown[] = [];
    for (let i = 0; i < 3; i += 1) await doOne(async ({ data }) => void delivered.push(data));
    expect(delivered.slice(0, 3)).toEqual([{}, { sweepId: 'swp_all' }, { sweepId: 'swp_0' }]);
  });

  it('revives a job that has failed', async () => {
    await sweepQueue.add({ id: 'swp_1' });
    await doOne(() => Promise.reject(new Error('no')));
    expect(await jobs.getFailedCount()).toBe(1);
    await sweepQueue.add({ id: 'swp_1' });
    expect(await jobs.getFailedCount()).toBe(0);
    expect(await jobs.getWaitingCount()).toBe(1);
  });
});

describe('bringForward', () => {
  it('makes jobs due that a clock that was ahead has delayed too far, and no others', async () => {
    const queue = createRotationQueue(redis, keys, FOLLOW_UPS_QUEUE);
    const followUps = new Queue(FOLLOW_UPS_QUEUE, { connection: redis, prefix: keys.bull });
    const jobOf = (id: string) => ({ rotationId: id, orgId: 'org_1', assistantId: 'ast_1' });
    await queue.add(jobOf('rot_soon'), { delayMs: 60_000 });
    await queue.add(jobOf('rot_late'), { delayMs: HOUR_MS });
    await queue.add(jobOf('rot_later'), { delayMs: 24 * HOUR_MS });
    // A worker delays its own job by its wall clock.
    const job = (await followUps.getJob('rot_later'))!;
    await job.changeDelay(25 * HOUR_MS);
    expect(await queue.bringForward(Date.now() + 120_000)).toBe(2);
    expect((await followUps.getWaiting()).map(({ id }) => id).toSorted()).toEqual(['rot_late', 'rot_later']);
    expect((await followUps.getDelayed()).map(({ id }) => id)).toEqual(['rot_soon']);
    expect(await queue.bringForward(Date.now() + 120_000)).toBe(0);
    await queue.close();
    await followUps.close();
  });
});

describe('schedule', () => {
  it('makes the first sweep due at once, and the next after the interval', async () => {
    await sweepQueue.schedule(HOUR_MS);
    const data: unknown[] = [];
    await doOne(async (job) => data.push(job.data));
    expect(data).toEqual([{}]);
    const [next] = await jobs.getDelayed();
    expect(next!.delay).toBeGreaterThan(HOUR_MS - 60_000);
  });

  it('keeps the time of the next sweep when it is repeated', async () => {
    await sweepQueue.schedule(HOUR_MS);
    await doOne(async () => {});
    const [before] = await jobs.getJobSchedulers();
    await sweepQueue.schedule(HOUR_MS);
    expect((await jobs.getJobSchedulers()).map(({ next }) => next)).toEqual([before!.next]);
    expect(await jobs.getDelayedCount()).toBe(1);
    expect(await jobs.getWaitingCount()).toBe(0);
  });

  const nextJob = async () => ({
    jobs: await jobs.getJobCounts('waiting', 'delayed'),
    next: (await jobs.getJobSchedulers()).map(({ next }) => next!),
  });
  /** Scheduled, and the first sweep has run. */
  const scheduled = async () => {
    await sweepQueue.schedule(HOUR_MS);
    await doOne(async () => {});
  };

  it.each<[string, () => Promise<unknown>]>([
    ['the queue was emptied', async () => redis.del(...(await redis.keys('{spec}:bull:sweeps:*')))],
    ['its job was lost', async () => redis.del('{spec}:bull:sweeps:delayed')],
    ['the scheduler was removed', async () => jobs.removeJobScheduler('sweep')],
    [
      'it is due at no time',
      async () =>
        Promise.all([
          redis.zadd('{spec}:bull:sweeps:repeat', 'inf', 'sweep'),
          redis.del('{spec}:bull:sweeps:delayed'),
        ]),
    ],
  ])('is made anew if %s', async (_, lose) => {
    await scheduled();
    await lose();
    await sweepQueue.schedule(HOUR_MS);
    expect((await nextJob()).jobs).toEqual({ waiting: 1, delayed: 0 });
    let made = 0;
    await doOne(async () => (made += 1));
    expect(made).toBe(1);
    const { next } = await nextJob();
    expect(next).toHaveLength(1);
    expect(next[0]! - Date.now()).toBeLessThanOrEqual(HOUR_MS);
  });

  it('is made anew if a worker whose clock was a day ahead has set it', async () => {
    await scheduled();
    const next = (await jobs.getJobSchedulers())[0]!.next!;
    const day = 86_400_000;
    await redis.zadd('{spec}:bull:sweeps:repeat', next + day, 'sweep');
    await redis.rename(
      `{spec}:bull:sweeps:repeat:sweep:${next}`,
      `{spec}:bull:sweeps:repeat:sweep:${next + day}`,
    );
    await redis.zrem('{spec}:bull:sweeps:delayed', `repeat:sweep:${next}`);
    await redis.zadd('{spec}:bull:sweeps:delayed', (next + day) * 4096, `repeat:sweep:${next + day}`);
    await sweepQueue.schedule(HOUR_MS);
    const now = await nextJob();
    expect(now.next[0]! - Date.now()).toBeLessThanOrEqual(HOUR_MS);
    expect(now.jobs).toEqual({ waiting: 1, delayed: 0 });
  });

  it('ends with 0, also if there was none', async () => {
    await sweepQueue.schedule(0);
    await sweepQueue.schedule(HOUR_MS);
    await doOne(async () => {});
    await sweepQueue.schedule(0);
    expect(await jobs.getJobSchedulers()).toEqual([]);
    expect(await jobs.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 0, delayed: 0 });
  });
});

describe('the queue of policies', () => {
  const DAILY = { cron: '0 2 * * *', timeZone: 'Europe/Berlin' };
  /** With six fields, which callers cannot request. */
  const EACH_SECOND = { cron: '* * * * * *', timeZone: 'UTC' };
  let queue: PolicyQueue;
  let due: Queue;
  beforeEach(() => {
    queue = createPolicyQueue(redis, keys);
    due = new Queue(POLICIES_QUEUE, { connection: redis, prefix: keys.bull });
  });
  afterEach(async () => {
    await queue.close();
    await due.close();
  });

  const missed = async (policyId: string): Promise<number> => {
    await queue.schedule(policyId, EACH_SECOND);
    const dueMs = (await queue.nextDue(policyId))!;
    while (Date.now() < dueMs + 2500) await new Promise((resolve) => setTimeout(resolve, 100));
    return dueMs;
  };

  const moveDue = async (policyId: string, fromMs: number, toMs: number): Promise<void> => {
    await redis.zadd('{spec}:bull:policies:repeat', toMs, policyId);
    await redis.rename(
      `{spec}:bull:policies:repeat:${policyId}:${fromMs}`,
      `{spec}:bull:policies:repeat:${policyId}:${toMs}`,
    );
    await redis.zrem('{spec}:bull:policies:delayed', `repeat:${policyId}:${fromMs}`);
    await redis.zadd('{spec}:bull:policies:delayed', toMs * 4096, `repeat:${policyId}:${toMs}`);
  };

  it('makes a window due when it opens in its time zone, and returns when', async () => {
    await queue.schedule('pol_1', DAILY);
    const nextMs = (await queue.nextDue('pol_1'))!;
    expect(
      new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', timeStyle: 'medium' }).format(nextMs),
    ).toBe('02:00:00');
    expect(nextMs - Date.now()).toBeLessThanOrEqual(25 * HOUR_MS);
    expect((await due.getDelayed()).map(({ data, opts }) => ({ data, prevMillis: opts.prevMillis }))).toEqual(
      [{ data: { policyId: 'pol_1' }, prevMillis: nextMs }],
    );
    expect(await queue.nextDues()).toEqual(new Map([['pol_1', nextMs]]));
  });

  it('keeps a missed window due when scheduled again, and replaces several by one', async () => {
    const dueMs = await missed('pol_1');
    await queue.schedule('pol_1', EACH_SECOND);
    expect(await queue.nextDue('pol_1')).toBe(dueMs);
    const begun: unknown[] = [];
    const startedMs = Date.now();
    await doOne(async ({ data, opts }) => begun.push({ data, prevMillis: opts.prevMillis }), POLICIES_QUEUE);
    expect(begun[0]).toEqual({ data: { policyId: 'pol_1' }, prevMillis: dueMs });
    expect(await queue.nextDue('pol_1')).toBeGreaterThan(startedMs);
    expect(await due.getJobCountByTypes('waiting', 'delayed')).toBe(1);
  });

  it('makes the next window due also if its job was lost', async () => {
    await queue.schedule('pol_1', DAILY);
    await redis.del(
      '{spec}:bull:policies:delayed',
      ...(await redis.keys('{spec}:bull:policies:repeat:pol_1:*')),
    );
    await queue.schedule('pol_1', DAILY);
    expect(await due.getDelayedCount()).toBe(1);
  });

  it('replaces the window before', async () => {
    await queue.schedule('pol_1', DAILY);
    const before = await queue.nextDue('pol_1');
    await queue.schedule('pol_1', { ...DAILY, timeZone: 'America/New_York' });
    expect(await queue.nextDue('pol_1')).not.toBe(before);
    expect(await due.getDelayedCount()).toBe(1);
  });

  it('makes a window due that a clock that was ahead has skipped', async () => {
    await queue.schedule('pol_1', DAILY);
    const nextMs = (await queue.nextDue('pol_1'))!;
    await moveDue('pol_1', nextMs, nextMs + 48 * HOUR_MS);
    await queue.schedule('pol_1', DAILY);
    expect(await queue.nextDue('pol_1')).toBe(nextMs);
    expect(await due.getDelayedCount()).toBe(1);
  });

  it('is made anew if the rules of its time zone have changed since it was scheduled', async () => {
    const window = { cron: `0 ${(new Date().getUTCHours() + 12) % 24} * * *`, timeZone: 'UTC' };
    await queue.schedule('pol_1', window);
    const nextMs = (await queue.nextDue('pol_1'))!;
    await moveDue('pol_1', nextMs, nextMs - HOUR_MS);
    await queue.schedule('pol_1', window);
    expect(await queue.nextDue('pol_1')).toBe(nextMs);
    expect(await due.getDelayedCount()).toBe(1);
  });

  it.each(['inf', '-inf'])('is made anew if BullMQ holds no time for it: %s', async (score) => {
    await queue.schedule('pol_1', DAILY);
    const nextMs = (await queue.nextDue('pol_1'))!;
    await redis.zadd('{spec}:bull:policies:repeat', score, 'pol_1');
    expect(await queue.nextDue('pol_1')).toBeUndefined();
    expect(await queue.nextDues()).toEqual(new Map([['pol_1', undefined]]));
    await redis.del(
      '{spec}:bull:policies:delayed',
      ...(await redis.keys('{spec}:bull:policies:repeat:pol_1:*')),
    );
    await queue.schedule('pol_1', DAILY);
    expect(await queue.nextDue('pol_1')).toBe(nextMs);
    expect(await due.getDelayedCount()).toBe(1);
  });

  it.each([
    ['a time zone that no longer exists', { cron: '0 2 * * *', timeZone: 'Mars/Olympus' }],
    ['an expression that the parser would take for every minute', { cron: '', timeZone: 'UTC' }],
  ])('throws, and keeps what is due, with %s', async (_, window) => {
    await expect(queue.schedule('pol_1', window)).rejects.toMatchObject({ code: 'POLICY_NOT_SCHEDULED' });
    expect(await queue.nextDues()).toEqual(new Map());
    await queue.schedule('pol_1', DAILY);
    const before = await queue.nextDues();
    await expect(queue.schedule('pol_1', window)).rejects.toMatchObject({ code: 'POLICY_NOT_SCHEDULED' });
    expect(await queue.nextDues()).toEqual(before);
    expect(await due.getDelayedCount()).toBe(1);
  });

  it('ends, also if there was none', async () => {
    await queue.unschedule('pol_1');
    await queue.schedule('pol_1', DAILY);
    await queue.unschedule('pol_1');
    expect(await queue.nextDue('pol_1')).toBeUndefined();
    expect(await queue.nextDues()).toEqual(new Map());
    expect(await due.getDelayedCount()).toBe(0);
  });
});
