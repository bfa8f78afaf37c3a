import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { POLICIES_QUEUE } from './queue-names.ts';
import { createPolicyQueue, type PolicyQueue } from './queues.ts';

const keys = ledgerKeys('spec');
const ROUNDS = 40;
const ZONES = ['Europe/Berlin', 'UTC', 'America/New_York', 'Asia/Tokyo'];
let connections: Redis[];
let gateways: PolicyQueue[];
let due: Queue;
useRedis((url) => {
  connections = ZONES.map(() => new Redis(url, { maxRetriesPerRequest: null }));
  return {
    flushall: () => connections[0]!.flushall(),
    disconnect: () => connections.forEach((redis) => redis.disconnect()),
  };
});
beforeEach(() => {
  gateways = connections.map((redis) => createPolicyQueue(redis, keys));
  due = new Queue(POLICIES_QUEUE, { connection: connections[0]!, prefix: keys.bull });
});
afterEach(async () => {
  for (const queue of [...gateways, due]) await queue.close();
});

describe('a policy that several gateways schedule at once', () => {
  it.each([
    ['in one time zone', ZONES.map(() => 'UTC')],
    ['in several time zones', ZONES],
  ])('is scheduled once, and none of them fails: %s', async (_, zones) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = `pol_${round}`;
      await gateways[0]!.schedule(id, { cron: '0 2 * * *', timeZone: 'Africa/Cairo' });
      if (round % 2 === 1) await gateways[0]!.unschedule(id);
      const window = (i: number) => ({ cron: '0 2 * * *', timeZone: zones[i]! });
      await Promise.all(gateways.map((queue, i) => queue.schedule(id, window(i))));
      const delayed = (await due.getDelayed()).filter((job) => job?.data.policyId === id);
      expect(delayed.map((job) => job.opts.prevMillis)).toEqual([await gateways[0]!.nextDue(id)]);
    }
  });
});
