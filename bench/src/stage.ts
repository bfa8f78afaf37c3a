import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRekeyClient, type BulkRotation, type RekeyClient } from '@rekey/client';
import { createKeyFile } from '@rekey/sealing';
import {
  launchApp,
  lineOf,
  repositoryRoot,
  startChild,
  startRedis,
  type App,
  type Child,
} from '@rekey/testing';
import { Redis } from 'ioredis';
import { cpuSeconds, redisCpuSeconds } from './measure.ts';

export const ORG = 'org_demo';
export const API_KEY = 'simulator-api-key';
export const CONCURRENCY = 50;

/** The simulator's own ids, from 0 on. */
export const assistant = (index: number): string => `ast_${index + 1}`;

/** What the simulator has answered so far. */
export interface Requests {
  rotate: number;
  get: number;
  list: number;
  /** Refused with 429. */
  limited: number;
}

export const accepted = ({ rotate, get, list }: Requests): number => rotate + get + list;

export interface Figures {
  perSecond: number;
  /** Microseconds of CPU an operation, of all the processes that were named, and of Redis. */
  cpuUs: number;
  redisCpuUs: number;
  /** Upstream requests an operation. */
  requests: number;
}

/** A client that retries nothing: each call is measured, and fails, by itself. */
export const connect = (address: string): RekeyClient => createRekeyClient({ address, retry: false });

export interface StageOptions {
  assistants: number;
  /** Upstream's limit in a sliding window; none where not given. */
  limit?: { requests: number; windowMs: number };
  latencyMs?: number;
}

/** One Redis without persistence and one simulator on this machine, and what is started beside them. */
export interface Stage {
  readonly redis: Redis;
  /** For files; it is removed in the end. */
  readonly folder: string;
  readonly upstream: string;
  requests(): Promise<Requests>;
  admin(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown>;
  startGateway(): Promise<{ app: App; client: RekeyClient; stop(): Promise<void> }>;
  startWorkers(count: number, env?: Record<string, string>): Promise<App[]>;
  /** One of this folder's programs, as a process of its own. */
  startProgram(
    name: string,
    env?: Record<string, string>,
  ): Promise<{ child: Child; ready: Record<string, string> }>;
  /**
   * What `work` costs these processes, Redis and the clock. Where it resolves with seconds, these count and
   * not the clock's.
   */
  timed(pids: number[], count: number, work: () => Promise<number | void>): Promise<Figures>;
  /** Empties Redis. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

export const startStage = async ({ assistants, limit, latencyMs = 0 }: StageOptions): Promise<Stage> => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-bench-'));
  const keyFile = join(folder, 'key.json');
  await createKeyFile(keyFile);
  const redisServer = await startRedis();
  const redis = new Redis(redisServer.url);
  const window = limit
    ? ['--requests-per-minute', String(limit.requests), '--limit-window-ms', String(limit.windowMs)]
    : ['--requests-per-minute', '0'];
  const simulator = await launchApp('simulator', {
    args: [
      '--port',
      '0',
      '--admin-port',
      '0',
      '--assistants',
      String(assistants),
      '--latency-ms',
      String(latencyMs),
      ...window,
    ],
  });
  const upstream = simulator.ready['address']!;
  const environment: Record<string, string> = {
    REDIS_URL: redisServer.url,
    INVENT_BASE_URL: upstream,
    INVENT_API_KEY: API_KEY,
    INVENT_REQUESTS_PER_MINUTE: limit ? String((limit.requests * 60_000) / limit.windowMs) : '0',
    REKEY_KEY_FILE: keyFile,
    GRPC_ADDRESS: '127.0.0.1:0',
    LOG_LEVEL: 'warn',
    WORKER_CONCURRENCY: String(CONCURRENCY),
    // Nothing but what was asked for is measured.
    REKEY_SWEEP_EVERY_MS: '0',
    // `clear` empties the Redis between runs.
    REKEY_ALLOW_NEW_LEDGER: 'true',
  };

  const admin = async (method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${simulator.ready['adminAddress']}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    return response.json();
  };
  const requests = async () => (await admin('GET', '/counts')) as Requests;

  return {
    redis,
    folder,
    upstream,
    requests,
    admin,
    startGateway: async () => {
      const app = await launchApp('gateway', { env: environment });
      const client = connect(app.ready['address']!);
      const stop = async () => {
        client.close();
        await app.child.stop();
      };
      return { app, client, stop };
    },
    startWorkers: (count, env = {}) =>
      Promise.all(
        Array.from({ length: count }, () => launchApp('worker', { env: { ...environment, ...env } })),
      ),
    startProgram: async (name, env = {}) => {
      const child = startChild(
        process.execPath,
        ['--conditions=@rekey/source', `${repositoryRoot}bench/src/${name}.ts`],
        { env: { ...process.env, ...environment, ...env } },
      );
      const ready = await lineOf(
        child,
        (line) => (line.startsWith('{') ? (JSON.parse(line) as Record<string, string>) : undefined),
        name,
      );
      return { child, ready };
    },
    timed: async (pids, count, work) => {
      const cpuOf = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
      const [cpu, redisCpu, before, start] = [
        cpuOf(),
        await redisCpuSeconds(redis),
        await requests(),
        performance.now(),
      ];
      const seconds = (await work()) ?? (performance.now() - start) / 1000;
      return {
        perSecond: count / seconds,
        cpuUs: ((cpuOf() - cpu) / count) * 1e6,
        redisCpuUs: (((await redisCpuSeconds(redis)) - redisCpu) / count) * 1e6,
        requests: (accepted(await requests()) - accepted(before)) / count,
      };
    },
    clear: async () => {
      await redis.flushall();
    },
    stop: async () => {
      redis.disconnect();
      await simulator.child.stop();
      await redisServer.dispose();
      await rm(folder, { recursive: true });
    },
  };
};

/** Asks until it is so. */
export const until = async (isSo: () => Promise<boolean>, everyMs = 5): Promise<void> => {
  while (!(await isSo())) await sleep(everyMs);
};

/** Asks for a bulk rotation of these assistants. */
export const createBulkOf = (
  client: RekeyClient,
  assistantIds: readonly string[],
  more: { canary?: { count: number; continues: boolean } } = {},
): Promise<BulkRotation> => client.createBulkRotation({ orgId: ORG, reason: 'bench', assistantIds, ...more });

export const firstAssistants = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => assistant(i));

/** The bulk once it is in one of these states. */
export const untilBulk = async (
  client: RekeyClient,
  id: string,
  states: BulkRotation['state'][],
  everyMs = 20,
): Promise<BulkRotation> => {
  for (;;) {
    const bulk = await client.getBulkRotation(id);
    if (states.includes(bulk.state)) return bulk;
    if (bulk.state === 'HALTED' || bulk.state === 'FAILED')
      throw new Error(`the bulk rotation is ${bulk.state}: ${bulk.stop?.reason}`);
    await sleep(everyMs);
  }
};
