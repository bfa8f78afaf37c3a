import { expect, it } from '@jest/globals';
import { ledgerKeys } from '@rekey/ledger';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { keepSearchingStalled, queueWorkerOptions } from './queue-worker.ts';

let redis: Redis;
useRedis((url) => (redis = new Redis(url, { maxRetriesPerRequest: null })));

it('abandoned jobs are looked for again after an error of that search', async () => {
  const keys = ledgerKeys('spec');
  const own = redis.duplicate();
  const worker = new Worker(
    'rotations',
    async () => {},
    queueWorkerOptions({ redis: own, keys, concurrency: 1, lockMs: 1000, stalledIntervalMs: 100 }),
  );
  let searches = 0;
  let enough!: () => void;
  const fiveSearches = new Promise<void>((resolve) => (enough = resolve));
  (worker as unknown as { moveStalledJobsToWait(): Promise<void> }).moveStalledJobsToWait = async () => {
    searches += 1;
    if (searches === 5) enough();
    if (searches < 3) throw new Error('WRONGTYPE');
  };
  worker.on('error', () => {});
  keepSearchingStalled(worker);
  void worker.run();
  await fiveSearches;
  await worker.close();
  own.disconnect();
  expect(searches).toBeGreaterThanOrEqual(5);
});
