import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createRandom } from '../random.ts';
import { createRedisWriter } from '../redis-writer/redis-writer.ts';
import { createThiefTools } from '../redis-writer/thief-tools.ts';
import type { System } from '../system/system.ts';
import { actOnStatus } from '../writer-trial/operator.ts';

/** A writer in Redis who changes anything at random, and an operator who repairs by what status advises. */
export interface WriterFault {
  mutations(): number;
  /** What the operator acted on. */
  repairs(): Record<string, number>;
  /** Ends the mutations, and repairs until status advises nothing more. */
  stop(): Promise<void>;
}

/** Status names nothing that is spoilt in BullMQ's keys: only a restored backup repairs them. */
const OF_BULLMQ = /:bull:/;
const OBSERVE_EVERY = 10;
const LAST_REPAIRS = 10;

export const startWriterFault = async (system: System, seed: number): Promise<WriterFault> => {
  const { redisServer, callers, redis, log } = system;
  const random = createRandom(seed + 3);
  const own = new Redis(redisServer.url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
  own.on('error', () => {});
  const writer = createRedisWriter({
    redis: own,
    seed,
    tools: await createThiefTools(),
    hugeShare: 0.002,
    without: OF_BULLMQ,
  });
  const stopping = new AbortController();
  const { signal } = stopping;
  const repairs: Record<string, number> = {};
  let mutations = 0;

  const repair = async (): Promise<number> => {
    const deps = { client: callers.admin, redis, prefix: '{rekey}', consumers: [], adopts: true };
    const codes = await actOnStatus({ ...deps, trusts: 'own' }).catch(() => []);
    for (const code of codes) repairs[code] = (repairs[code] ?? 0) + 1;
    return codes.length;
  };
  const mutate = async () => {
    while (!signal.aborted) {
      if (mutations % OBSERVE_EVERY === 0) await writer.observe().catch(() => {});
      log(`mutation ${await writer.mutate()}`);
      mutations += 1;
      await sleep(random.between(300, 1500));
    }
  };
  const repairing = async () => {
    for (; !signal.aborted; await sleep(1000)) await repair();
  };
  const running = [mutate(), repairing()];
  return {
    mutations: () => mutations,
    repairs: () => repairs,
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
      await writer.end();
      for (let times = 0; times < LAST_REPAIRS && (await repair()) > 0; times += 1) await sleep(500);
      own.disconnect();
    },
  };
};
