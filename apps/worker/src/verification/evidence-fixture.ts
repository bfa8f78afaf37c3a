import type { InventClient, ListOutcome, ReadOutcome, RotateOutcome, UpstreamRecord } from '@rekey/invent';
import { createLedger, ledgerKeys, type Keys, type Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { KeyEvent, noSweepCounts, type ErrorCode, type SweepCounts } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { checkAssistant, type CheckOptions, type CheckResult } from './checks/check-assistant.ts';
import type { Clock } from '../shared/clock.ts';
import type { Meter } from '../shared/meter.ts';
import { createPublisher, type Publisher } from '../publishing/publisher.ts';
import { nobody, sealer } from '../shared/sealing-fixture.ts';
import { compareListed, sweep, sweepOrg, type OrgSweep, type SweepDeps } from './sweep/sweep.ts';

/**
 * For specs only: the worker's own code on a real ledger, with an upstream that a spec makes wrong, and a
 * clock whose pauses take no time.
 */
const NOW = 'simulated-now';
const START_MS = 1_800_000_000_000;
const PAGE = 100;
export const ORG = 'org_a';
const silent = () => {};
export const quiet = { info: silent, warn: silent, error: silent, debug: silent } as unknown as Logger;
export const silentMeter: Meter = {
  rotated: silent,
  unknown: silent,
  read: silent,
  published: silent,
  staleRead: silent,
  limited: silent,
  swept: silent,
  propagated: silent,
  lag: silent,
};

export const names = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `ast_${String(i + from).padStart(4, '0')}`);

/** What upstream answers of one record: its key; `null` if it shows none, `masked` if it shows stars. */
type Shown = string | null;
const record = (id: string, shown: Shown): UpstreamRecord & { id: string } => ({
  id,
  secretKey: shown === null || shown === 'masked' ? undefined : shown,
  ...(shown === 'masked' && { masked: true as const }),
  deleted: false,
  json: JSON.stringify({ id, secret_key: shown }),
  unexpected: [],
});

export interface Evidence {
  redis: Redis;
  ledger: Ledger;
  keys: Keys;
  /** What upstream has: ids with their keys. */
  upstream: Map<string, string>;
  /** What LIST and GET show instead. `undefined` from GET is a 404. */
  list?: ((id: string, key: string) => Shown) | undefined;
  get?: ((id: string, key: string | undefined) => Shown | undefined) | undefined;
  /** What LIST answers instead of its page. */
  page?:
    ((all: string[], page: number) => { ids: string[]; total?: number } | { code: ErrorCode }) | undefined;
  /** How old what GET answers is, as a cache says. */
  ageMs?: ((id: string) => number) | undefined;
  getFails?: ((id: string) => ErrorCode | undefined) | undefined;
  /** Requests so far. */
  lists: number[];
  gets: string[];
  slept: number[];
  logged: { level: string; message: string }[];
  /** Which lane each request was taken from. */
  lanes: string[];
  pass(ms: number): Promise<void>;
  check(assistantId: string, options?: CheckOptions): Promise<CheckResult>;
  sweep(options?: {
    save?: () => Promise<void>;
  }): Promise<{ code: string; counts: SweepCounts; lists: number; gets: string[] }>;
  /** As a sweep of everything, or a bulk, makes one of an org. */
  sweepOrg(run?: Partial<OrgSweep>): Promise<{ code: string; counts: SweepCounts }>;
  compareListed(): Promise<SweepCounts>;
  events(): Promise<KeyEvent[]>;
  removed(): Promise<string[]>;
  /** The keys that are published, by assistant; `no-key` or `deleted` where that is published. */
  published(): Promise<Map<string, string>>;
  /** Whether what is published of each assistant is what upstream has. */
  wrong(): Promise<string[]>;
  fingerprint(key: string): string;
  publisher: Publisher;
  deps: SweepDeps;
  close(): Promise<void>;
}

export interface EvidenceOptions {
  confirmAfterMs?: number;
  maxChangedPercent?: number;
  readLagMs?: number;
}

let server: RedisServer | undefined;

/** Each on a database of its own, which is emptied. */
export const openEvidence = async ({
  confirmAfterMs = 30_000,
  maxChangedPercent = 25,
  readLagMs = 1000,
}: EvidenceOptions = {}): Promise<Evidence> => {
  server ??= await startRedis();
  const redis = new Redis(server.url);
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (command, definition) =>
    define(command, {
      ...definition,
      lua: definition.lua.replaceAll(`redis.call('TIME')`, () => `redis.call('HMGET', '${NOW}', 's', 'us')`),
    });
  redis.time = (async () => (await redis.hmget(NOW, 's', 'us')).map(Number)) as typeof redis.time;
  await redis.flushall();
  let nowMs = START_MS;
  const setNow = () => redis.hset(NOW, { s: Math.floor(nowMs / 1000), us: (nowMs % 1000) * 1000 });
  await setNow();
  const ledger = createLedger({ redis, prefix: 'spec', confirmAfterMs, maxChangedPercent });
  const keys = ledgerKeys('spec');
  const pass = async (ms: number) => {
    nowMs += ms;
    await setNow();
  };
  const clock: Clock = {
    nowMs: () => nowMs - START_MS,
    sleep: async (ms) => {
      it.slept.push(ms);
      await pass(Math.ceil(ms));
    },
  };
  const log = (level: string) => (_fields: unknown, message: string) =>
    void it.logged.push({ level, message });
  const logger = {
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    debug: silent,
  } as unknown as Logger;
  const publisher = createPublisher({ ledger, sealer, readers: nobody, logger, clock, meter: silentMeter });
  const invent: Pick<InventClient, 'getAssistant' | 'listAssistants'> = {
    getAssistant: async ({ assistantId }): Promise<ReadOutcome> => {
      it.gets.push(assistantId);
      // A request takes its time.
      await pass(5);
      const fails = it.getFails?.(assistantId);
      if (fails) return { outcome: 'not-read', code: fails, reason: 'as the spec has it' };
      const key = it.upstream.get(assistantId);
      const shown = it.get ? it.get(assistantId, key) : key;
      if (shown === undefined)
        return { outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: '404' };
      // As the client answers it.
      if (shown === 'masked')
        return { outcome: 'not-read', code: 'KEYS_NOT_SHOWN', status: 200, reason: 'a masked secret key' };
      const ageMs = it.ageMs?.(assistantId);
      return { outcome: 'read', record: record(assistantId, shown), ...(ageMs && { ageMs }) };
    },
    listAssistants: async (_orgId, page): Promise<ListOutcome> => {
      it.lists.push(page);
      await pass(5);
      const all = [...it.upstream.keys()];
      const answer = it.page?.(all, page) ?? {
        ids: all.slice((page - 1) * PAGE, page * PAGE),
        total: all.length,
      };
      if ('code' in answer) return { outcome: 'not-read', reason: 'as the spec has it', code: answer.code };
      const shown = (id: string) => (it.list ? it.list(id, it.upstream.get(id)!) : it.upstream.get(id)!);
      return {
        outcome: 'read',
        page: { records: answer.ids.map((id) => record(id, shown(id))), unreadable: [], total: answer.total },
      };
    },
  };
  const pacer = { take: async (lane: string) => (it.lanes.push(lane), 0) };
  const checkDeps = {
    ledger,
    publisher,
    clock,
    logger,
    meter: silentMeter,
    readLagMs,
    invent,
    pacer,
  } as never;
  const check = checkAssistant(checkDeps);
  const deps: SweepDeps = { ledger, publisher, clock, logger, readLagMs, invent, pacer, check } as never;
  const codeOf = (running: Promise<unknown>): Promise<string> =>
    running.then(
      (result) => (result as { failure?: string } | undefined)?.failure ?? 'SUCCEEDED',
      (error: { code?: string }) => {
        if (error.code === undefined) throw error;
        return error.code;
      },
    );
  const it: Evidence = {
    redis,
    ledger,
    keys,
    publisher,
    deps,
    upstream: new Map(),
    lists: [],
    gets: [],
    slept: [],
    logged: [],
    lanes: [],
    pass,
    check: (assistantId, options) => check({ orgId: ORG, assistantId }, options),
    sweep: async ({ save = async () => {} } = {}) => {
      const counts = { ...noSweepCounts };
      [it.lists, it.gets, it.slept, it.lanes, it.logged] = [[], [], [], [], []];
      const code = await codeOf(sweep({ ...deps, configuredOrgs: () => [ORG] })(ORG, counts, save));
      return { code, counts, lists: it.lists.length, gets: it.gets };
    },
    sweepOrg: async (run = {}) => {
      const counts = { ...noSweepCounts };
      const anchor = { redisMs: await ledger.nowMs(), clockMs: clock.nowMs() };
      [it.lists, it.gets, it.slept] = [[], [], []];
      return {
        code: await codeOf(
          sweepOrg(deps, {
            orgId: ORG,
            lane: 'sweep',
            anchor,
            counts,
            save: async () => {},
            asked: false,
            ...run,
          }),
        ),
        counts,
      };
    },
    compareListed: async () => {
      const counts = { ...noSweepCounts };
      const anchor = { redisMs: await ledger.nowMs(), clockMs: clock.nowMs() };
      [it.lists, it.gets] = [[], []];
      await compareListed(deps, {
        orgId: ORG,
        lane: 'sweep',
        anchor,
        counts,
        save: async () => {},
        asked: false,
      });
      return counts;
    },
    events: async () =>
      (await redis.xrange(keys.events, '-', '+')).map(([, fields]) => KeyEvent.parse(JSON.parse(fields[1]!))),
    removed: async () =>
      (await it.events()).filter(({ type }) => type.includes('removed')).map(({ subject }) => subject),
    published: async () => {
      const ids = [...new Set((await it.events()).map(({ subject }) => subject))];
      const facts = await ledger.keyFacts(ids);
      return new Map(ids.flatMap((id, i) => (facts[i]!.state === undefined ? [] : [[id, facts[i]!.state!]])));
    },
    wrong: async () => {
      const published = await it.published();
      return [...published]
        .filter(([id, state]) => it.upstream.has(id) && state !== sealer.fingerprint(it.upstream.get(id)!))
        .map(([id]) => id)
        .toSorted();
    },
    fingerprint: (key) => sealer.fingerprint(key),
    close: async () => {
      redis.disconnect();
    },
  };
  return it;
};

export const closeEvidence = async (): Promise<void> => {
  await server?.dispose();
  server = undefined;
};

/** The assistants of an org, each with a key of its own. */
export const orgOf = (count: number, from = 0): Map<string, string> =>
  new Map(names(count, from).map((id) => [id, `sk_of_${id}`]));

export type { RotateOutcome };
