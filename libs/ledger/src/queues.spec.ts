import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Queue, Worker, type Job } from 'bullmq';
import { Redis } from 'ioredis';
import { ledgerKeys } from './keys.ts';
import { SWEEPS_QUEUE, createSweepQueue, type SweepQueue } from './queues.ts';

const keys = ledgerKeys('spec');
const HOUR_MS = 3_600_000;
let server: RedisServer;
let redis: Redis;
let sweepQueue: SweepQueue;
let jobs: Queue;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
beforeEach(async () => {
  await redis.flushall();
  sweepQueue = createSweepQueue(redis, keys);
  jobs = new Queue(SWEEPS_QUEUE, { connection: redis, prefix: keys.bull });
});
afterEach(async () => {
  await sweepQueue.close();
  await jobs.close();
});

/** Lets a worker do one job. */
const doOne = async (process: (job: Job) => Promise<unknown>): Promise<void> => {
  const worker = new Worker(SWEEPS_QUEUE, process, { connection: redis, prefix: keys.bull });
  await new Promise<void>((resolve) => {
    worker.once('completed', () => resolve());
    worker.once('failed', () => resolve());
  });
  await worker.close();
};

describe('add', () => {
  it('gives the job the id of its sweep, once', async () => {
    await sweepQueue.add('swp_1');
    await sweepQueue.add('swp_1');
    expect((await jobs.getWaiting()).map(({ id, data }) => ({ id, data }))).toEqual([{ id: 'swp_1', data: { sweepId: 'swp_1' } }]);
  });

  it('revives a job that lies among the failed ones', async () => {
    await sweepQueue.add('swp_1');
    await doOne(() => Promise.reject(new Error('no')));
    expect(await jobs.getFailedCount()).toBe(1);
    await sweepQueue.add('swp_1');
    expect(await jobs.getFailedCount()).toBe(0);
    expect(await jobs.getWaitingCount()).toBe(1);
  });
});

describe('schedule', () => {
  it('has the first sweep made at once, and the next after the interval', async () => {
    await sweepQueue.schedule(HOUR_MS);
    const data: unknown[] = [];
    await doOne(async (job) => data.push(job.data));
    expect(data).toEqual([{}]);
    const [next] = await jobs.getDelayed();
    expect(next!.delay).toBeGreaterThan(HOUR_MS - 60_000);
  });

  it('keeps the time of the next sweep when it is asked for again', async () => {
    await sweepQueue.schedule(HOUR_MS);
    await doOne(async () => {});
    const [before] = await jobs.getJobSchedulers();
    await sweepQueue.schedule(HOUR_MS);
    expect((await jobs.getJobSchedulers()).map(({ next }) => next)).toEqual([before!.next]);
    expect(await jobs.getDelayedCount()).toBe(1);
    expect(await jobs.getWaitingCount()).toBe(0);
  });

  it('ends with 0, also where there was none', async () => {
    await sweepQueue.schedule(0);
    await sweepQueue.schedule(HOUR_MS);
    await doOne(async () => {});
    await sweepQueue.schedule(0);
    expect(await jobs.getJobSchedulers()).toEqual([]);
    expect(await jobs.getJobCounts('waiting', 'delayed')).toEqual({ waiting: 0, delayed: 0 });
  });
});
