import { setTimeout as sleep } from 'node:timers/promises';
import { floods, type Flood } from './floods.ts';
import {
  slowestOf,
  type CheckLimits,
  type CheckName,
  type GatewayUnderFlood,
  type Memory,
} from './gateway-under-flood.ts';

export interface FloodResult {
  name: string;
  seconds: number;
  /** The slowest health checks, in ms. */
  slowestCheckMs: Record<CheckName, number>;
  checks: number;
  /** The longest that the event loop of the process that checks was held up, and that of the gateway. */
  proberHeldUpMs: number;
  loopDelayMs: number;
  /** How many cores the gateway has used, and this process, which floods. */
  gatewayCores: number;
  flooderCores: number;
  /** The largest memory seen while it ran, and the least that was in use afterwards. */
  highest: Memory;
  afterwards: Memory;
  refused: Record<string, number>;
}

interface FloodRun {
  baselineMb: number;
  /** How many were to run. */
  floods: number;
  results: FloodResult[];
}

interface Verdict {
  crashes: number;
  /** The names of floods during which /healthz took longer than allowed, or failed. */
  slow: string[];
  /** The same of grpc.health.v1, which is answered as any other call. */
  slowCalls: string[];
  /** The names of floods after which more memory stayed in use than allowed. */
  kept: string[];
}

const MAY_KEEP = 1.1;
const SETTLE_WITHIN_MS = 15_000;

const differences = (before: Record<string, number>, after: Record<string, number>) =>
  Object.fromEntries(
    Object.entries(after)
      .map(([limit, count]): [string, number] => [limit, count - (before[limit] ?? 0)])
      .filter(([, count]) => count > 0),
  );

/** The memory in use when connections have been closed, as soon as it is no more than `enough`. */
const settle = async (gateway: GatewayUnderFlood, enough: number): Promise<Memory> => {
  const endMs = performance.now() + SETTLE_WITHIN_MS;
  for (;;) {
    const memory = await gateway.memoryKept();
    if (memory.used <= enough || performance.now() > endMs) return memory;
    await sleep(250);
  }
};

/** Calls back every so often until the work has ended. */
const during = async (work: Promise<void>, look: () => Promise<void>): Promise<void> => {
  const ended = work.then(() => true);
  do {
    await look().catch(() => {});
  } while (!(await Promise.race([ended, sleep(250)])));
};

/** The memory in use when nothing happens, after everything ran once. */
const baselineOf = async (gateway: GatewayUnderFlood): Promise<number> => {
  for (const flood of floods) await flood.run({ ...gateway.target, scale: 0.02 });
  await sleep(1000);
  return (await gateway.memoryKept()).used;
};

export const runFloods = async (
  gateway: GatewayUnderFlood,
  scale: number,
  onResult: (result: FloodResult) => void = () => {},
  chosen: readonly Flood[] = floods,
): Promise<FloodRun> => {
  const baselineMb = await baselineOf(gateway);
  const results: FloodResult[] = [];
  for (const { name, run } of chosen) {
    if (!gateway.isAlive()) break;
    const before = await gateway.refused();
    const highest: Memory = { used: 0, resident: 0 };
    let last = await gateway.sample();
    let loopDelayMs = 0;
    const startCpu = last.cpuSeconds;
    const ownCpu = process.cpuUsage();
    gateway.takeChecks();
    const beganMs = performance.now();
    await during(run({ ...gateway.target, scale }), async () => {
      last = await gateway.sample();
      highest.used = Math.max(highest.used, last.used);
      highest.resident = Math.max(highest.resident, last.resident);
      loopDelayMs = Math.max(loopDelayMs, last.loopDelayMs);
    });
    const seconds = (performance.now() - beganMs) / 1000;
    const { user, system } = process.cpuUsage(ownCpu);
    const checks = gateway.takeChecks();
    if (!gateway.isAlive()) break;
    const result = {
      name,
      seconds,
      slowestCheckMs: slowestOf(checks),
      checks: checks.length,
      proberHeldUpMs: Math.max(0, ...checks.map(({ heldUpMs }) => heldUpMs)),
      loopDelayMs,
      gatewayCores: (last.cpuSeconds - startCpu) / seconds,
      flooderCores: (user + system) / 1e6 / seconds,
      highest,
      afterwards: await settle(gateway, baselineMb * MAY_KEEP),
      refused: differences(before, await gateway.refused()),
    };
    results.push(result);
    onResult(result);
  }
  return { baselineMb, floods: chosen.length, results };
};

export const verdictOf = (
  { baselineMb, floods: begun, results }: FloodRun,
  withinMs: CheckLimits,
): Verdict => {
  const namesOf = (isBad: (result: FloodResult) => boolean) => results.filter(isBad).map(({ name }) => name);
  return {
    crashes: begun - results.length,
    slow: namesOf(({ slowestCheckMs: { http } }) => http > withinMs.http),
    slowCalls: namesOf(
      ({ slowestCheckMs }) => Math.max(slowestCheckMs.kept, slowestCheckMs.new) > withinMs.calls,
    ),
    kept: namesOf(({ afterwards }) => afterwards.used > baselineMb * MAY_KEEP),
  };
};
