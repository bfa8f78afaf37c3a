import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRekeyClient, type RekeyClient } from '@rekey/client';
import { ledgerKeys } from '@rekey/ledger';
import { KEY_UNCERTAIN, KeyEvent, type RotationState } from '@rekey/schema';
import { createKeyFile, createSealer, loadKeyFile } from '@rekey/sealing';
import {
  createTcpProxy,
  freePort,
  launchApp,
  repositoryRoot,
  startRedis,
  type App,
  type Child,
  type TcpProxy,
} from '@rekey/testing';
import { Redis } from 'ioredis';
import { startOddWorld, type OddWorld, type OddWorldOptions } from './odd-world.ts';
import { startOperator, type Operator } from './operator.ts';
import type { Random } from './random.ts';
import { makeReadOnly } from './read-only.ts';
import { FULL_DISK, endsWithin, openUnreadPipe, servesWithin, startWithLog } from './unwritable-log.ts';
import type { Change, Evidence, Outcome, StatusSample, Verdict } from './verdict.ts';

export interface Target {
  orgId: string;
  assistantId: string;
}

export interface Stage {
  /** All assistants in a random order, each under one of the names of its org. */
  targets(): Target[];
  /** Resolves with the rotation's id when it is accepted, however often that has to be asked. */
  rotate(target: Target, requestId: string): Promise<string>;
  openRotations(): Promise<number>;
  pause(ms: number): Promise<void>;
  /** Kills, stops, cuts and rotates by hand, until stopped. */
  startHavoc(random: Random): { stop(): Promise<void> };
  havocDone(): Record<string, number>;
  /** Lets Invent be wrong, in episodes. */
  startOddWorld(random: Random, options: Pick<OddWorldOptions, 'episodes'>): OddWorld;
  /** Looks at `rekey status` all the time, and acts on it in calm. */
  startOperator(): Operator;
  /** No more faults. */
  calm(): Promise<void>;
  waitUntilQuiet(withinMs: number, onProgress: (open: number) => void): Promise<boolean>;
  /** The second finds what the first has put off. False if one of them does not end in time. */
  sweepTwice(): Promise<boolean>;
  /** Of single rotations by id; or, of a bulk of all, what became of each assistant. */
  evidence(asked: string[] | Map<string, Outcome>, statusSamples: StatusSample[]): Promise<Evidence>;
  /** Writes to the log what was true, and what was published, of each assistant that the verdict names. */
  explain(verdict: Verdict, evidence: Evidence): void;
  /** Where a bulk rotation of all is asked for. */
  bulkSetting(): { client: RekeyClient; orgId: string };
  stop(): Promise<void>;
}

export interface StageOptions {
  folder: string;
  seed: number;
  rotations: number;
  workers: number;
  /** The share of POSTs that something happens to. */
  faults: number;
  /** All assistants are of one org, as many as rotations. */
  bulk: boolean;
  /** Invent is also wrong in ways that no client is prepared for. */
  odd: boolean;
  /** Faults that are left out. */
  without: readonly string[];
  keepLog?: string | undefined;
}

const API_KEY = 'api-key-of-the-chaos';
const PREFIX = 'rekey';
const ORG = 'org_demo';
const SUB_ORGS_OF_SINGLES = 2;
const MAX_UNKNOWNS = 20;
/**
 * Windows, leases and intervals as short as the machine bears: what takes minutes in production takes a
 * second here.
 */
const LANDING_WINDOW_MS = 1000;
const READ_LAG_MS = 300;
const hurried = {
  INVENT_TIMEOUT_MS: '500',
  REKEY_LANDING_WINDOW_MS: String(LANDING_WINDOW_MS),
  REKEY_TAKEOVER_AFTER_MS: '1800',
  REKEY_SHUTDOWN_TIMEOUT_MS: '10000',
};
const CONFIRM_AFTER_MS = 2000;
const SWEEP_EVERY_MS = 5000;
const timing = {
  REKEY_READ_LAG_MS: String(READ_LAG_MS),
  REKEY_SWEEP_EVERY_MS: String(SWEEP_EVERY_MS),
  REKEY_CONFIRM_AFTER_MS: String(CONFIRM_AFTER_MS),
};
/**
 * For how long a published key may be wrong while status says nothing: an interval of sweeps, and what it
 * takes to settle. A sweep that did not come is itself reported after another interval and 30 s; whatever is
 * still wrong then has been passed over.
 */
const WRONG_FOR_MS = 2 * SWEEP_EVERY_MS + 30_000;
/**
 * How long it may take from the last read that shows an assistant gone until that is published, with killed
 * processes in between.
 */
const REMOVED_WITHIN_MS = 10_000;
/** Many times what a worker needs; so that a 429 closes a budget, as in production. */
const ODD_REQUESTS_PER_MINUTE = 60_000;
const SWEEP_WITHIN_MS = 60_000;
const SOON_MS = 45_000;

/** What happens to POSTs, and how often compared with the others. */
const postFaults: [weight: number, fault: object][] = [
  [3, { kind: 'failBefore', status: 500 }],
  [2, { kind: 'failBefore', status: 429, retryAfter: '0' }],
  [4, { kind: 'failAfter', status: 500 }],
  [3, { kind: 'failAfter', status: 502 }],
  // A proxy that tries again, and answers what became of its second try.
  [1, { kind: 'failAfter', status: 404 }],
  [1, { kind: 'failAfter', status: 409 }],
  [1, { kind: 'failAfter', status: 429 }],
  [2, { kind: 'loseConnectionBefore' }],
  [5, { kind: 'loseResponseAfterCommit' }],
  [1, { kind: 'hangBefore' }],
  [2, { kind: 'hangAfterCommit' }],
  [2, { kind: 'truncateBody' }],
  [4, { kind: 'commitLate', delayMs: LANDING_WINDOW_MS / 2 }],
  [1, { kind: 'garble' }],
  [1, { kind: 'garble', status: 204, body: '' }],
  [1, { kind: 'nullKey' }],
];
const readFaults: object[] = [
  { on: 'get', kind: 'failBefore', status: 503, probability: 0.05 },
  { on: 'get', kind: 'loseConnectionBefore', probability: 0.02 },
  { on: 'get', kind: 'truncateBody', probability: 0.01 },
  { on: 'get', kind: 'laggingRead', delayMs: READ_LAG_MS - 100, probability: 0.3 },
  { on: 'list', kind: 'failBefore', status: 503, probability: 0.05 },
  { on: 'list', kind: 'laggingRead', delayMs: READ_LAG_MS - 100, probability: 0.3 },
];

/** What a proxy on the way adds to any answer, and that its readers must not notice. */
const answerFaults: Record<string, object[]> = {
  'encoded answers': ['gzip', 'br', 'deflate'].map((encoding) => ({
    kind: 'encode',
    encoding,
    probability: 0.01,
  })),
  'informational answers': [
    { kind: 'inform', probability: 0.01 },
    { kind: 'inform', status: 103, probability: 0.01 },
    { kind: 'inform', both: true, probability: 0.01 },
  ],
};

const havocNames = [
  'worker killed',
  'worker stopped',
  'wire to Redis cut',
  'wire to upstream cut',
  'wire to Redis stalled',
  'connections to Redis stranded',
  'connections to upstream stranded',
  'gateway killed',
  'Redis killed',
  'Redis read-only',
  'worker with its log on a full disk',
  'worker with a log that nobody reads',
] as const;
type HavocName = (typeof havocNames)[number];

/** What can be left out, besides the episodes of an odd world. */
export const faultNames: readonly string[] = [...havocNames, ...Object.keys(answerFaults)];

/**
 * A worker that cannot log is up within this time, on a busy machine and with a Redis that is killed
 * meanwhile; and ends within that one.
 */
const UP_WITHIN_MS = 30_000;
const ENDS_WITHIN_MS = 20_000;

/**
 * Faults are tried one after the other: each gets the probability that makes all of them together the share
 * that was asked for.
 */
const scripted = (share: number): object[] => {
  const whole = postFaults.reduce((sum, [weight]) => sum + weight, 0);
  let left = 1;
  return postFaults.map(([weight, fault]) => {
    const own = (share * weight) / whole;
    const probability = own / left;
    left -= own;
    return { ...fault, on: 'rotate', times: 0, probability };
  });
};

/** A worker process with its own wires to Redis and to the upstream. */
interface WorkerSlot {
  app: App | undefined;
  redis: TcpProxy;
  upstream: TcpProxy;
}

export const startStage = async ({
  folder,
  seed,
  rotations,
  workers,
  faults,
  bulk,
  odd,
  without,
  keepLog,
}: StageOptions): Promise<Stage> => {
  const log: WriteStream | undefined =
    keepLog === undefined ? undefined : createWriteStream(keepLog, { flags: 'a' });
  const keyFile = join(folder, 'key.json');
  await createKeyFile(keyFile);
  const sealer = createSealer(await loadKeyFile(keyFile));
  const keys = ledgerKeys(PREFIX);

  const redisServer = await startRedis({ persistence: 'always' });
  const redis = new Redis(redisServer.url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  const subOrgs = bulk ? 0 : SUB_ORGS_OF_SINGLES;
  const assistants = bulk ? rotations : Math.max(Math.ceil(rotations / 15), odd ? 60 : 20);
  const onLine = (app: string) => (line: string) => void log?.write(`${app} ${line}\n`);
  const simulator = await launchApp('simulator', {
    args: [
      '--port',
      '0',
      '--admin-port',
      '0',
      '--requests-per-minute',
      '0',
      '--sub-orgs',
      String(subOrgs),
      '--assistants',
      String(assistants),
      '--latency-ms',
      '3',
      '--seed',
      String(seed),
    ],
    env: { SIMULATOR_API_KEY: API_KEY },
    onLine: onLine('simulator'),
  });
  const admin = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(`${simulator.ready['adminAddress']}${path}`, {
      method,
      body: body ? JSON.stringify(body) : null,
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  };
  const changed = Object.entries(answerFaults).flatMap(([name, all]) => (without.includes(name) ? [] : all));
  if (faults > 0)
    for (const fault of [
      ...scripted(faults),
      ...readFaults.map((read) => ({ times: 0, ...read })),
      ...changed,
    ])
      await admin('POST', '/faults', fault);

  const gatewayPort = await freePort();
  const gatewayRedis = await createTcpProxy({ port: redisServer.port });
  const startGateway = () =>
    launchApp('gateway', {
      env: {
        REDIS_URL: `redis://127.0.0.1:${gatewayRedis.port}`,
        GRPC_ADDRESS: `127.0.0.1:${gatewayPort}`,
        LOG_LEVEL: 'warn',
      },
      onLine: onLine('gateway'),
    });
  let gateway = await startGateway();
  const client = createRekeyClient({
    address: `127.0.0.1:${gatewayPort}`,
    retry: false,
    keepAlive: { intervalMs: 5000, timeoutMs: 5000 },
  });

  const workerEnvironment = (slot: Omit<WorkerSlot, 'app'>) => ({
    ...timing,
    // Where nothing goes wrong a busy machine must not look like a lost answer.
    ...((faults > 0 || odd) && hurried),
    REDIS_URL: `redis://127.0.0.1:${slot.redis.port}`,
    INVENT_BASE_URL: `http://127.0.0.1:${slot.upstream.port}`,
    INVENT_API_KEY: API_KEY,
    // Without faults each request is counted: none is to be made to find out what `c` is while rotations are
    // under way.
    ...(faults === 0 && !odd && { INVENT_ORG_ID: ORG }),
    // The usual world rotates so much by hand that an org with few assistants would be held for it.
    ...(!odd && { REKEY_MAX_CHANGED_PERCENT: '100' }),
    INVENT_REQUESTS_PER_MINUTE: odd ? String(ODD_REQUESTS_PER_MINUTE) : '0',
    REKEY_KEY_FILE: keyFile,
    REKEY_MAX_UNKNOWNS: String(MAX_UNKNOWNS),
    REKEY_KEEP_ROTATIONS: '1000000',
    REKEY_KEEP_EVENTS: String(Math.min(rotations * 20 + 100_000, 10_000_000)),
    LOG_LEVEL: 'info',
  });
  const startWorker = (slot: Omit<WorkerSlot, 'app'>, index: number) =>
    launchApp('worker', { env: workerEnvironment(slot), onLine: onLine(`worker${index}`) });
  const upstreamPort = Number(new URL(simulator.ready['address']!).port);
  const slots: WorkerSlot[] = await Promise.all(
    Array.from({ length: workers }, async (_, index) => {
      const wires = {
        redis: await createTcpProxy({ port: redisServer.port }),
        upstream: await createTcpProxy({ port: upstreamPort }),
      };
      return { ...wires, app: await startWorker(wires, index) };
    }),
  );

  const sweepRequestsSoFar = async (): Promise<number> => {
    const counts = await Promise.all(
      (await redis.zrange(keys.sweeps, '0', '-1')).map((id) => redis.hget(keys.sweep(id), 'counts')),
    );
    return counts.reduce(
      (sum, text) => sum + (text ? (JSON.parse(text) as { requests: number }).requests : 0),
      0,
    );
  };
  /** Requests by which workers have found out which org `c` is, before anything is asked for. */
  let nameRequests = 0;
  if (faults === 0 && !odd) {
    const isQuiet = async () =>
      (await redis.hexists(keys.ledger, 'alias')) === 1 &&
      (await redis.hexists(keys.ledger, 'sweep_ended')) === 1 &&
      (await redis.exists(keys.sweeping)) === 0;
    for (let tries = 0; tries < 300 && !(await isQuiet()); tries += 1) await sleep(100);
    const { rotate, get, list } = await admin<Evidence['counts']>('GET', '/counts');
    nameRequests = rotate + get + list - (await sweepRequestsSoFar());
  }

  /** Until the gateway answers: what is asked here may be asked again. Rejects if it has not by then. */
  const insist = async <T>(call: () => Promise<T>, untilMs = Number.POSITIVE_INFINITY): Promise<T> => {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (performance.now() > untilMs) throw error;
        await sleep(50);
      }
    }
  };
  const done: Record<string, number> = {};
  const oneAtATime = (act: () => Promise<void>) => {
    let running: Promise<void> | undefined;
    return () => (running ??= act().finally(() => (running = undefined)));
  };
  /** Workers that could not log, and therefore did not work or did not end. */
  let stuckByLog = 0;
  const unlogged = new Set<Child>();
  const havoc = (random: Random): Record<HavocName, () => Promise<void>> => {
    const slot = () => random.pick(slots);
    /** One that runs at this moment, taken out of the others' reach. */
    const withWorker = async (act: (one: WorkerSlot, app: App) => Promise<void>) => {
      const one = slot();
      const { app } = one;
      if (!app) return;
      one.app = undefined;
      await act(one, app);
      one.app ??= app;
    };
    /**
     * In place of one that runs: a worker whose log takes nothing works as any other, until it is told to
     * end.
     */
    const withLogTo = (path: string) =>
      withWorker(async (one, app) => {
        await app.child.kill();
        const port = await freePort();
        const command: [string, ...string[]] = [
          process.execPath,
          '--conditions=@rekey/source',
          `${repositoryRoot}apps/worker/src/main.ts`,
        ];
        const child = startWithLog(path, command, {
          PATH: process.env['PATH'],
          ...workerEnvironment(one),
          WORKER_HEALTH_ADDRESS: `127.0.0.1:${port}`,
        });
        unlogged.add(child);
        const works = async () => servesWithin(`http://127.0.0.1:${port}/healthz`, UP_WITHIN_MS);
        let isStuck = !(await works());
        await sleep(random.between(500, 4000));
        isStuck ||= !(await works());
        // SIGTERM even if it does not work: that must end it in time, too.
        isStuck = !(await endsWithin(child, ENDS_WITHIN_MS)) || isStuck;
        unlogged.delete(child);
        if (isStuck) stuckByLog += 1;
        one.app = await startWorker(one, slots.indexOf(one));
      });
    return {
      'worker killed': () =>
        withWorker(async (one, app) => {
          await app.child.kill();
          await sleep(random.between(0, 500));
          one.app = await startWorker(one, slots.indexOf(one));
        }),
      'worker stopped': () =>
        withWorker(async (_one, app) => {
          app.child.signal('SIGSTOP');
          await sleep(random.between(300, 4000));
          app.child.signal('SIGCONT');
        }),
      'wire to Redis cut': async () => slot().redis.cut(),
      'wire to upstream cut': async () => slot().upstream.cut(),
      'wire to Redis stalled': async () => {
        const { redis: wire } = slot();
        wire.stall(true);
        await sleep(random.between(100, 1500));
        wire.stall(false);
      },
      'connections to Redis stranded': async () =>
        random.pick([gatewayRedis, ...slots.map(({ redis: wire }) => wire)]).strand(),
      'connections to upstream stranded': async () => slot().upstream.strand(),
      'gateway killed': oneAtATime(async () => {
        await gateway.child.kill();
        gateway = await startGateway();
      }),
      'Redis killed': oneAtATime(async () => {
        await redisServer.kill();
        await sleep(random.between(100, 800));
        await redisServer.restart();
      }),
      'Redis read-only': oneAtATime(async () => {
        const { restore } = await makeReadOnly(redis);
        await sleep(random.between(300, 3000));
        await restore();
      }),
      'worker with its log on a full disk': async () => withLogTo(FULL_DISK),
      'worker with a log that nobody reads': async () => withLogTo(unreadPipe.path),
    };
  };

  const unreadPipe = await openUnreadPipe(join(folder, 'unread-log'));

  const allIds = [
    ...Array.from({ length: assistants }, (_, i) => ({ orgId: ORG, assistantId: `ast_${i + 1}` })),
    ...Array.from({ length: subOrgs }, (_, s) =>
      Array.from({ length: assistants }, (_x, i) => ({
        orgId: `${ORG}_sub${s + 1}`,
        assistantId: `ast_s${s + 1}_${i + 1}`,
      })),
    ).flat(),
  ];
  const orgs = new Map(allIds.map(({ orgId, assistantId }) => [assistantId, orgId]));

  /** Of every assistant of ours and every one that was touched, what was true of it, oldest first. */
  const wholeHistory = async (): Promise<Record<string, Change[]>> => {
    const history = await admin<Record<string, Change[]>>('GET', '/history');
    const untouched = [...orgs.keys()].filter((id) => !(id in history));
    while (untouched.length > 0) {
      await Promise.all(
        untouched.splice(0, 50).map(async (id) => {
          const { record } = await admin<{ record: { secret_key: string | null } }>(
            'GET',
            `/assistants/${id}`,
          );
          history[id] = [{ key: record.secret_key, atMs: 0, by: 'start' }];
        }),
      );
    }
    return history;
  };
  const publishedEvents = async (): Promise<Evidence['published']> =>
    (await redis.xrange(keys.events, '-', '+')).map(([id, fields]) => ({
      atMs: Number(id.split('-')[0]),
      event: KeyEvent.parse(JSON.parse(fields[1]!)),
    }));
  /** Whether what is published of an org, under either of its names, is not what is true. */
  const differs = async (orgId: string): Promise<boolean> => {
    const named = orgId === 'c' ? ORG : orgId;
    const ids = new Set([...orgs].filter(([, org]) => org === named).map(([id]) => id));
    const last = new Map<string, string | null>();
    for (const { event } of await publishedEvents())
      if (event.type !== KEY_UNCERTAIN) last.set(event.subject, event.data.fingerprint);
    return Object.entries(await wholeHistory()).some(([id, changes]) => {
      const { key } = changes.at(-1)!;
      return ids.has(id) && last.has(id) && last.get(id) !== (key === null ? null : sealer.fingerprint(key));
    });
  };
  const heldOrgs = async (): Promise<string[]> => Object.keys(await redis.hgetall(`${keys.prefix}:held`));
  const isAccepting = async (orgId: string): Promise<boolean> =>
    (await redis.hexists(`${keys.prefix}:accepted`, orgId)) === 1;
  let operator: Operator | undefined;

  const open = async () => redis.zcard(keys.rotations('open'));
  /** Those that are to be made soon: some wait for minutes, as a second look at what is gone. */
  const dueChecks = async () =>
    (await redis.zcount(keys.checks, '-inf', Date.now() + SOON_MS)) +
    (await redis.zcount(keys.slowChecks, '-inf', Date.now() + SOON_MS));

  return {
    targets: () => {
      const shuffled = allIds
        .map((target, i) => ({ target, at: (Math.imul(i + seed, 2654435761) >>> 0) % 65_536 }))
        .toSorted((a, b) => a.at - b.at);
      // The one org goes by two names.
      return shuffled.map(({ target }, i) =>
        target.orgId === ORG && i % 2 === 0 ? { ...target, orgId: 'c' } : target,
      );
    },

    rotate: async (target, requestId) =>
      (await insist(() => client.rotateSecretKey({ ...target, requestId }, { deadlineMs: 3000 }))).id,

    openRotations: open,
    pause: async (ms) => {
      await sleep(ms);
    },

    startHavoc: (random) => {
      const acts = Object.entries(havoc(random)).filter(([name]) => !without.includes(name));
      const stopping = new AbortController();
      const { signal } = stopping;
      const wreak = async () => {
        while (!signal.aborted) {
          await sleep(random.between(200, 1200));
          const [name, act] = random.pick(acts);
          if (signal.aborted) return;
          done[name] = (done[name] ?? 0) + 1;
          await act();
        }
      };
      const rotateByHand = async () => {
        while (!signal.aborted) {
          await sleep(odd ? random.between(2000, 6000) : random.between(200, 800));
          // In an odd world it may be gone.
          await admin('POST', `/assistants/${random.pick(allIds).assistantId}/rotate`).catch(() => {});
        }
      };
      const running = [wreak(), wreak(), rotateByHand()];
      return {
        stop: async () => {
          stopping.abort();
          await Promise.all(running);
        },
      };
    },

    havocDone: () => done,

    startOddWorld: (random, { episodes }) =>
      startOddWorld({
        random,
        admin,
        episodes,
        without,
        setting: {
          orgIds: [...new Set(orgs.values())],
          assistantIds: [...orgs.keys()],
          readLagMs: READ_LAG_MS,
          confirmAfterMs: CONFIRM_AFTER_MS,
        },
        pause: async (ms) => {
          await sleep(ms);
        },
        inCalm: async () => operator?.act(),
      }),

    startOperator: () =>
      (operator = startOperator({
        client,
        heldOrgs,
        isAccepting,
        differs,
        pause: async (ms) => {
          await sleep(ms);
        },
      })),

    calm: async () => {
      await admin('DELETE', '/faults');
    },

    waitUntilQuiet: async (withinMs, onProgress) => {
      const deadline = performance.now() + withinMs;
      let quiet = 0;
      while (performance.now() < deadline) {
        const [rotationsOpen, checks] = [await open(), await dueChecks()];
        onProgress(rotationsOpen);
        quiet = rotationsOpen + checks === 0 ? quiet + 1 : 0;
        if (quiet > 3) return true;
        await sleep(500);
      }
      return false;
    },

    sweepTwice: async () => {
      for (let times = 0; times < 2; times += 1) {
        // The channel may still be waiting before it tries a gateway again that was killed some time ago.
        const askedMs = performance.now() + SWEEP_WITHIN_MS;
        const sweep = await insist(() => client.createSweep(), askedMs).catch(() => undefined);
        if (!sweep) return false;
        const untilMs = performance.now() + SWEEP_WITHIN_MS;
        for (
          let state = '';
          state !== 'SUCCEEDED' && state !== 'FAILED';
          state = (await insist(() => client.getSweep(sweep.id), untilMs).catch(() => sweep)).state
        ) {
          if (performance.now() > untilMs) return false;
          await sleep(200);
        }
        for (let checks = 1, tries = 0; checks > 0 && tries < 100; tries += 1) {
          await sleep(200);
          checks = await dueChecks();
        }
      }
      return true;
    },

    bulkSetting: () => ({ client, orgId: ORG }),

    evidence: async (asked, statusSamples) => {
      const published = await publishedEvents();
      const outcomeOf = async (id: string): Promise<Outcome | undefined> => {
        const [state, error, assistant, created, version] = await redis.hmget(
          keys.rotation(id),
          'state',
          'error',
          'assistant',
          'created',
          'version',
        );
        if (!state) return undefined;
        return {
          state: state as RotationState,
          assistantId: assistant!,
          acceptedMs: Number(created),
          ...(error && { code: error }),
          ...(version && { version: Number(version) }),
        };
      };
      const becameOf = asked instanceof Map ? [...asked.values()] : await Promise.all(asked.map(outcomeOf));
      const history = await wholeHistory();
      // Of those that were there all the time.
      const leftOut =
        asked instanceof Map
          ? [...orgs.keys()].filter((id) => !asked.has(id) && history[id]!.every(({ key }) => key !== null))
              .length
          : 0;
      const kept = await redis.zrange(keys.rotations('SUCCEEDED'), '0', '-1');
      const succeeded = await Promise.all(
        kept.map(async (id) => ({
          id,
          assistantId: (await redis.hget(keys.rotation(id), 'assistant')) ?? '',
        })),
      );
      return {
        history,
        published,
        rotations: becameOf,
        isOurs: (assistantId) => orgs.has(assistantId),
        statusSamples,
        wrongForMs: WRONG_FOR_MS,
        removedWithinMs: REMOVED_WITHIN_MS,
        leftOut,
        ...(asked instanceof Map && { succeededOnce: succeeded }),
        counts: await admin<Evidence['counts']>('GET', '/counts'),
        sweepRequests: (await sweepRequestsSoFar()) + nameRequests,
        orgOf: (assistantId) => orgs.get(assistantId) ?? '',
        stuckByLog,
        // Under both of its names an org may have as many.
        boundOf: (orgId) => (orgId === ORG ? 2 * MAX_UNKNOWNS : MAX_UNKNOWNS),
        fingerprint: (key) => sealer.fingerprint(key),
      };
    },

    explain: ({ examples, longestWrong }, { history, published, fingerprint }) => {
      const assistantIds = new Set(
        [longestWrong, ...Object.values(examples).flat()].map(
          (example) => /^[^ :]+/.exec(example)?.[0] ?? '',
        ),
      );
      for (const assistantId of assistantIds) {
        const truth = (history[assistantId] ?? []).map(({ key, atMs, by }) => ({
          key: key === null ? null : fingerprint(key),
          atMs: Math.round(atMs),
          by,
        }));
        const events = published
          .filter(({ event }) => event.subject === assistantId)
          .map(({ event: { type, data }, atMs }) => ({ atMs, type, ...data, sealed: undefined }));
        log?.write(`judge ${JSON.stringify({ assistant_id: assistantId, truth, events })}\n`);
      }
    },

    stop: async () => {
      client.close();
      redis.disconnect();
      await Promise.all([...unlogged].map((child) => child.kill()));
      unreadPipe.close();
      const apps = [gateway, simulator, ...slots.map(({ app }) => app)];
      await Promise.all(apps.map((app) => app?.child.kill()));
      await Promise.all([
        gatewayRedis.close(),
        ...slots.flatMap(({ redis: one, upstream }) => [one.close(), upstream.close()]),
      ]);
      await redisServer.dispose();
      log?.end();
    },
  };
};
