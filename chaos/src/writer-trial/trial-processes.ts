import { join } from 'node:path';
import { createRekeyClient, type RekeyClient } from '@rekey/client';
import { freePort, launchApp, startRedis, type Child, type RedisServer } from '@rekey/testing';
import { startSimulator, API_KEY, type Simulator } from '../system/simulator.ts';
import { timing, timingUnderFaults } from '../system/timing.ts';

/** A process of Rekey that runs, or that refused to start. */
interface Slot {
  name: string;
  child: Child | undefined;
  /** Kills it if it runs, and starts it. Resolves with why it did not start. */
  restart(): Promise<string | undefined>;
}

export interface TrialProcesses {
  redisServer: RedisServer;
  simulator: Simulator;
  client: RekeyClient;
  slots: Slot[];
  /** The processes that ended by themselves since the last call. */
  deaths(): string[];
  stop(): Promise<void>;
}

export const ASSISTANTS_OF_ORG = 8;
export const ORGS = ['org_demo', 'org_demo_sub1', 'org_demo_sub2'] as const;
const STARTS_WITHIN_MS = 20_000;
const LAST_LINES = 600;

type OnLine = (line: string) => void;

const createSlot = (
  name: 'gateway' | 'worker',
  label: string,
  env: Record<string, string>,
  report: { onLine: OnLine; onDeath: (what: string) => void },
): Slot => {
  const slot: Slot = {
    name: label,
    child: undefined,
    restart: async () => {
      const before = slot.child;
      slot.child = undefined;
      await before?.kill();
      let lines = '';
      const onLine = (line: string) => {
        lines = `${lines}${line}\n`.slice(-LAST_LINES);
        report.onLine(`${label} ${line}`);
      };
      let spawned: Child | undefined;
      const timer = setTimeout(() => void spawned?.kill(), STARTS_WITHIN_MS);
      try {
        const { child } = await launchApp(name, { env, onLine, onSpawn: (one) => (spawned = one) });
        slot.child = child;
        void child.exited.then(({ code, signal }) => {
          if (slot.child !== child) return;
          slot.child = undefined;
          report.onDeath(`${label} ended with ${signal ?? code}: ${lines}`);
        });
        return undefined;
      } catch (error) {
        return `${label} did not start: ${lines || String(error)}`.slice(0, LAST_LINES);
      } finally {
        clearTimeout(timer);
      }
    },
  };
  return slot;
};

const workerEnvironment = (redisUrl: string, simulator: Simulator, keyFile: string) => ({
  ...timing,
  ...timingUnderFaults,
  INVENT_TIMEOUT_MS: '2000',
  REKEY_LANDING_WINDOW_MS: '2000',
  REKEY_TAKEOVER_AFTER_MS: '12000',
  INVENT_API_KEY: API_KEY,
  INVENT_BASE_URL: `http://127.0.0.1:${simulator.port}`,
  INVENT_REQUESTS_PER_MINUTE: '0',
  REKEY_MAX_CHANGED_PERCENT: '100',
  REKEY_KEEP_ROTATIONS: '300',
  REKEY_KEEP_EVENTS: '2000',
  REKEY_KEY_FILE: keyFile,
  REDIS_URL: redisUrl,
  LOG_LEVEL: 'info',
});

/** Starts Redis, a simulator that answers truly, a gateway and two workers. */
export const startProcesses = async (
  { folder, seed }: { folder: string; seed: number },
  onLine: OnLine,
): Promise<TrialProcesses> => {
  const redisServer = await startRedis();
  const simulator = await startSimulator({ assistants: ASSISTANTS_OF_ORG, subOrgs: 2, seed }, () => {});
  const address = `127.0.0.1:${await freePort()}`;
  const deaths: string[] = [];
  const report = { onLine, onDeath: (what: string) => void deaths.push(what) };
  const worker = workerEnvironment(redisServer.url, simulator, join(folder, 'key.json'));
  const gateway = {
    REDIS_URL: redisServer.url,
    GRPC_ADDRESS: address,
    REKEY_GATEWAY_KEY_FILE: join(folder, 'gateway-key.json'),
    REKEY_REGISTRY_MEMORY: join(folder, 'gateway-registry'),
    LOG_LEVEL: 'info',
  };
  const memoryOf = (name: string) => ({ REKEY_REGISTRY_MEMORY: join(folder, `${name}-registry`) });
  const slots = [
    createSlot('gateway', 'gateway', gateway, report),
    createSlot('worker', 'worker 1', { ...worker, ...memoryOf('worker-1') }, report),
    createSlot('worker', 'worker 2', { ...worker, ...memoryOf('worker-2') }, report),
  ];
  for (const slot of slots) {
    const refusal = await slot.restart();
    if (refusal !== undefined) throw new Error(refusal);
  }
  const keepAlive = { intervalMs: 5000, timeoutMs: 5000 };
  const client = createRekeyClient({ address, retry: false, keepAlive });
  return {
    redisServer,
    simulator,
    client,
    slots,
    deaths: () => deaths.splice(0),
    stop: async () => {
      client.close();
      const running = slots.map(({ child }) => child);
      for (const slot of slots) slot.child = undefined;
      await Promise.all([...running, simulator.app.child].map((child) => child?.kill()));
      await redisServer.dispose();
    },
  };
};
