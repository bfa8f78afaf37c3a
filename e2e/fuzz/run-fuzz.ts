import { setTimeout as sleep } from 'node:timers/promises';
import {
  slowestOf,
  type Check,
  type CheckLimits,
  type CheckName,
  type GatewayUnderFlood,
  type Memory,
} from '../floods/gateway-under-flood.ts';
import { randomOf } from './random.ts';
import { methodsOf } from './requests.ts';
import { sendCalls, type Sent } from './send-calls.ts';

interface FuzzResult {
  sent: Sent;
  seconds: number;
  crashed: boolean;
  /** How many calls ended with each gRPC code, the warm-up included. */
  codes: Record<string, number>;
  /** Errors that no handler foresaw, by the log of the gateway: its last lines. */
  unhandled: string[];
  checks: number;
  /** The slowest health checks, in ms. */
  slowestCheckMs: Record<CheckName, number>;
  baseline: Memory;
  afterwards: Memory;
}

const CONNECTIONS = 4;
/** Of a million messages: until then, V8 compiles more and more of the gateway, some 5 MB. */
const WARM_UP = 0.2;
const LEAST_WARM_UP = 4000;
const MAY_KEEP = 1.1;
const SETTLE_WITHIN_MS = 30_000;

const settle = async (gateway: GatewayUnderFlood, enough: number): Promise<Memory> => {
  const endMs = performance.now() + SETTLE_WITHIN_MS;
  for (;;) {
    const memory = await gateway.memoryKept();
    if (memory.used <= enough || performance.now() > endMs) return memory;
    await sleep(500);
  }
};

const unhandledOf = (output: string): string[] =>
  output.split('\n').filter((line) => /"event":"(rpc_failed|uncaught[a-z_]*|grpc_js_log)"/.test(line));

/** Sends mutated messages to a gateway, after a part of them to warm it up. The same seed sends the same. */
export const runFuzz = async (
  gateway: GatewayUnderFlood,
  messages: number,
  seed: number,
  {
    warmUp = Math.max(messages * WARM_UP, LEAST_WARM_UP),
    onProgress = () => {},
  }: {
    /** How many are sent before memory is measured. With 0, memory is not judged. */
    warmUp?: number;
    /** Receives how many are sent, and the memory in use after each part, in MB. */
    onProgress?: (sent: number, usedMb: number) => void;
  } = {},
): Promise<FuzzResult> => {
  const methods = methodsOf(gateway.target);
  const send = (count: number, from: number) =>
    sendCalls(gateway.target.address, methods, randomOf(from), {
      messages: count,
      connections: CONNECTIONS,
      isAlive: gateway.isAlive,
    });
  if (warmUp > 0) await send(warmUp, seed + 1);
  await sleep(warmUp > 0 ? 3000 : 0);
  const baseline = await gateway.memoryKept();
  gateway.takeChecks();
  const beganMs = performance.now();
  const sent: Sent = { messages: 0, calls: 0, answered: 0, reset: 0, connections: 0 };
  const checks: Check[] = [];
  const rounds = Math.max(Math.round(messages / 100_000), 1);
  for (let round = 0; round < rounds && gateway.isAlive(); round += 1) {
    const part = await send(Math.ceil(messages / rounds), seed + 1000 * (round + 1));
    for (const name of Object.keys(sent) as (keyof Sent)[]) sent[name] += part[name];
    checks.push(...gateway.takeChecks());
    if (warmUp > 0 && gateway.isAlive()) onProgress(sent.messages, (await gateway.memoryKept()).used);
  }
  const seconds = (performance.now() - beganMs) / 1000;
  await sleep(1000);
  const crashed = !gateway.isAlive();
  return {
    sent,
    seconds,
    crashed,
    codes: crashed ? {} : await gateway.codes(),
    unhandled: unhandledOf(gateway.output()),
    checks: checks.length,
    slowestCheckMs: slowestOf(checks),
    baseline,
    afterwards: crashed || warmUp === 0 ? baseline : await settle(gateway, baseline.used * MAY_KEEP),
  };
};

/** What is wrong, in words; empty if nothing is. */
export const verdictOf = (
  { crashed, unhandled, slowestCheckMs, baseline, afterwards }: FuzzResult,
  withinMs: CheckLimits,
): string[] => [
  ...(crashed ? ['the gateway ended'] : []),
  ...(unhandled.length > 0 ? [`${unhandled.length} errors that no handler foresaw`] : []),
  ...(slowestCheckMs.http > withinMs.http ? [`/healthz took longer than ${withinMs.http} ms`] : []),
  ...(Math.max(slowestCheckMs.kept, slowestCheckMs.new) > withinMs.calls
    ? [`grpc.health.v1 took longer than ${withinMs.calls} ms`]
    : []),
  ...(afterwards.used > baseline.used * MAY_KEEP ? ['memory is kept'] : []),
];
