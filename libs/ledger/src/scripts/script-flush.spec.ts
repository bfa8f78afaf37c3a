import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { openLedger } from '../open-ledger.ts';
import { createRotationQueue } from '../queues/queues.ts';

let server: RedisServer;
let redis: Redis;
let operator: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  operator = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  operator.disconnect();
  await server.dispose();
});

/** Flushes the scripts as fast as Redis can, while `work` is done. */
const underFlushes = async <T>(work: () => Promise<T>): Promise<{ result: T; flushes: number }> => {
  const over = new AbortController();
  let flushes = 0;
  const storm = (async () => {
    while (!over.signal.aborted) {
      await Promise.all(Array.from({ length: 20 }, () => operator.script('FLUSH', 'SYNC')));
      flushes += 20;
    }
  })();
  try {
    return { result: await work(), flushes };
  } finally {
    over.abort();
    await storm;
  }
};
const rotationId = (i: number) => `rot_${String(i).padStart(26, '0')}`;

describe('a storm of SCRIPT FLUSH', () => {
  it('fails no command of the ledger, and runs none twice', async () => {
    const ledger = openLedger(redis, { prefix: 'spec' });
    const accept = async (i: number) =>
      (await ledger.rotations.accept(rotationId(i), { orgId: 'org_1', assistantId: `ast_${i}`, reason: '' }))
        .created;
    const { result, flushes } = await underFlushes(async () => {
      const created: boolean[] = [];
      for (let from = 0; from < 4000; from += 40) {
        created.push(...(await Promise.all(Array.from({ length: 40 }, (_, i) => accept(from + i)))));
      }
      return created;
    });
    // A command that had run before it was sent again would find its own rotation, and create none.
    expect(result).toEqual(Array.from({ length: 4000 }, () => true));
    expect(await redis.zcard('{spec}:rotations:open')).toBe(4000);
    expect(flushes).toBeGreaterThan(100);
  });

  it("fails no command of BullMQ's either", async () => {
    const queue = createRotationQueue(redis, openLedger(redis, { prefix: 'spec' }).keys);
    const { result } = await underFlushes(async () => {
      for (let from = 0; from < 2000; from += 40) {
        await Promise.all(
          Array.from({ length: 40 }, (_, i) =>
            queue.add({ rotationId: rotationId(from + i), orgId: 'org_1', assistantId: `ast_${i}` }),
          ),
        );
      }
      return redis.llen('{spec}:bull:rotations:wait');
    });
    expect(result).toBe(2000);
    await queue.close();
  });

  it('leaves other errors of a command as they are', async () => {
    await redis.set('{spec}:assistant:broken', 'not a hash');
    const ledger = openLedger(redis, { prefix: 'spec' });
    await expect(
      ledger.rotations.accept(rotationId(9999), { orgId: 'org_1', assistantId: 'broken', reason: '' }),
    ).rejects.toMatchObject({ code: 'LEDGER_CORRUPT' });
  });
});
