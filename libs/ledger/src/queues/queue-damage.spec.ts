import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { findQueueDamage, repairQueues } from './queue-damage.ts';
import { POLICIES_QUEUE, ROTATIONS_QUEUE, SWEEPS_QUEUE } from './queue-names.ts';
import {
  createPolicyQueue,
  createRotationQueue,
  createSweepQueue,
  type PolicyQueue,
  type RotationQueue,
  type SweepQueue,
} from './queues.ts';

const keys = ledgerKeys('spec');
const HOUR_MS = 3_600_000;
const DAILY = { cron: '0 2 * * *', timeZone: 'Europe/Berlin' };
let redis: Redis;
let rotations: RotationQueue;
let sweeps: SweepQueue;
let policies: PolicyQueue;
useRedis((url) => (redis = new Redis(url, { maxRetriesPerRequest: null })));
beforeEach(() => {
  rotations = createRotationQueue(redis, keys);
  sweeps = createSweepQueue(redis, keys);
  policies = createPolicyQueue(redis, keys);
});
afterEach(async () => {
  for (const queue of [rotations, sweeps, policies]) await queue.close();
});

const jobOf = (id: string) => ({ rotationId: id, orgId: 'org_1', assistantId: 'ast_1' });
const waitingIn = async (name: string): Promise<string[]> => {
  const queue = new Queue(name, { connection: redis, prefix: keys.bull });
  const jobs = await queue.getJobs(['waiting', 'delayed', 'prioritized']);
  await queue.close();
  return jobs.map(({ id }) => id!);
};
const damaged = async () => (await findQueueDamage(redis, keys)).map(({ key }) => key);
const spoil = async (key: string): Promise<void> => {
  await redis.del(key);
  await (/:(?:id|pc|lock|limiter|stalled-check)$/.test(key) ? redis.rpush(key, 'x') : redis.set(key, 'x'));
};

describe('a queue', () => {
  it('is not damaged while it works', async () => {
    await rotations.add(jobOf('rot_1'));
    await rotations.add(jobOf('rot_2'), { delayMs: 1000 });
    await sweeps.add({ id: 'swp_1', orgId: 'org_1' });
    await sweeps.schedule(HOUR_MS);
    await policies.schedule('pol_1', DAILY);
    expect(await damaged()).toEqual([]);
  });

  it.each(['wait', 'meta', 'id', 'events', 'marker', 'delayed'])(
    'takes a rotation although another client gave its %s another type',
    async (name) => {
      await rotations.add(jobOf('rot_1'));
      await spoil(`{spec}:bull:${ROTATIONS_QUEUE}:${name}`);
      await rotations.add(jobOf('rot_2'));
      await rotations.add(jobOf('rot_3'), { delayMs: 1000 });
      expect(await waitingIn(ROTATIONS_QUEUE)).toEqual(expect.arrayContaining(['rot_2', 'rot_3']));
      expect(await damaged()).toEqual([]);
    },
  );

  it('revives a rotation whose job another client gave another type', async () => {
    await rotations.add(jobOf('rot_1'));
    await spoil(`{spec}:bull:${ROTATIONS_QUEUE}:rot_1`);
    await rotations.revive(jobOf('rot_1'));
    expect(await waitingIn(ROTATIONS_QUEUE)).toEqual(['rot_1']);
  });

  it.each([
    ['meta', 'opts.maxLenEvents', '01000010000'],
    ['meta', 'opts.maxLenEvents', 'x'],
    ['id', undefined, 'x'],
    ['id', undefined, '02'],
    ['id', undefined, '9223372036854775807'],
    ['pc', undefined, '-1x'],
  ])(
    'takes rotations and sweeps although another client wrote to its %s: %s %s',
    async (name, field, text) => {
      for (const queue of [ROTATIONS_QUEUE, SWEEPS_QUEUE]) {
        const key = `{spec}:bull:${queue}:${name}`;
        await (field === undefined ? redis.set(key, text) : redis.hset(key, field, text));
        expect(await damaged()).toEqual([key]);
        await (queue === SWEEPS_QUEUE
          ? sweeps.add({ id: 'swp_1', orgId: 'org_1' })
          : rotations.add(jobOf('rot_1')));
        await redis.del(key);
      }
      expect(await waitingIn(ROTATIONS_QUEUE)).toEqual(['rot_1']);
      expect(await waitingIn(SWEEPS_QUEUE)).toEqual(['swp_1']);
    },
  );

  it.each(['paused', 'concurrency', 'max'])(
    'that another client holds back is damaged: %s',
    async (field) => {
      await redis.hset('{spec}:bull:rotations:meta', field, '1');
      expect(await damaged()).toEqual(['{spec}:bull:rotations:meta']);
    },
  );

  it('that waits for a limit which Rekey does not set is damaged, and works again', async () => {
    await redis.set('{spec}:bull:rotations:limiter', '1000000', 'PX', 3_600_000);
    expect(await damaged()).toEqual(['{spec}:bull:rotations:limiter']);
    await repairQueues(redis, keys);
    expect(await redis.exists('{spec}:bull:rotations:limiter')).toBe(0);
  });

  it('that does not look for abandoned jobs any more is damaged', async () => {
    await redis.set('{spec}:bull:rotations:stalled-check', '1', 'PX', 30_000);
    expect(await damaged()).toEqual([]);
    await redis.persist('{spec}:bull:rotations:stalled-check');
    expect(await damaged()).toEqual(['{spec}:bull:rotations:stalled-check']);
  });

  it('is damaged if a job in progress is of another type', async () => {
    await redis.rpush('{spec}:bull:rotations:active', 'rot_1', 'rot_2');
    await redis.set('{spec}:bull:rotations:rot_2', 'x');
    expect(await damaged()).toEqual(['{spec}:bull:rotations:rot_2']);
  });

  it.each(['repeat', 'delayed', 'wait', 'repeat:sweep', 'repeat:sweep:TIME:lock'])(
    'is scheduled although another client gave its %s another type',
    async (name) => {
      await sweeps.schedule(HOUR_MS);
      const [, time = ''] = await redis.zrange('{spec}:bull:sweeps:repeat', '0', '0', 'WITHSCORES');
      await spoil(`{spec}:bull:sweeps:${name.replace('TIME', time)}`);
      expect(await damaged()).toHaveLength(1);
      await sweeps.schedule(2 * HOUR_MS);
      expect(await damaged()).toEqual([]);
      // A second one finds that a sweep has begun.
      expect((await waitingIn(SWEEPS_QUEUE)).length).toBeGreaterThan(0);
    },
  );

  it.each(['repeat', 'delayed', 'meta', 'repeat:pol_1', 'repeat:pol_1:TIME'])(
    'of policies is scheduled although another client gave its %s another type',
    async (name) => {
      await policies.schedule('pol_1', DAILY);
      const [, time = ''] = await redis.zrange('{spec}:bull:policies:repeat', '0', '0', 'WITHSCORES');
      await spoil(`{spec}:bull:policies:${name.replace('TIME', time)}`);
      await policies.schedule('pol_1', DAILY);
      await policies.nextDues();
      await policies.schedule('pol_2', DAILY);
      await policies.schedule('pol_1', DAILY);
      expect([...(await policies.nextDues()).keys()].toSorted()).toEqual(['pol_1', 'pol_2']);
      expect(await waitingIn(POLICIES_QUEUE)).toHaveLength(2);
    },
  );
});
