import { ledgerKeys, openLedger, type Keys, type Ledger } from '@rekey/ledger';
import { KeyEvent, noSweepCounts, type SweepCounts } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import type { Redis } from 'ioredis';
import { createPublisher, type Publisher } from '../publishing/publisher.ts';
import { noRecipients, sealer } from '../publishing/sealing-fixture.ts';
import type { Clock } from '../shared/clock.ts';
import { createRecordingLogger, type LoggedEvent } from '@rekey/runtime';
import { silentMeter } from '../metrics/meter-fixture.ts';
import { connectSimulated, setRedisTime } from '../shared/simulated-redis-fixture.ts';
import { checkAssistant, type CheckOptions, type CheckResult } from './checks/check-assistant.ts';
import { compareListed } from './sweep/compare-listed.ts';
import { sweepOrg } from './sweep/sweep-org.ts';
import type { OrgSweep, SweepDeps } from './sweep/sweep-run.ts';
import { sweep } from './sweep/sweep.ts';
import { createScriptedUpstream, type ScriptedUpstream } from './upstream-fixture.ts';

/**
 * For specs: the worker's own code on a real ledger, with an upstream that a spec makes wrong, and a clock
 * whose pauses take no time.
 */
const START_MS = 1_800_000_000_000;
export const ORG = 'org_a';

export const names = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `ast_${String(i + from).padStart(4, '0')}`);

/** The assistants of an org, each with a key of its own. */
export const orgOf = (count: number, from = 0): Map<string, string> =>
  new Map(names(count, from).map((id) => [id, `sk_of_${id}`]));

export interface Evidence extends ScriptedUpstream {
  redis: Redis;
  ledger: Ledger;
  keys: Keys;
  slept: number[];
  logged: LoggedEvent[];
  /** The lane of each request. */
  lanes: string[];
  pass(ms: number): Promise<void>;
  check(assistantId: string, options?: CheckOptions): Promise<CheckResult>;
  sweep(options?: {
    save?: () => Promise<void>;
  }): Promise<{ code: string; counts: SweepCounts; lists: number; gets: string[] }>;
  /** Sweeps the org as a sweep of all orgs, or a bulk rotation, does. */
  sweepOrg(run?: Partial<OrgSweep>): Promise<{ code: string; counts: SweepCounts }>;
  compareListed(): Promise<SweepCounts>;
  events(): Promise<KeyEvent[]>;
  removed(): Promise<string[]>;
  /** The published keys by assistant: a fingerprint, `no-key` or `deleted`. */
  published(): Promise<Map<string, string>>;
  /** The assistants whose published key is not the one that upstream has. */
  wrong(): Promise<string[]>;
  fingerprint(key: string): string;
  /** Makes an org of this size that a sweep has imported, an hour before. */
  importKnown(count: number): Promise<void>;
  held(): Promise<
    { orgId: string; code: string; affected?: number | undefined; known?: number | undefined }[]
  >;
  rotateByHand(ids: string[]): void;
  publisher: Publisher;
  deps: SweepDeps;
  close(): Promise<void>;
}

interface EvidenceOptions {
  confirmAfterMs?: number;
  maxChangedPercent?: number;
  readLagMs?: number;
}

let server: RedisServer | undefined;

/** Empties the database first. */
export const openEvidence = async ({
  confirmAfterMs = 30_000,
  maxChangedPercent = 25,
  readLagMs = 1000,
}: EvidenceOptions = {}): Promise<Evidence> => {
  server ??= await startRedis();
  const redis = connectSimulated(server.url);
  await redis.flushall();
  let nowMs = START_MS;
  const pass = async (ms: number) => {
    nowMs += ms;
    await setRedisTime(redis, nowMs);
  };
  await pass(0);
  const ledger = openLedger(redis, { prefix: 'spec', confirmAfterMs, maxChangedPercent });
  const { logger, logged } = createRecordingLogger();
  const upstream = createScriptedUpstream(pass);
  const clock: Clock = {
    nowMs: () => nowMs - START_MS,
    sleep: async (ms) => {
      it.slept.push(ms);
      await pass(Math.ceil(ms));
    },
  };
  const pacer = { take: async (lane: string) => (it.lanes.push(lane), 0), unused: async () => {} };
  const meter = silentMeter;
  const publisher = createPublisher({ ledger, sealer, recipients: noRecipients, logger, clock, meter });
  const common = { ledger, publisher, clock, logger, readLagMs, invent: upstream.invent, pacer };
  const check = checkAssistant({ ...common, meter });
  const deps: SweepDeps = { ...common, check };
  const it: Evidence = Object.assign(upstream, {
    ...createReports(redis, ledger),
    redis,
    ledger,
    keys: ledgerKeys('spec'),
    publisher,
    deps,
    slept: [],
    logged,
    lanes: [],
    pass,
    check: (assistantId: string, options?: CheckOptions) => check({ orgId: ORG, assistantId }, options),
    sweep: (options: { save?: () => Promise<void> } = {}) => sweepNamed(it, options),
    sweepOrg: (run: Partial<OrgSweep> = {}) => sweepOne(it, run),
    compareListed: () => compareOnce(it),
    wrong: async () =>
      [...(await it.published())]
        .filter(([id, state]) => it.upstream.has(id) && state !== sealer.fingerprint(it.upstream.get(id)!))
        .map(([id]) => id)
        .toSorted(),
    fingerprint: (key: string) => sealer.fingerprint(key),
    importKnown: (count: number) => importKnown(it, count),
    rotateByHand: (ids: string[]) => {
      for (const id of ids) it.upstream.set(id, `hand_${id}`);
    },
    close: async () => {
      redis.disconnect();
    },
  });
  return it;
};

const createReports = (redis: Redis, ledger: Ledger) => {
  const events = async (): Promise<KeyEvent[]> =>
    (await redis.xrange(ledger.keys.events, '-', '+')).map(([, fields]) =>
      KeyEvent.parse(JSON.parse(fields[1]!)),
    );
  return {
    events,
    removed: async () =>
      (await events()).filter(({ type }) => type.includes('removed')).map(({ subject }) => subject),
    published: async () => {
      const ids = [...new Set((await events()).map(({ subject }) => subject))];
      const facts = await ledger.assistants.keyFacts(ids);
      return new Map(ids.flatMap((id, i) => (facts[i]!.state === undefined ? [] : [[id, facts[i]!.state!]])));
    },
    held: async () =>
      (await ledger.orgs.held()).map(({ orgId, code, affected, known }) => ({
        orgId,
        code,
        affected,
        known,
      })),
  };
};

const codeOf = (running: Promise<unknown>): Promise<string> =>
  running.then(
    (result) => (result as { failure?: string } | undefined)?.failure ?? 'SUCCEEDED',
    (error: { code?: string }) => {
      if (error.code === undefined) throw error;
      return error.code;
    },
  );

const sweepNamed = async (it: Evidence, { save = async () => {} }: { save?: () => Promise<void> }) => {
  const counts = { ...noSweepCounts };
  [it.lists, it.gets, it.slept, it.lanes] = [[], [], [], []];
  it.logged.length = 0;
  const code = await codeOf(sweep({ ...it.deps, configuredOrgs: () => [ORG] })(ORG, counts, save));
  return { code, counts, lists: it.lists.length, gets: it.gets };
};

const importKnown = async (it: Evidence, count: number): Promise<void> => {
  it.upstream = orgOf(count);
  const { code, counts } = await it.sweep();
  if (code !== 'SUCCEEDED' || counts.imported !== count) throw new Error(`the import failed: ${code}`);
  await it.pass(3_600_000);
};

const newRun = async ({ ledger, deps }: Evidence): Promise<OrgSweep> => ({
  orgId: ORG,
  lane: 'sweep',
  anchor: { redisMs: await ledger.system.nowMs(), clockMs: deps.clock.nowMs() },
  counts: { ...noSweepCounts },
  save: async () => {},
  asked: false,
});

const sweepOne = async (it: Evidence, options: Partial<OrgSweep>) => {
  const run = { ...(await newRun(it)), ...options };
  [it.lists, it.gets, it.slept] = [[], [], []];
  return { code: await codeOf(sweepOrg(it.deps, run)), counts: run.counts };
};

const compareOnce = async (it: Evidence): Promise<SweepCounts> => {
  const run = await newRun(it);
  [it.lists, it.gets] = [[], []];
  await compareListed(it.deps, run);
  return run.counts;
};

export const closeEvidence = async (): Promise<void> => {
  await server?.dispose();
  server = undefined;
};
