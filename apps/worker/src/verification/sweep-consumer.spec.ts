import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  SWEEPS_QUEUE,
  createSweepQueue,
  ledgerKeys,
  openLedger,
  type SweepQueue,
  type Sweeps,
  type System,
} from '@rekey/ledger';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { silentLogger } from '@rekey/runtime';
import type { Meter } from '../metrics/meter.ts';
import { createSweepConsumer, type SweepConsumer } from './sweep-consumer.ts';

const keys = ledgerKeys('spec');
const EVERY_MS = 3_600_000;
let redis: Redis;
let queue: SweepQueue;
let jobs: Queue;
let sweeps: Sweeps;
let system: System;
let consumers: SweepConsumer[];
let swept: number;
let held: string[];
let sweptOrgs: (string | undefined)[];
let onSwept: () => void;
useRedis((url) => (redis = new Redis(url, { maxRetriesPerRequest: null })));
beforeEach(() => {
  queue = createSweepQueue(redis, keys);
  jobs = new Queue(SWEEPS_QUEUE, { connection: redis, prefix: keys.bull });
  ({ sweeps, system } = openLedger(redis, { prefix: 'spec' }));
  consumers = [];
  [swept, held, sweptOrgs] = [0, [], []];
  onSwept = () => {};
});
afterEach(async () => {
  await Promise.all(consumers.map((consumer) => consumer.close()));
  await queue.close();
  await jobs.close();
});

const consumer = (everyMs = EVERY_MS): SweepConsumer => {
  const made = createSweepConsumer({
    redis,
    keys,
    sweeps,
    queue,
    everyMs,
    sweepTimes: system.sweepTimes,
    heldOrgs: async () => held.map((orgId) => ({ orgId, code: 'TOO_MANY_GONE', affected: 1, known: 1 })),
    takeoverAfterMs: 5000,
    logger: silentLogger,
    meter: { swept: () => {} } as unknown as Meter,
    sweep: async (orgId) => {
      swept += 1;
      sweptOrgs.push(orgId);
      onSwept();
    },
  });
  consumers.push(made);
  return made;
};
const nextSweep = (): Promise<void> => new Promise((resolve) => (onSwept = resolve));
const untilEnded = async (): Promise<void> => {
  for (;;) {
    const { running, endedMs } = await system.sweepTimes();
    if (!running && endedMs !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
/** Sets how long ago the last sweep of all orgs was made. */
const lastSweptAgo = async (ms: number): Promise<void> => {
  const { nowMs } = await system.sweepTimes();
  await redis.hset(keys.ledger, {
    sweep_begun: nowMs - ms,
    sweep_ended: JSON.stringify({
      id: 'swp_1',
      state: 'SUCCEEDED',
      began: nowMs - ms,
      ended: nowMs - ms,
      compared: 1,
      error: '',
    }),
  });
};
const asked = async (): Promise<number> => redis.zcard(keys.sweeps);

describe('the scheduled sweep', () => {
  it('runs at the first start, and is recorded as the last one of all orgs', async () => {
    const first = consumer();
    await first.align();
    const made = nextSweep();
    first.start();
    await made;
    await untilEnded();
    expect(await system.status()).toMatchObject({
      lastSweep: { state: 'SUCCEEDED' },
      lastSuccess: { state: 'SUCCEEDED' },
    });
  });

  it('runs again if the queue was emptied', async () => {
    const first = consumer();
    first.start();
    let made = nextSweep();
    await first.align();
    await made;
    await untilEnded();
    await redis.del(...(await redis.keys('{spec}:bull:*')));
    await lastSweptAgo(EVERY_MS);
    made = nextSweep();
    await first.align();
    await made;
    expect(swept).toBe(2);
  });

  it('is skipped if it fires far too early: the ledger says when the last one was', async () => {
    await lastSweptAgo(EVERY_MS / 4);
    const first = consumer();
    await queue.schedule(EVERY_MS);
    first.start();
    for (let waiting = 1; waiting > 0;) {
      const counts = await jobs.getJobCounts('waiting', 'active', 'delayed');
      waiting = counts['waiting']! + counts['active']! + (counts['delayed'] === 1 ? 0 : 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await asked()).toBe(0);
    expect(swept).toBe(0);
  });
});

describe('align', () => {
  it('requests a sweep that is overdue by the ledger, whatever the schedule says', async () => {
    const first = consumer();
    await queue.schedule(EVERY_MS);
    await jobs.drain(true);
    await lastSweptAgo(2 * EVERY_MS);
    const made = nextSweep();
    first.start();
    await first.align();
    await made;
    expect(await asked()).toBeGreaterThanOrEqual(1);
  });

  it('requests none that is not overdue, and none while one runs', async () => {
    const first = consumer();
    await lastSweptAgo(EVERY_MS);
    await first.align();
    expect(await asked()).toBe(0);
    await lastSweptAgo(2 * EVERY_MS);
    await sweeps.create('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV', undefined);
    await sweeps.begin('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'run', 60_000);
    await redis.hset(keys.ledger, 'sweep_begun', 1);
    await first.align();
    expect(await asked()).toBe(1);
  });

  it('requests none if sweeps run on request only', async () => {
    await consumer(0).align();
    expect(await asked()).toBe(0);
    expect(await jobs.getJobSchedulers()).toEqual([]);
  });
});

describe('a held org', () => {
  const marker = (orgId: string): string => keys.heldSwept(orgId);
  const scopes = async (): Promise<(string | undefined)[]> =>
    (await sweeps.list(100)).map(({ orgId }) => orgId).toSorted();
  const untilSwept = async (count: number): Promise<void> => {
    while (
      sweptOrgs.filter((orgId) => orgId !== undefined).length < count ||
      (await redis.exists(keys.sweeping)) === 1
    )
      await new Promise((resolve) => setTimeout(resolve, 20));
  };
  beforeEach(() => lastSweptAgo(0));

  it('is swept in the next round by one worker, and again five minutes after the end', async () => {
    held = ['org_1', 'org_2'];
    const [first, second] = [consumer(), consumer()];
    await Promise.all([first.align(), second.align()]);
    expect(await scopes()).toEqual(['org_1', 'org_2']);
    first.start();
    await redis.pexpire(marker('org_1'), 10_000);
    await untilSwept(2);
    expect(await redis.pttl(marker('org_1'))).toBeGreaterThan(290_000);
    await first.align();
    expect(await scopes()).toEqual(['org_1', 'org_2']);
    await redis.del(marker('org_1'));
    await second.align();
    await untilSwept(3);
    expect(sweptOrgs.filter((orgId) => orgId !== undefined).toSorted()).toEqual(['org_1', 'org_1', 'org_2']);
  });

  it('is not swept sooner for odd characters in its id, nor if sweeps run on request only', async () => {
    held = ['a/b}:c*'];
    await consumer(0).align();
    expect(await scopes()).toEqual([]);
    const first = consumer();
    await first.align();
    await first.align();
    expect(await scopes()).toEqual(['a/b}:c*']);
  });

  it('is swept as often as all orgs if that is more often', async () => {
    held = ['org_1'];
    const often = consumer(2000);
    await often.align();
    expect(await redis.pttl(marker('org_1'))).toBeLessThanOrEqual(2000);
  });

  it('waits for a later round if many are held', async () => {
    held = Array.from({ length: 25 }, (_, i) => `org_${i}`);
    const first = consumer();
    const counts: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      await first.align();
      counts.push((await scopes()).length);
    }
    expect(counts).toEqual([10, 20, 25, 25]);
  });
});

describe('requested sweeps of one org', () => {
  it('do not delay the scheduled sweep, however many wait', async () => {
    const first = consumer();
    for (let i = 0; i < 10; i += 1) {
      const { sweep } = await sweeps.create(`swp_${String(i).padStart(26, '0')}`, `org_${i}`, {
        requested: true,
      });
      await queue.add(sweep);
    }
    await first.align();
    const made = nextSweep();
    first.start();
    await made;
    await untilEnded();
    expect(sweptOrgs[0]).toBeUndefined();
  });

  it('take turns with sweeps of everything, however often these are requested', async () => {
    await lastSweptAgo(0);
    const request = async (id: string, orgId?: string) => {
      const { sweep } = await sweeps.create(id, orgId, { requested: true });
      await queue.add(sweep);
    };
    let made = 0;
    const requestAll = () => request(`swp_${String((made += 1)).padStart(26, '0')}`);
    await requestAll();
    await request('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'org_1');
    const first = consumer(0);
    await new Promise<void>((resolve) => {
      onSwept = () => {
        if (sweptOrgs.at(-1) !== undefined || sweptOrgs.length === 10) resolve();
        else void requestAll();
      };
      first.start();
    });
    expect(sweptOrgs).toEqual([undefined, 'org_1']);
  });

  it('are queued in the next round if their gateway died before it queued them', async () => {
    await lastSweptAgo(0);
    await sweeps.create('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'org_1', { requested: true });
    await consumer(0).align();
    expect((await jobs.getPrioritized()).map(({ id }) => id)).toEqual(['swp_01ARZ3NDEKTSV4RRFFQ69G5FAV']);
  });

  it('are queued in the next round although others cannot be: BullMQ refuses some ids', async () => {
    await lastSweptAgo(0);
    await redis.hset(keys.queuedSweeps, { x: '7', y: 'nonsense' });
    await sweeps.create('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'org_1', { requested: true });
    await consumer(0).align();
    expect((await jobs.getPrioritized()).map(({ id }) => id)).toEqual(['swp_01ARZ3NDEKTSV4RRFFQ69G5FAV']);
  });

  it('come after the schedule, which is set although their list cannot be read', async () => {
    await redis.set(keys.queuedSweeps, 'spoilt');
    await lastSweptAgo(0);
    await expect(consumer().align()).rejects.toThrow('WRONGTYPE');
    expect(await jobs.getJobSchedulers()).toHaveLength(1);
  });
});

describe('a sweep of one org', () => {
  it('is not taken for one of all orgs', async () => {
    await sweeps.create('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'org_1');
    await sweeps.begin('swp_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'run', 60_000);
    await sweeps.save(
      'swp_01ARZ3NDEKTSV4RRFFQ69G5FAV',
      'run',
      { requests: 1, compared: 1, agreed: 1, imported: 0, adopted: 0, removed: 0, held: 0, unresolved: 0 },
      { end: 'SUCCEEDED' },
    );
    const { attention, lastSweep } = await system.status();
    expect(lastSweep).toBeUndefined();
    expect(attention.map(({ code }) => code)).toContain('SWEEP_NEVER');
  });
});
