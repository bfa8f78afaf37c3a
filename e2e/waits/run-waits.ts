import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createRekeyClient } from '@rekey/client';
import { openLedger } from '@rekey/ledger';
import { startChild } from '@rekey/testing';
import { Redis } from 'ioredis';
import { startGatewayUnderFlood, type GatewayUnderFlood } from '../floods/gateway-under-flood.ts';
import { createBulks, createRotations, endInWaves, type Ends } from './rotations.ts';
import type { WaitsOptions } from './options.ts';
import type { CallerPlan, CallersState, Learned } from './plan.ts';

/** How late waiters have learned the end, in ms. */
interface Lateness {
  waiters: number;
  median: number;
  p99: number;
  most: number;
}

interface WaitsResult {
  /** Waiters that never learned the end, or a wrong one. */
  ignorant: number;
  wrong: number;
  /** What callers have failed with, by message. */
  failures: Record<string, number>;
  /** Of waiters whose call was open when the rotation ended, of those that were refused, and of the SDK. */
  late: Record<'held' | 'refused' | 'sdk', Lateness>;
  /** The most calls that were open, and waiters that were refused, at a moment. */
  held: number;
  resting: number;
  watching: number;
  messages: number;
  refusals: number;
  residentMb: { before: number; most: number };
  /** Of the gateway: on average while callers wait, and in the busiest five seconds. */
  cores: { average: number; most: number };
  health: { checks: number; failed: number; p99Ms: number; slowestMs: number };
}

const ENDS_WITHIN_MS = 120_000;
const SETTLE_MS = 15_000;

interface Callers {
  state(): CallersState;
  /** Resolves with what the waiters have learned, once all have; earlier if they take too long. */
  ended: Promise<Learned[]>;
  kill(): Promise<void>;
}

const NOTHING: CallersState = { open: 0, resting: 0, ended: 0, watching: 0, messages: 0, failures: {} };

const startCallers = async (plan: CallerPlan, folder: string, name: string): Promise<Callers> => {
  const path = join(folder, `${name}.json`);
  await writeFile(path, JSON.stringify(plan));
  const program = fileURLToPath(new URL('callers.ts', import.meta.url));
  const child = startChild(process.execPath, ['--conditions=@rekey/source', program, path]);
  child.process.stderr!.pipe(process.stderr);
  let state = NOTHING;
  createInterface({ input: child.process.stdout! }).on('line', (line) => {
    if (line.startsWith('{')) state = JSON.parse(line) as CallersState;
  });
  const ended = child.exited.then(async () =>
    readFile(plan.results, 'utf8').then(
      (text) => JSON.parse(text) as Learned[],
      () => [],
    ),
  );
  return { state: () => state, ended, kill: () => child.kill() };
};

const shareOf = (all: number, at: number, parts: number): number =>
  Math.floor((all * (at + 1)) / parts) - Math.floor((all * at) / parts);

const startAll = async (
  { address, rotationIds, bulkIds }: Pick<CallerPlan, 'address' | 'rotationIds' | 'bulkIds'>,
  { processes, watchers, sdk, connections }: WaitsOptions,
  folder: string,
): Promise<Callers[]> => {
  const all: Callers[] = [];
  for (let at = 0; at < processes; at += 1) {
    const share = (whole: number) => shareOf(whole, at, processes);
    const plan = {
      address,
      // The first of a wave are not all in the first process.
      rotationIds: rotationIds.filter((_id, index) => index % processes === at),
      sdk: share(sdk),
      bulkIds,
      watchers: share(watchers),
      connections: Math.max(share(connections), 1),
      results: join(folder, `results-${at}.json`),
    };
    all.push(await startCallers(plan, folder, `plan-${at}`));
  }
  return all;
};

const sum = (callers: readonly Callers[], field: Exclude<keyof CallersState, 'failures'>): number =>
  callers.reduce((total, { state }) => total + state()[field], 0);

const latenessOf = (ms: readonly number[]): Lateness => {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;
  return { waiters: ms.length, median: at(0.5), p99: at(0.99), most: at(1) };
};

/** Memory and CPU of the gateway, and what callers do, at several moments of each second. */
const observe = (gateway: GatewayUnderFlood, callers: readonly Callers[]) => {
  const most = { resident: 0, held: 0, resting: 0, watching: 0 };
  const cpu: { atMs: number; seconds: number }[] = [];
  const over = new AbortController();
  const look = async (): Promise<void> => {
    const { resident, cpuSeconds } = await gateway.sample();
    cpu.push({ atMs: performance.now(), seconds: cpuSeconds });
    most.resident = Math.max(most.resident, resident);
    most.held = Math.max(most.held, sum(callers, 'open'));
    most.resting = Math.max(most.resting, sum(callers, 'resting'));
    most.watching = Math.max(most.watching, sum(callers, 'watching'));
  };
  const looking = (async () => {
    while (!over.signal.aborted) {
      await look().catch(() => {});
      await sleep(200);
    }
  })();
  const coresBetween = (from: (typeof cpu)[number], to: (typeof cpu)[number]) =>
    ((to.seconds - from.seconds) * 1000) / (to.atMs - from.atMs);
  return async () => {
    over.abort();
    await looking;
    const busiest = cpu.flatMap((from) => {
      const to = cpu.find(({ atMs }) => atMs >= from.atMs + 5000);
      return to ? [coresBetween(from, to)] : [];
    });
    const average = cpu.length > 1 ? coresBetween(cpu[0]!, cpu.at(-1)!) : 0;
    return { ...most, cores: { average, most: Math.max(average, ...busiest) } };
  };
};

const healthOf = (gateway: GatewayUnderFlood): WaitsResult['health'] => {
  const checks = gateway.takeChecks();
  const { p99, most } = latenessOf(checks.map(({ tookMs }) => tookMs));
  const failed = checks.filter(({ tookMs }) => tookMs === Infinity).length;
  return { checks: checks.length, failed, p99Ms: p99, slowestMs: most };
};

const resultOf = (
  ended: Ends,
  learned: readonly Learned[],
): Pick<WaitsResult, 'ignorant' | 'wrong' | 'late' | 'refusals'> => {
  const late: Record<keyof WaitsResult['late'], number[]> = { held: [], refused: [], sdk: [] };
  let wrong = 0;
  let refusals = 0;
  for (const [id, state, atMs, refused] of learned) {
    const end = ended.get(id);
    if (end?.state !== state) wrong += 1;
    refusals += Math.max(refused, 0);
    const kind = refused < 0 ? 'sdk' : refused === 0 ? 'held' : 'refused';
    late[kind].push(Math.max(atMs - (end?.atMs ?? 0), 0));
  }
  return {
    ignorant: ended.size - learned.length,
    wrong,
    refusals,
    late: { held: latenessOf(late.held), refused: latenessOf(late.refused), sdk: latenessOf(late.sdk) },
  };
};

const failuresOf = (callers: readonly Callers[]): Record<string, number> => {
  const failures: Record<string, number> = {};
  for (const { state } of callers)
    for (const [why, count] of Object.entries(state().failures)) failures[why] = (failures[why] ?? 0) + count;
  return failures;
};

/** Callers wait and watch while their rotations end. */
export const runWaits = async (
  options: WaitsOptions,
  env: Record<string, string> = {},
  print: (text: string) => void = () => {},
): Promise<WaitsResult> => {
  const gateway = await startGatewayUnderFlood(env);
  const folder = await mkdtemp(join(tmpdir(), 'rekey-waits-'));
  const redis = new Redis(gateway.redisUrl);
  const client = createRekeyClient({ address: gateway.target.address });
  let callers: Callers[] = [];
  try {
    const ledger = openLedger(redis, { prefix: 'rekey' });
    const rotationIds = await createRotations(ledger, options.waiters);
    const bulkIds = await createBulks(client);
    const before = (await gateway.memoryKept()).resident;
    print(`${rotationIds.length} rotations; the gateway has ${before.toFixed(0)} MB resident`);
    gateway.takeChecks();
    callers = await startAll({ address: gateway.target.address, rotationIds, bulkIds }, options, folder);
    const observed = observe(gateway, callers);
    const begun = () => sum(callers, 'open') + sum(callers, 'resting') + sum(callers, 'watching');
    // Those of the SDK are seen only when they have ended.
    const all = options.waiters + options.watchers - options.sdk;
    const limitMs = performance.now() + ENDS_WITHIN_MS;
    while (begun() < all && performance.now() < limitMs) await sleep(250);
    print(`${begun()} callers: ${sum(callers, 'open')} waits open, ${sum(callers, 'resting')} refused`);
    await sleep(Math.min(SETTLE_MS, options.waveSeconds * 1000));
    const ended = await endInWaves({ ledger, client }, { rotationIds, bulkIds }, options);
    print('every rotation has ended');
    const late = sleep(ENDS_WITHIN_MS, undefined, { ref: false });
    await Promise.race([Promise.all(callers.map((one) => one.ended)), late]);
    const { cores, held, resting, watching, resident } = await observed();
    const failures = failuresOf(callers);
    await Promise.all(callers.map((one) => one.kill()));
    const learned = (await Promise.all(callers.map((one) => one.ended))).flat();
    return {
      ...resultOf(ended, learned),
      failures,
      held,
      resting,
      watching,
      cores,
      messages: sum(callers, 'messages'),
      residentMb: { before, most: resident },
      health: healthOf(gateway),
    };
  } finally {
    await Promise.all(callers.map((one) => one.kill()));
    client.close();
    redis.disconnect();
    await gateway.stop();
    await rm(folder, { recursive: true });
  }
};

/** What is wrong with a result. Nothing if the list is empty. */
export const faultsOf = (
  { ignorant, wrong, failures, residentMb, health }: WaitsResult,
  within: number,
): string[] => [
  ...(ignorant > 0 ? [`${ignorant} waiters have not learned the end`] : []),
  ...(wrong > 0 ? [`${wrong} waiters have learned a wrong end`] : []),
  ...Object.entries(failures).map(([why, count]) => `${count} callers failed: ${why}`),
  ...(residentMb.most > within ? [`the gateway had ${residentMb.most.toFixed(0)} MB resident`] : []),
  ...(health.failed > 0 ? [`${health.failed} health checks failed`] : []),
  ...(health.checks === 0 ? ['health was not checked'] : []),
];
