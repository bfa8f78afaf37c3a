import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createRekeyClient } from '@rekey/client';
import { ledgerKeys } from '@rekey/ledger';
import { launchApp, lineOf, startChild, startRedis, type App } from '@rekey/testing';
import { Redis } from 'ioredis';
import { askInspector } from './inspector.ts';
import { eventually } from '../support/system.ts';
import type { FloodTarget } from './floods.ts';

/** What of the gateway's memory is in use, and all that it has from the kernel. In MB. */
export interface Memory {
  used: number;
  resident: number;
}

/** How health is asked: grpc.health.v1 on a kept connection or a new one, GET /healthz on a new one. */
export const checkNames = ['kept', 'new', 'http'] as const;
export type CheckName = (typeof checkNames)[number];

/** A health check: Infinity if it failed. */
export interface Check {
  name: CheckName;
  tookMs: number;
  /** How long the event loop of the process that checks was held up meanwhile. */
  heldUpMs: number;
}

/** How long a check may take, in ms: GET /healthz, and grpc.health.v1. */
export interface CheckLimits {
  http: number;
  calls: number;
}

/** A thread of its own serves /healthz; a second is how long Kubernetes waits for a probe by default. */
export const CHECK_LIMITS: CheckLimits = { http: 100, calls: 1000 };

/** Of each kind of check the slowest, in ms: Infinity if one failed, or none was made. */
export const slowestOf = (checks: readonly Check[]): Record<CheckName, number> =>
  Object.fromEntries(
    checkNames.map((kind) => {
      const took = checks.filter(({ name }) => name === kind).map(({ tookMs }) => tookMs);
      return [kind, took.length === 0 ? Infinity : took.reduce((most, one) => Math.max(most, one))];
    }),
  ) as Record<CheckName, number>;

/** What the gateway's process has used so far, and its longest event-loop delay since the last sample. */
interface Load {
  cpuSeconds: number;
  loopDelayMs: number;
}

export interface GatewayUnderFlood {
  target: Omit<FloodTarget, 'scale'>;
  redisUrl: string;
  pid: number;
  isAlive(): boolean;
  sample(): Promise<Memory & Load>;
  /** The same after a full garbage collection. */
  memoryKept(): Promise<Memory>;
  /** What each limit has refused so far. */
  refused(): Promise<Record<string, number>>;
  /** How many calls have ended so far with each gRPC code. */
  codes(): Promise<Record<string, number>>;
  /** The health checks since the last call. */
  takeChecks(): Check[];
  output(): string;
  stop(): Promise<void>;
}

const metricsOf = async (address: string): Promise<Record<string, number>> => {
  const text = await (await fetch(`http://${address}/metrics`)).text();
  return Object.fromEntries(
    [...text.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  );
};

/** Requests a rotation and a bulk rotation that no worker takes up, and makes up one that a bulk has made. */
const prepare = async (address: string, redisUrl: string): Promise<FloodTarget['rotationId'][]> => {
  const client = createRekeyClient({ address });
  const redis = new Redis(redisUrl);
  const rotation = await eventually(
    () => client.rotateSecretKey({ orgId: 'org_demo', assistantId: 'ast_1' }).catch(() => undefined),
    (one) => one !== undefined,
  );
  const bulk = await client.createBulkRotation({ orgId: 'org_demo', assistantIds: ['ast_2'] });
  const ofBulk = rotation!.id.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  await redis.hset(ledgerKeys('rekey').rotation(ofBulk), {
    org: 'org_demo',
    assistant: 'ast_2',
    state: 'ROTATING',
    reason: '',
    created: 1,
    updated: 1,
    attempts: 1,
    bulk: bulk.id,
  });
  client.close();
  redis.disconnect();
  return [rotation!.id, ofBulk, bulk.id];
};

const startProbe = async (address: string, healthAddress: string) => {
  const program = fileURLToPath(new URL('health-probe.ts', import.meta.url));
  const child = startChild(
    process.execPath,
    ['--conditions=@rekey/source', program, address, healthAddress],
    {
      env: process.env,
    },
  );
  let checks: Check[] = [];
  await lineOf(child, (line) => (line.startsWith('{') ? true : undefined), 'the health probe');
  createInterface({ input: child.process.stdout! }).on('line', (line) => {
    const [first, tookMs, heldUpMs] = line.split(' ');
    const name = checkNames.find((one) => one === first);
    if (name) checks.push({ name, tookMs: Number(tookMs), heldUpMs: Number(heldUpMs) });
  });
  const take = () => {
    const taken = checks;
    checks = [];
    return taken;
  };
  return { take, stop: () => child.kill() };
};

const healthAddressOf = (gateway: App): string => gateway.ready['health_address']!;

export const startGatewayUnderFlood = async (
  env: Record<string, string> = {},
): Promise<GatewayUnderFlood> => {
  const redis = await startRedis();
  const gateway = await launchApp('gateway', {
    env: {
      REDIS_URL: redis.url,
      GRPC_ADDRESS: '127.0.0.1:0',
      GATEWAY_HEALTH_ADDRESS: '127.0.0.1:0',
      NODE_OPTIONS: '--inspect=127.0.0.1:0',
      ...env,
    },
  });
  const address = gateway.ready['address']!;
  const [rotationId, bulkRotationOfRotationId, bulkRotationId] = await prepare(address, redis.url);
  const probe = await startProbe(address, healthAddressOf(gateway));
  const metrics = () => metricsOf(healthAddressOf(gateway));
  const sample = async (): Promise<Memory & Load> => {
    const values = await metrics();
    const mb = (...names: string[]) => names.reduce((sum, name) => sum + values[name]!, 0) / 1e6;
    return {
      used: mb('nodejs_heap_size_used_bytes', 'nodejs_external_memory_bytes'),
      resident: mb('process_resident_memory_bytes'),
      cpuSeconds: values['process_cpu_seconds_total']!,
      loopDelayMs: values['nodejs_eventloop_lag_max_seconds']! * 1000,
    };
  };
  return {
    redisUrl: redis.url,
    pid: gateway.child.process.pid!,
    target: {
      address,
      rotationId: rotationId!,
      bulkRotationOfRotationId: bulkRotationOfRotationId!,
      bulkRotationId: bulkRotationId!,
    },
    isAlive: () => gateway.child.process.exitCode === null && gateway.child.process.signalCode === null,
    sample,
    memoryKept: async () => {
      await askInspector(gateway, 'HeapProfiler.collectGarbage');
      return sample();
    },
    refused: async () =>
      Object.fromEntries(
        Object.entries(await metrics()).flatMap(([name, value]) => {
          const [, limit] = /^rekey_gateway_refused_total\{limit="(.*)"\}$/.exec(name) ?? [];
          return limit === undefined ? [] : [[limit, value]];
        }),
      ),
    codes: async () => {
      const counts: Record<string, number> = {};
      for (const [name, value] of Object.entries(await metrics())) {
        const [, code] = /^rekey_gateway_calls_total\{.*code="(\w+)"/.exec(name) ?? [];
        if (code !== undefined) counts[code] = (counts[code] ?? 0) + value;
      }
      return counts;
    },
    takeChecks: probe.take,
    output: () => gateway.output(),
    stop: async () => {
      await probe.stop();
      await gateway.child.kill();
      await redis.dispose();
    },
  };
};
