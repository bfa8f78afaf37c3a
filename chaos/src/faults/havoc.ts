import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { baseEnvironment, freePort, programArguments, type App, type Child } from '@rekey/testing';
import type { Random } from '../random.ts';
import type { System } from '../system/system.ts';
import type { WorkerSlot } from '../system/workers.ts';
import { makeReadOnly } from './read-only.ts';
import { answerFaultNames } from './scripted-faults.ts';
import { FULL_DISK, endsWithin, openUnreadPipe, servesWithin, startWithLog } from './unwritable-log.ts';

const havocNames = [
  'worker killed',
  'worker stopped',
  'wire to Redis cut',
  'wire to upstream cut',
  'wire to Redis stalled',
  'connections to Redis stranded',
  'connections to upstream stranded',
  'gateway killed',
  'Redis killed',
  'Redis read-only',
  'worker with its log on a full disk',
  'worker with a log that nobody reads',
] as const;
type Acts<Name extends string> = Record<Name, () => Promise<void>>;
type HavocName = (typeof havocNames)[number];

/** The faults that `--without` can leave out, besides the episodes of an odd world. */
export const faultNames: readonly string[] = [...havocNames, ...answerFaultNames];

/**
 * A worker that cannot log must serve within this time, on a busy machine and with a Redis that is killed.
 */
const SERVES_WITHIN_MS = 30_000;
const ENDS_WITHIN_MS = 20_000;

interface HavocOptions {
  system: System;
  random: Random;
  folder: string;
  odd: boolean;
  without: readonly string[];
}

export interface Havoc {
  /** How often each fault happened. */
  counts(): Record<string, number>;
  /** How many workers that could not log did not work, or did not end. */
  stuckByLog(): number;
  /** Begins no further fault, and resolves when the last one has ended. */
  stop(): Promise<void>;
  /** Kills what it has started. */
  kill(): Promise<void>;
}

/** Joins a call while another one runs: the act never runs twice at once. */
const oneAtATime = (act: () => Promise<void>): (() => Promise<void>) => {
  let running: Promise<void> | undefined;
  return () => (running ??= act().finally(() => (running = undefined)));
};

/** Acts on a random worker that runs. No other act can pick that worker meanwhile. */
const withWorker = async (
  { workers }: System,
  random: Random,
  act: (slot: WorkerSlot, app: App) => Promise<void>,
): Promise<void> => {
  const slot = random.pick(workers);
  const { app } = slot;
  if (!app) return;
  slot.app = undefined;
  await act(slot, app);
  slot.app ??= app;
};

/** Workers whose log accepts no line. They must work as any other, and end on SIGTERM. */
const createUnloggedWorkers = (system: System, random: Random) => {
  const running = new Set<Child>();
  let stuck = 0;

  const start = (slot: WorkerSlot, logPath: string, healthPort: number): Child => {
    return startWithLog(logPath, [process.execPath, ...programArguments('worker')], {
      ...baseEnvironment(),
      ...slot.environment,
      WORKER_HEALTH_ADDRESS: `127.0.0.1:${healthPort}`,
    });
  };
  /** Whether it works twice, some seconds apart, and then ends in time. */
  const isWell = async (child: Child, healthPort: number): Promise<boolean> => {
    const serves = () => servesWithin(`http://127.0.0.1:${healthPort}/healthz`, SERVES_WITHIN_MS);
    let works = await serves();
    await sleep(random.between(500, 4000));
    works &&= await serves();
    // A worker that does not work must also end in time.
    return (await endsWithin(child, ENDS_WITHIN_MS)) && works;
  };
  return {
    /** Replaces a worker by one whose log goes to this path, for some seconds. */
    replaceOne: (logPath: string): Promise<void> =>
      withWorker(system, random, async (slot, app) => {
        await app.child.kill();
        const port = await freePort();
        const child = start(slot, logPath, port);
        running.add(child);
        if (!(await isWell(child, port))) stuck += 1;
        running.delete(child);
        slot.app = await slot.start();
      }),
    stuck: () => stuck,
    kill: async () => {
      await Promise.all([...running].map((child) => child.kill()));
    },
  };
};

const workerActs = (system: System, random: Random): Acts<'worker killed' | 'worker stopped'> => ({
  'worker killed': () =>
    withWorker(system, random, async (slot, app) => {
      await app.child.kill();
      await sleep(random.between(0, 500));
      slot.app = await slot.start();
    }),
  'worker stopped': () =>
    withWorker(system, random, async (_slot, app) => {
      app.child.signal('SIGSTOP');
      await sleep(random.between(300, 4000));
      app.child.signal('SIGCONT');
    }),
});

const connectionActs = (
  { workers, gateway }: System,
  random: Random,
): Acts<Extract<HavocName, `wire ${string}` | `connections ${string}`>> => ({
  'wire to Redis cut': async () => random.pick(workers).redis.cut(),
  'wire to upstream cut': async () => random.pick(workers).upstream.cut(),
  'wire to Redis stalled': async () => {
    const { redis } = random.pick(workers);
    redis.stall(true);
    await sleep(random.between(100, 1500));
    redis.stall(false);
  },
  'connections to Redis stranded': async () =>
    random.pick([gateway.redis, ...workers.map(({ redis }) => redis)]).strand(),
  'connections to upstream stranded': async () => random.pick(workers).upstream.strand(),
});

const serverActs = (
  { redis, redisServer, gateway }: System,
  random: Random,
): Acts<'gateway killed' | 'Redis killed' | 'Redis read-only'> => ({
  'gateway killed': oneAtATime(() => gateway.restart()),
  'Redis killed': oneAtATime(async () => {
    await redisServer.kill();
    await sleep(random.between(100, 800));
    await redisServer.restart();
  }),
  'Redis read-only': oneAtATime(async () => {
    const { restore } = await makeReadOnly(redis);
    await sleep(random.between(300, 3000));
    await restore();
  }),
});

const allActs = (
  system: System,
  random: Random,
  unlogged: ReturnType<typeof createUnloggedWorkers>,
  unreadLog: string,
): Acts<HavocName> => ({
  ...workerActs(system, random),
  ...connectionActs(system, random),
  ...serverActs(system, random),
  'worker with its log on a full disk': () => unlogged.replaceOne(FULL_DISK),
  'worker with a log that nobody reads': () => unlogged.replaceOne(unreadLog),
});

/** Kills, stops and cuts at random, and rotates keys by hand, until it is stopped. */
export const startHavoc = async (options: HavocOptions): Promise<Havoc> => {
  const { system, random, folder, odd, without } = options;
  const { simulator, assistants } = system;
  const unreadPipe = await openUnreadPipe(join(folder, 'unread-log'));
  const unlogged = createUnloggedWorkers(system, random);
  const acts = Object.entries(allActs(system, random, unlogged, unreadPipe.path)).filter(
    ([name]) => !without.includes(name),
  );
  const counts: Record<string, number> = {};
  const stopping = new AbortController();
  const { signal } = stopping;
  const causeFaults = async () => {
    while (!signal.aborted) {
      await sleep(random.between(200, 1200));
      const [name, act] = random.pick(acts);
      if (signal.aborted) return;
      counts[name] = (counts[name] ?? 0) + 1;
      await act();
    }
  };
  const rotateByHand = async () => {
    while (!signal.aborted) {
      await sleep(odd ? random.between(2000, 6000) : random.between(200, 800));
      // In an odd world the assistant may be deleted.
      await simulator
        .admin('POST', `/assistants/${random.pick(assistants).assistantId}/rotate`)
        .catch(() => {});
    }
  };
  const running = [causeFaults(), causeFaults(), rotateByHand()];
  return {
    counts: () => counts,
    stuckByLog: unlogged.stuck,
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
    },
    kill: async () => {
      stopping.abort();
      // Redis and the simulator may be gone: an interrupted run stops them at the same time.
      for (const one of running) one.catch(() => {});
      await unlogged.kill();
      unreadPipe.close();
    },
  };
};
