import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRekeyClient, type RekeyClient } from '@rekey/client';
import { createGatewayKeyFile, createKeyFile, loadKeyFile } from '@rekey/sealing';
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

/** The simulator's id of an assistant, by its index from 0 on. */
export const assistant = (index: number): string => `ast_${index + 1}`;

export const firstAssistants = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => assistant(i));

/** Connects a client that does not retry: each call is measured, or fails, by itself. */
export const connect = (address: string): RekeyClient => createRekeyClient({ address, retry: false });

/** The requests that the simulator has answered so far. */
interface Requests {
  rotate: number;
  get: number;
  list: number;
  /** Requests refused with 429. */
  limited: number;
}

export const accepted = ({ rotate, get, list }: Requests): number => rotate + get + list;

export interface Figures {
  perSecond: number;
  /** CPU per operation, in microseconds, of the measured processes. */
  cpuUs: number;
  /** CPU per operation, in microseconds, of Redis. */
  redisCpuUs: number;
  /** Upstream requests per operation. */
  requests: number;
}

interface SystemOptions {
  assistants: number;
  /** Upstream's limit in a sliding window. Default: none. */
  limit?: { requests: number; windowMs: number };
  latencyMs?: number;
}

interface Program {
  child: Child;
  ready: Record<string, string>;
}

/** A Redis without persistence, a simulator, and the processes that a benchmark starts. */
export interface System {
  readonly redis: Redis;
  /** A temporary folder, removed at the end. */
  readonly folder: string;
  readonly upstream: string;
  requests(): Promise<Requests>;
  admin(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown>;
  startGateway(
    env?: Record<string, string>,
  ): Promise<{ app: App; client: RekeyClient; stop(): Promise<void> }>;
  startWorkers(count: number, env?: Record<string, string>): Promise<App[]>;
  /** Starts a file of bench/src/programs as a process. */
  startProgram(name: string, env?: Record<string, string>): Promise<Program>;
  /**
   * Measures what `work` costs the processes of `pids` and Redis, for each of `count` operations. If `work`
   * resolves with seconds, the rate is computed from them and not from its whole duration.
   */
  measureCosts(pids: number[], count: number, work: () => Promise<number | void>): Promise<Figures>;
  /** Empties Redis. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

const launchSimulator = ({ assistants, limit, latencyMs = 0 }: SystemOptions): Promise<App> => {
  const options = {
    port: 0,
    'admin-port': 0,
    assistants,
    'latency-ms': latencyMs,
    'requests-per-minute': limit?.requests ?? 0,
    ...(limit && { 'limit-window-ms': limit.windowMs }),
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return launchApp('simulator', { args });
};

const environmentOf = (
  { limit }: SystemOptions,
  {
    redisUrl,
    upstream,
    ...keyFiles
  }: { redisUrl: string; upstream: string; keyFile: string; gatewayKeyFile: string },
): Record<string, string> => ({
  REDIS_URL: redisUrl,
  INVENT_BASE_URL: upstream,
  INVENT_API_KEY: API_KEY,
  INVENT_REQUESTS_PER_MINUTE: limit ? String((limit.requests * 60_000) / limit.windowMs) : '0',
  REKEY_KEY_FILE: keyFiles.keyFile,
  REKEY_GATEWAY_KEY_FILE: keyFiles.gatewayKeyFile,
  GRPC_ADDRESS: '127.0.0.1:0',
  LOG_LEVEL: 'warn',
  WORKER_CONCURRENCY: String(CONCURRENCY),
  // Scheduled sweeps would add to the costs.
  REKEY_SWEEP_EVERY_MS: '0',
  // `clear` empties Redis between runs.
  REKEY_ALLOW_NEW_LEDGER: 'true',
});

const createAdmin =
  (address: string): System['admin'] =>
  async (method, path, body) => {
    const response = await fetch(`${address}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    return response.json();
  };

const launchGateway = async (env: Record<string, string>) => {
  const app = await launchApp('gateway', { env });
  const client = connect(app.ready['address']!);
  const stop = async () => {
    client.close();
    await app.child.stop();
  };
  return { app, client, stop };
};

const launchProgram = async (name: string, env: Record<string, string>): Promise<Program> => {
  const main = `${repositoryRoot}bench/src/programs/${name}.ts`;
  const child = startChild(process.execPath, ['--conditions=@rekey/source', main], {
    env: { ...process.env, ...env },
  });
  const ready = await lineOf(
    child,
    (line) => (line.startsWith('{') ? (JSON.parse(line) as Record<string, string>) : undefined),
    name,
  );
  return { child, ready };
};

const createCostMeter =
  (redis: Redis, requests: System['requests']): System['measureCosts'] =>
  async (pids, count, work) => {
    const cpuOfPids = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
    const cpu = cpuOfPids();
    const redisCpu = await redisCpuSeconds(redis);
    const before = await requests();
    const start = performance.now();
    const seconds = (await work()) ?? (performance.now() - start) / 1000;
    return {
      perSecond: count / seconds,
      cpuUs: ((cpuOfPids() - cpu) / count) * 1e6,
      redisCpuUs: (((await redisCpuSeconds(redis)) - redisCpu) / count) * 1e6,
      requests: (accepted(await requests()) - accepted(before)) / count,
    };
  };

/** Starts Redis and a simulator. */
export const startSystem = async (options: SystemOptions): Promise<System> => {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-bench-'));
  const keyFile = join(folder, 'key.json');
  await createKeyFile(keyFile);
  const gatewayKeyFile = join(folder, 'gateway-key.json');
  await createGatewayKeyFile(gatewayKeyFile, await loadKeyFile(keyFile));
  const redisServer = await startRedis();
  const redis = new Redis(redisServer.url);
  const simulator = await launchSimulator(options);
  const upstream = simulator.ready['address']!;
  const environment = environmentOf(options, {
    redisUrl: redisServer.url,
    upstream,
    keyFile,
    gatewayKeyFile,
  });
  const admin = createAdmin(simulator.ready['adminAddress']!);
  const requests = async () => (await admin('GET', '/counts')) as Requests;
  return {
    redis,
    folder,
    upstream,
    requests,
    admin,
    startGateway: (env = {}) => launchGateway({ ...environment, ...env }),
    startWorkers: (count, env = {}) =>
      Promise.all(
        Array.from({ length: count }, () => launchApp('worker', { env: { ...environment, ...env } })),
      ),
    startProgram: (name, env = {}) => launchProgram(name, { ...environment, ...env }),
    measureCosts: createCostMeter(redis, requests),
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

/** Resolves once `isSo` resolves with true. */
export const waitUntil = async (isSo: () => Promise<boolean>, everyMs = 5): Promise<void> => {
  while (!(await isSo())) await sleep(everyMs);
};
