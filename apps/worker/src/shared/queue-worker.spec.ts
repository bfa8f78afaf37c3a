import { expect, it } from '@jest/globals';
import { ledgerKeys } from '@rekey/ledger';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { queueWorkerOptions } from './queue-worker.ts';

let redis: Redis;
useRedis((url) => (redis = new Redis(url, { maxRetriesPerRequest: null })));

it('takes up a job of a dead worker, after another client had spoiled a job in progress', async () => {
  const keys = ledgerKeys('spec');
  const [ofDead, ofLive] = [redis.duplicate(), redis.duplicate()];
  const optionsOf = (connection: Redis) =>
    queueWorkerOptions({ redis: connection, keys, concurrency: 1, lockMs: 500, stalledIntervalMs: 100 });
  const queue = new Queue('rotations', { connection: redis, prefix: keys.bull });
  await queue.add('abandoned', {});
  const dead = new Worker('rotations', undefined, optionsOf(ofDead));
  await dead.getNextJob('dead');
  const spoilt = `${keys.bull}:rotations:spoilt`;
  await redis.lpush(`${keys.bull}:rotations:active`, 'spoilt');
  await redis.lpush(spoilt, 'x');

  const done: string[] = [];
  const live = new Worker('rotations', async ({ name }) => void done.push(name), optionsOf(ofLive));
  const completed = new Promise((resolve) => live.on('completed', resolve));
  const failed = new Promise((resolve) => live.on('error', resolve));
  void live.run();
  expect(String(await failed)).toContain('WRONGTYPE');
  await redis.del(spoilt);
  await completed;
  expect(done).toEqual(['abandoned']);
  for (const worker of [live, dead]) await worker.close(true);
  await queue.close();
  for (const connection of [ofDead, ofLive]) connection.disconnect();
});
