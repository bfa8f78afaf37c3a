import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGatewayKeyFile, createKeyFile, createSealer, loadKeyFile, type Sealer } from '@rekey/sealing';
import type { Keys } from '@rekey/subscriber';
import { Redis } from 'ioredis';
import { createRandom, type Random } from '../random.ts';
import { ABSENT, THIEF } from '../redis-writer/clever/clever.ts';
import { createRedisWriter, type RedisWriter } from '../redis-writer/redis-writer.ts';
import { createThiefTools } from '../redis-writer/thief-tools.ts';
import { takeBackup, type Backup } from './backup.ts';
import {
  acknowledgeOnce,
  addConsumer,
  subscribeAs,
  untilActive,
  type Received,
  type TrialConsumer,
} from './consumers.ts';
import { rotate, rotateAll } from './rotations.ts';
import { createSpokenNames, type SpokenNames } from './spoken-names.ts';
import { createThief, type Thief } from './thief.ts';
import { ORGS, startProcesses, type TrialProcesses } from './trial-processes.ts';
import { createTruth, type Truth } from './truth.ts';

/** A running Rekey, two honest consumers and one that may read all, and a thief who writes to its Redis. */
export interface Trial {
  processes: TrialProcesses;
  /** The connection of the judge and of the operator. */
  redis: Redis;
  random: Random;
  sealer: Sealer;
  truth: Truth;
  names: SpokenNames;
  writer: RedisWriter;
  thief: Thief;
  consumers: TrialConsumer[];
  /** From before the first mutation, or from after the last repair from it. */
  backup: Backup;
  /** What each of these consumers holds, in a process that runs all the time. */
  holding: Map<string, Keys>;
  /** Every key that these have received since they were last judged. */
  received: Map<string, Received[]>;
  /** Assistants that mutations named, or whose last rotation did not succeed: they are rotated first. */
  suspects: Set<string>;
  /** When the newest key that a consumer received of an assistant was made. */
  newest: Map<string, number>;
  /** How many events these had refused when the round began. */
  refusedBefore: Map<string, number>;
  /** Starts the process of a consumer, or starts it again. */
  hold(consumer: TrialConsumer): Promise<void>;
  /** Whether the thief was let to read a key: of its org, or made before its rights ended. */
  mayOpen(secretKey: string): boolean;
  stop(): Promise<void>;
}

export interface TrialOptions {
  seed: number;
  only?: readonly string[] | undefined;
  onLine?: (line: string) => void;
}

const PREFIX = '{rekey}';

const connectRedis = (url: string): Redis => {
  const redis = new Redis(url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  return redis;
};

/** The thief is a consumer that lost one of its orgs, and has the file of a consumer that was removed. */
const addConsumers = async ({ client }: TrialProcesses, sealer: Sealer, truth: Truth, redisUrl: string) => {
  const [demo, sub1, sub2] = ORGS;
  const consumers = [
    await addConsumer(client, sealer, 'demo', [demo]),
    await addConsumer(client, sealer, 'sub1', [sub1]),
    await addConsumer(client, sealer, 'all', ['*']),
  ];
  const thief = await addConsumer(client, sealer, THIEF, [sub1, sub2]);
  const leaver = await addConsumer(client, sealer, 'leaver', [demo]);
  await acknowledgeOnce(client, redisUrl, await addConsumer(client, sealer, ABSENT, [demo]));
  for (const target of truth.targets.slice(0, 2)) await rotate(client, target);
  return { consumers, files: [thief, leaver].map(({ keyFile }) => keyFile.keys[0]!) };
};

/** Ends what the thief may read of two orgs. Resolves with the time from which on it may not. */
const narrowThief = async ({ client }: TrialProcesses): Promise<number> => {
  await client.setConsumerOrgs({ name: THIEF, orgs: [ORGS[2]] });
  await client.removeConsumer('leaver');
  await untilActive(client, THIEF);
  return Date.now();
};

/** The processes of consumers, and what they receive. */
const createHolding = (redisUrl: string): Pick<Trial, 'holding' | 'received' | 'hold'> => {
  const holding = new Map<string, Keys>();
  const received: Trial['received'] = new Map();
  const hold = async (consumer: TrialConsumer): Promise<void> => {
    const before = holding.get(consumer.name);
    const list = received.get(consumer.name) ?? [];
    const keys = await subscribeAs(redisUrl, consumer);
    // A new process knows nothing of what the one before held.
    for (const assistantId of before?.assistantIds() ?? []) list.push({ assistantId, version: 0 });
    await before?.close();
    keys.on(
      'key',
      ({ assistantId, secretKey, version }) => void list.push({ assistantId, secretKey, version }),
    );
    keys.on('removed', ({ assistantId, version }) => void list.push({ assistantId, version }));
    holding.set(consumer.name, keys);
    received.set(consumer.name, list);
  };
  return { holding, received, hold };
};

const startIn = async (folder: string, { seed, only, onLine }: TrialOptions): Promise<Trial> => {
  const keyFile = join(folder, 'key.json');
  await createKeyFile(keyFile);
  const loaded = await loadKeyFile(keyFile);
  await createGatewayKeyFile(join(folder, 'gateway-key.json'), loaded);
  const sealer = createSealer(loaded);
  let names: SpokenNames | undefined;
  const processes = await startProcesses({ folder, seed }, (line) => {
    names?.onLine(line);
    onLine?.(line);
  });
  names = createSpokenNames(processes.client);
  const { redisServer } = processes;
  const [redis, writersRedis] = [redisServer.url, redisServer.url].map(connectRedis);
  // Not the writer's: what it changes does not depend on how long a rotation takes.
  const random = createRandom(seed + 1000);
  const truth = createTruth(processes.simulator.admin);
  const tools = await createThiefTools();
  const writer = createRedisWriter({ redis: writersRedis!, seed, tools, only });
  const { consumers, files } = await addConsumers(processes, sealer, truth, redisServer.url);
  await writer.observe();
  const narrowedMs = await narrowThief(processes);
  await rotateAll(processes.client, truth.targets);
  await writer.observe();
  await truth.refresh();
  const ownJwks = [...files, tools.jwk];
  const thief = await createThief({
    redis: redis!,
    prefix: PREFIX,
    ownJwks,
    rekeyPublicJwk: sealer.publicJwk,
  });
  const { holding, received, hold } = createHolding(redisServer.url);
  for (const consumer of consumers) await hold(consumer);
  return {
    processes,
    redis: redis!,
    random,
    sealer,
    truth,
    names,
    writer,
    thief,
    consumers,
    backup: await takeBackup(redis!),
    holding,
    received,
    suspects: new Set(),
    newest: new Map(),
    hold,
    refusedBefore: new Map(),
    mayOpen: (secretKey) => {
      const origin = truth.madeFor(secretKey);
      return !origin || origin.orgId === ORGS[2] || origin.atMs < narrowedMs;
    },
    stop: async () => {
      await Promise.all([...holding.values()].map((keys) => keys.close()));
      redis!.disconnect();
      writersRedis!.disconnect();
      await processes.stop();
    },
  };
};

export const startTrial = async (options: TrialOptions): Promise<Trial> => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-writer-'));
  const trial = await startIn(folder, options);
  return {
    ...trial,
    stop: async () => {
      await trial.stop();
      await rm(folder, { recursive: true });
    },
  };
};
