import type { Redis } from 'ioredis';
import type { Random } from '../random.ts';
import { mutateCleverly } from './clever-mutations.ts';
import { createKeyCatalogue } from './key-catalogue.ts';
import { describeMutation, type Mutation, type WriterView } from './mutation.ts';
import { makeHuge, mutateInside, mutateKey } from './random-mutations.ts';
import { createSeenValues } from './seen-values.ts';
import type { ThiefTools } from './thief-tools.ts';

/** Somebody who can write to the Redis of Rekey, and has no key file of it. */
export interface RedisWriter {
  /** Reads what there is now, to put it back at random later. */
  observe(): Promise<void>;
  /** Finds the keys that there are now, and reads none. */
  refresh(): Promise<void>;
  /** Makes one random mutation, and resolves with its description in one line. */
  mutate(): Promise<string>;
}

interface WriterOptions {
  redis: Redis;
  random: Random;
  tools: ThiefTools;
  /** The REKEY_PREFIX, without braces. */
  prefix?: string;
  /** Only the clever mutation of this name. */
  only?: string | undefined;
  /** The share of mutations that make something 100 MB long. */
  hugeShare?: number;
}

const TRIES = 20;
/** Kinds with more keys are sampled. */
const RARE = 60;
const SAMPLED = 60;

const runCommands = async (redis: Redis, { commands }: Mutation): Promise<boolean> => {
  const pipeline = redis.pipeline();
  for (const [name, ...args] of commands) pipeline.call(name, ...args);
  const results = (await pipeline.exec()) ?? [];
  return results.some(([error]) => error === null);
};

export const createRedisWriter = ({
  redis,
  random,
  tools,
  prefix = 'rekey',
  only,
  hugeShare = 0.0005,
}: WriterOptions): RedisWriter => {
  const keys = createKeyCatalogue(redis, `{${prefix}}`, random);
  const view: WriterView = { redis, random, prefix: `{${prefix}}`, keys, seen: createSeenValues(redis) };
  const choose = (): Promise<Mutation | undefined> => {
    if (only !== undefined) return mutateCleverly(view, tools, only);
    const share = random.next();
    if (share < hugeShare) return makeHuge(view);
    if (share < 0.2) return mutateCleverly(view, tools);
    return share < 0.35 ? mutateKey(view) : mutateInside(view);
  };
  return {
    refresh: keys.refresh,
    observe: async () => {
      await keys.refresh();
      const sample = Array.from({ length: SAMPLED }, () => keys.pick()).filter((key) => key !== undefined);
      await view.seen.observe([...new Set([...keys.rare(RARE), ...sample])]);
    },
    mutate: async () => {
      for (let tries = 0; tries < TRIES; tries += 1) {
        // What was chosen may no longer be there: Rekey works meanwhile.
        const mutation = await choose().catch(() => undefined);
        if (mutation && (await runCommands(redis, mutation))) return describeMutation(mutation);
      }
      return 'nothing: no mutation was possible';
    },
  };
};
