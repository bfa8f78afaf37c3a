import { createWriteStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGatewayKeyFile, createKeyFile, createSealer, loadKeyFile, type Sealer } from '@rekey/sealing';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { startCallers, type Callers } from '../callers/callers.ts';
import { createIdentities, type Identities } from '../callers/identities.ts';
import { scriptedFaults } from '../faults/scripted-faults.ts';
import type { Change, Evidence } from '../verdict/evidence.ts';
import { warningIn } from '../writer-trial/spoken-names.ts';
import { ORG, ORG_ALIAS, listAssistants, type Target } from './assistants.ts';
import { startGateway, type Gateway } from './gateway.ts';
import { readHistory } from './history.ts';
import { startEventRecorder } from './event-recorder.ts';
import { createLedgerReader, createTolerantReader, type LedgerReader } from './ledger-reader.ts';
import { startSimulator, type Simulator } from './simulator.ts';
import { startWorkerSlot, type WorkerSlot } from './workers.ts';

interface SystemOptions {
  folder: string;
  seed: number;
  rotations: number;
  workers: number;
  /** The share of POSTs with a fault. */
  faults: number;
  /** Whether all assistants belong to one org, one for each rotation. */
  bulk: boolean;
  /** Whether Invent is also wrong in ways that no client expects. */
  odd: boolean;
  /** Whether something else writes to Redis. */
  redisWriter: boolean;
  /** Whether workers archive. */
  archive: boolean;
  /** Whether each kind of caller has a name and a role of its own. */
  identities: boolean;
  /** Faults to leave out. */
  without: readonly string[];
  keepLog?: string | undefined;
}

/** Real Redis, gateway and workers, and a simulator, with a proxy on each connection that can be cut. */
export interface System {
  readonly redisServer: RedisServer;
  readonly redis: Redis;
  readonly ledger: LedgerReader;
  readonly sealer: Sealer;
  /** The folder that workers archive to. */
  readonly archive: string | undefined;
  readonly simulator: Simulator;
  readonly gateway: Gateway;
  readonly callers: Callers;
  readonly workers: WorkerSlot[];
  readonly assistants: Target[];
  /** The org of each assistant. */
  readonly orgs: ReadonlyMap<string, string>;
  /** Upstream requests by which workers found out which org `c` is, before the first rotation. */
  readonly aliasRequests: number;
  fingerprint(key: string): string;
  /** What was true of every assistant. */
  history(): Promise<Record<string, Change[]>>;
  /** Whether the published keys of an org, under either of its names, differ from upstream's. */
  differs(orgId: string): Promise<boolean>;
  log(line: string): void;
  /** What the logs warned of, and how often. */
  warnings(): Record<string, number>;
  /** Reads the last events, if they are recorded. Call it before the verdict. */
  finishRecording(): Promise<void>;
  stop(): Promise<void>;
}

export const MAX_UNKNOWNS = 20;
const SUB_ORGS_OF_SINGLES = 2;
const SETTLED_WITHIN_MS = 30_000;

const countAssistants = ({ bulk, rotations, odd }: SystemOptions): number =>
  bulk ? rotations : Math.max(Math.ceil(rotations / 15), odd ? 60 : 20);

const openLog = (path: string | undefined) => {
  const stream = path === undefined ? undefined : createWriteStream(path, { flags: 'a' });
  const warnings: Record<string, number> = {};
  return {
    log: (line: string) => {
      const warning = warningIn(line);
      if (warning !== undefined) warnings[warning] = (warnings[warning] ?? 0) + 1;
      stream?.write(`${line}\n`);
    },
    warnings: () => warnings,
    close: () => void stream?.end(),
  };
};

const gatewayKeyFileOf = (keyFile: string): string => join(dirname(keyFile), 'gateway-key.json');

const createSealerIn = async (keyFile: string): Promise<Sealer> => {
  await createKeyFile(keyFile);
  const loaded = await loadKeyFile(keyFile);
  await createGatewayKeyFile(gatewayKeyFileOf(keyFile), loaded);
  return createSealer(loaded);
};

const connectRedis = (url: string): Redis => {
  const redis = new Redis(url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
  // Runs kill this Redis: the client reconnects.
  redis.on('error', () => {});
  return redis;
};

/** Waits until workers know the org of the API key, and counts the upstream requests that this took. */
const countAliasRequests = async ({ admin }: Simulator, ledger: LedgerReader): Promise<number> => {
  const untilMs = performance.now() + SETTLED_WITHIN_MS;
  while (performance.now() < untilMs && !(await ledger.isSettled())) await sleep(100);
  const { rotate, get, list } = await admin<Evidence['counts']>('GET', '/counts');
  return rotate + get + list - (await ledger.sweepRequests());
};

const archivePath = ({ archive, folder }: SystemOptions): string | undefined =>
  archive ? join(folder, 'archive') : undefined;

const startProcesses = async (
  options: SystemOptions,
  redisPort: number,
  { keyFile, identities }: { keyFile: string; identities: Identities | undefined },
  log: (line: string) => void,
) => {
  const { seed, rotations, faults, bulk, odd, redisWriter, without } = options;
  const [assistants, subOrgs] = [countAssistants(options), bulk ? 0 : SUB_ORGS_OF_SINGLES];
  const linesOf = (name: string) => (line: string) => log(`${name} ${line}`);
  const simulator = await startSimulator({ assistants, subOrgs, seed }, linesOf('simulator'));
  if (faults > 0)
    for (const fault of scriptedFaults(faults, without)) await simulator.admin('POST', '/faults', fault);
  const ofGateway = {
    keyFile: gatewayKeyFileOf(keyFile),
    accessFile: identities?.accessFile,
    insists: redisWriter,
  };
  const gateway = await startGateway(redisPort, ofGateway, linesOf('gateway'));
  const ports = { redis: redisPort, upstream: simulator.port };
  const hasFaults = faults > 0;
  const settings = {
    rotations,
    keyFile,
    maxUnknowns: MAX_UNKNOWNS,
    hasFaults,
    odd,
    archive: archivePath(options),
    insists: redisWriter,
  };
  const workers = await Promise.all(
    Array.from({ length: options.workers }, (_, i) =>
      startWorkerSlot(ports, settings, linesOf(`worker${i}`)),
    ),
  );
  return { simulator, gateway, workers, assistants: listAssistants(assistants, subOrgs) };
};

/** Starts everything that a run needs, with the faults of its options. */
export const startSystem = async (options: SystemOptions): Promise<System> => {
  const { log, warnings, close: closeLog } = openLog(options.keepLog);
  const keyFile = join(options.folder, 'key.json');
  const sealer = await createSealerIn(keyFile);
  const fingerprint = (key: string) => sealer.fingerprint(key);
  const redisServer = await startRedis({ persistence: 'always' });
  const redis = connectRedis(redisServer.url);
  const recorder = options.redisWriter ? startEventRecorder(redis, 'rekey', sealer) : undefined;
  const ledger = recorder ? createTolerantReader(redis, recorder.published) : createLedgerReader(redis);
  const identities = options.identities ? await createIdentities(options.folder) : undefined;
  const processes = await startProcesses(options, redisServer.port, { keyFile, identities }, log);
  const { simulator, gateway, workers, assistants } = processes;
  const orgIds = [ORG_ALIAS, ...new Set(assistants.map(({ orgId }) => orgId))];
  const callers = await startCallers(gateway.address, identities, orgIds);
  const isCounted = options.faults === 0 && !options.odd;
  const aliasRequests = isCounted ? await countAliasRequests(simulator, ledger) : 0;

  const orgs = new Map(assistants.map(({ orgId, assistantId }) => [assistantId, orgId]));
  const history = () => readHistory(simulator.admin, [...orgs.keys()]);
  return {
    ...processes,
    callers,
    redisServer,
    redis,
    ledger,
    sealer,
    archive: archivePath(options),
    orgs,
    aliasRequests,
    fingerprint,
    history,
    log,
    warnings,
    finishRecording: async () => recorder?.stop(),
    differs: async (orgId) => {
      const name = orgId === ORG_ALIAS ? ORG : orgId;
      const last = await ledger.lastPrints();
      return Object.entries(await history()).some(([id, changes]) => {
        const { key } = changes.at(-1)!;
        const isPublished = orgs.get(id) === name && last.has(id);
        return isPublished && last.get(id) !== (key === null ? null : fingerprint(key));
      });
    },
    stop: async () => {
      redis.disconnect();
      callers.close();
      await gateway.stop();
      await Promise.all([simulator.app, ...workers.map(({ app }) => app)].map((app) => app?.child.kill()));
      await Promise.all(workers.flatMap((slot) => [slot.redis.close(), slot.upstream.close()]));
      await redisServer.dispose();
      closeLog();
    },
  };
};
