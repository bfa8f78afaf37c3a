import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { createRandom } from '../random.ts';
import { mutateCleverly } from './clever/clever-mutations.ts';
import { createKeyCatalogue } from './key-catalogue.ts';
import { describeMutation, type Mutation, type RedisCommand, type WriterView } from './mutation.ts';
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
  /** Makes several at once, in an order that the seed does not decide alone. */
  mutateMany(count: number): Promise<string[]>;
  /** Resolves once no mutation has any more to do but after a restart. */
  settle(): Promise<void>;
  /** Leaves undone what mutations still have to do. */
  end(): Promise<void>;
  /** Whether a mutation goes on after a restart of all processes; `afterRestart` does what follows. */
  awaitsRestart(): boolean;
  afterRestart(): Promise<void>;
}

interface WriterOptions {
  redis: Redis;
  seed: number;
  tools: ThiefTools;
  /** The REKEY_PREFIX, without braces. */
  prefix?: string;
  /** Only the clever mutations of these names, in turn. */
  only?: readonly string[] | undefined;
  /** Keys that are left alone. */
  without?: RegExp;
  /** The length of one long field or text. */
  longBytes?: number;
  /** The share of mutations that make something 100 MB long. */
  hugeShare?: number;
}

const TRIES = 20;
/** How many mutations `mutateMany` makes at once. Each has random numbers of its own. */
const LANES = 10;
/** Kinds with more keys are sampled. */
const RARE = 60;
const SAMPLED = 60;

const runCommands = async (redis: Redis, commands: readonly RedisCommand[]): Promise<boolean> => {
  const pipeline = redis.pipeline();
  for (const [name, ...args] of commands) pipeline.call(name, ...args);
  const results = (await pipeline.exec()) ?? [];
  return results.some(([error]) => error === null);
};

/** What mutations still have to do after their first commands. */
const createPending = (redis: Redis) => {
  const running = new Set<Promise<unknown>>();
  const ending = new AbortController();
  const overRestart: RedisCommand[][] = [];
  const follow = async ({ everyMs, commands }: NonNullable<Mutation['later']>): Promise<void> => {
    for (const step of commands) {
      await sleep(everyMs, undefined, { signal: ending.signal });
      await runCommands(redis, step);
    }
  };
  return {
    add: ({ later, afterRestart }: Mutation): void => {
      if (afterRestart) overRestart.push(afterRestart);
      if (!later) return;
      const followed = follow(later)
        .catch(() => {})
        .finally(() => running.delete(followed));
      running.add(followed);
    },
    settle: async (): Promise<void> => {
      await Promise.all(running);
    },
    end: async (): Promise<void> => {
      ending.abort();
      await Promise.all(running);
    },
    awaitsRestart: () => overRestart.length > 0,
    afterRestart: async (): Promise<void> => {
      for (const commands of overRestart.splice(0)) await runCommands(redis, commands);
    },
  };
};

export const createRedisWriter = ({
  redis,
  seed,
  tools,
  prefix = 'rekey',
  only,
  longBytes = 40 * 1024 * 1024,
  hugeShare = 0.0005,
  without,
}: WriterOptions): RedisWriter => {
  const catalogue = createKeyCatalogue(redis, `{${prefix}}`, without);
  const seen = createSeenValues(redis);
  const pending = createPending(redis);
  const views = Array.from({ length: LANES }, (_, lane): WriterView => {
    const random = createRandom(seed + lane);
    return { redis, random, prefix: `{${prefix}}`, keys: catalogue.picker(random), seen, longBytes };
  });
  let chosen = 0;
  const choose = (view: WriterView): Promise<Mutation | undefined> => {
    if (only !== undefined) return mutateCleverly(view, tools, only[chosen % only.length]);
    const share = view.random.next();
    if (share < hugeShare) return makeHuge(view);
    if (share < 0.2) return mutateCleverly(view, tools);
    return share < 0.35 ? mutateKey(view) : mutateInside(view);
  };
  const mutate = async (view: WriterView): Promise<string> => {
    for (let tries = 0; tries < TRIES; tries += 1) {
      // What was chosen may no longer be there: Rekey works meanwhile.
      const mutation = await choose(view).catch(() => undefined);
      if (!mutation || !(await runCommands(redis, mutation.commands))) continue;
      pending.add(mutation);
      chosen += 1;
      return describeMutation(mutation);
    }
    chosen += 1;
    return 'nothing: no mutation was possible';
  };
  return {
    refresh: catalogue.refresh,
    observe: async () => {
      await catalogue.refresh();
      const { keys } = views[0]!;
      const sample = Array.from({ length: SAMPLED }, () => keys.pick()).filter((key) => key !== undefined);
      await seen.observe([...new Set([...catalogue.rare(RARE), ...sample])]);
    },
    mutate: () => mutate(views[0]!),
    mutateMany: async (count) => {
      const lines: string[] = [];
      const lane = async (view: WriterView, share: number) => {
        for (let made = 0; made < share; made += 1) lines.push(await mutate(view));
      };
      const shareOf = (index: number) => Math.floor((count + LANES - 1 - index) / LANES);
      await Promise.all(views.map((view, index) => lane(view, shareOf(index))));
      return lines;
    },
    settle: pending.settle,
    end: pending.end,
    awaitsRestart: pending.awaitsRestart,
    afterRestart: pending.afterRestart,
  };
};
