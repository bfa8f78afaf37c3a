import { createBulks, createSystem } from '@rekey/ledger';
import type { RekeyClient } from '@rekey/client';
import type { App } from '@rekey/testing';
import { Queue } from 'bullmq';
import { Pool } from 'undici';
import { askForSingles } from './accepting.ts';
import { inFlight, median } from './measure.ts';
import type { Part } from './part.ts';
import {
  API_KEY,
  CONCURRENCY,
  ORG,
  assistant,
  createBulkOf,
  firstAssistants,
  startStage,
  until,
  untilBulk,
  type Figures,
  type Stage,
} from './stage.ts';
import { bold, table, whole } from './table.ts';
import { fillTutorialQueue, tutorialDone } from './tutorial.ts';

/** A way to rotate, whose processes run. */
interface Way {
  /** Rotates all of them once. */
  run(): Promise<Figures>;
  stop(): Promise<void>;
}

/**
 * So often each way runs in its processes before it is measured: until then V8 compiles, and Redis has not
 * met all assistants.
 */
const WARMING_RUNS = 2;

/**
 * What each way did, in so many turns: what differs between one minute of the machine and the next is not to
 * be taken for what differs between two ways.
 */
const inTurns = async (ways: Way[], turns: number): Promise<Figures[][]> => {
  for (let i = 0; i < WARMING_RUNS; i += 1) for (const way of ways) await way.run();
  const found = ways.map((): Figures[] => []);
  for (let turn = 0; turn < turns; turn += 1) {
    const order = ways.map((way, i) => ({ way, i }));
    for (const { way, i } of turn % 2 === 0 ? order : order.toReversed()) found[i]!.push(await way.run());
  }
  for (const way of ways.toReversed()) await way.stop();
  return found;
};

const startRawLoop = async (stage: Stage, rotations: number): Promise<Way> => {
  const pool = new Pool(stage.upstream, { connections: CONCURRENCY });
  return {
    run: () =>
      stage.timed([process.pid], rotations, () =>
        inFlight(rotations, CONCURRENCY, async (i) => {
          const { body } = await pool.request({
            method: 'POST',
            path: `/orgs/${ORG}/assistants/${assistant(i)}/rotate-secret-key`,
            headers: { authorization: `Bearer ${API_KEY}` },
          });
          JSON.parse(await body.text());
        }),
      ),
    stop: () => pool.close(),
  };
};

const startTutorial = async (stage: Stage, rotations: number): Promise<Way> => {
  const { child } = await stage.startProgram('tutorial-worker');
  let asked = 0;
  return {
    run: async () => {
      const queue = await fillTutorialQueue(stage, firstAssistants(rotations));
      asked += rotations;
      const figures = await stage.timed([child.pid], rotations, async () => {
        await queue.resume();
        await until(async () => (await tutorialDone(stage)) >= asked);
      });
      await queue.close();
      return figures;
    },
    stop: () => child.stop().then(() => {}),
  };
};

/**
 * From the first POST until none is left: the bulk goes on to be verified, which is not measured here.
 * Neither is the gateway, which has no counterpart in the other ways.
 */
const rotateInBulk = async (
  stage: Stage,
  client: RekeyClient,
  workers: App[],
  rotations: number,
): Promise<Figures> => {
  const ledger = { redis: stage.redis, prefix: 'rekey' };
  const [system, bulks] = [createSystem(ledger), createBulks(ledger)];
  await system.freeze('not yet');
  const { id } = await createBulkOf(client, firstAssistants(rotations));
  const pids = workers.map(({ child }) => child.pid);
  const figures = await stage.timed(pids, rotations, async () => {
    const before = (await stage.requests()).rotate;
    await system.unfreeze();
    await until(async () => (await stage.requests()).rotate > before);
    const start = performance.now();
    await until(async () => (await bulks.get(id)).state !== 'RUNNING', 50);
    return (performance.now() - start) / 1000;
  });
  await untilBulk(client, id, ['COMPLETED'], 100);
  return figures;
};

const startBulk = async (stage: Stage, rotations: number, env?: Record<string, string>): Promise<Way> => {
  const { client, stop } = await stage.startGateway();
  const workers = await stage.startWorkers(1, env);
  return {
    run: () => rotateInBulk(stage, client, workers, rotations),
    stop: async () => {
      await workers[0]!.child.stop();
      await stop();
    },
  };
};

/**
 * One worker, and two: the same two processes each time, of which the second stands still while the first
 * works alone.
 */
const startOneAndTwo = async (stage: Stage, rotations: number): Promise<[one: Way, two: Way]> => {
  const { client, stop } = await stage.startGateway();
  const both = await stage.startWorkers(2, WIDE);
  const [first, second] = both as [App, App];
  const alone = async () => {
    second.child.signal('SIGSTOP');
    try {
      return await rotateInBulk(stage, client, [first], rotations);
    } finally {
      second.child.signal('SIGCONT');
    }
  };
  const together = () => rotateInBulk(stage, client, both, rotations);
  const end = async () => {
    await Promise.all(both.map(({ child }) => child.stop()));
    await stop();
  };
  // The second one has half of the runs in which both work.
  await together();
  await together();
  return [
    { run: alone, stop: async () => {} },
    { run: together, stop: end },
  ];
};

const startSingles = async (stage: Stage, rotations: number): Promise<Way> => {
  const { client, stop } = await stage.startGateway();
  const [worker] = await stage.startWorkers(1);
  const intake = new Queue('rotations', { connection: stage.redis, prefix: '{rekey}:bull' });
  let asked = 0;
  return {
    run: async () => {
      await intake.pause();
      await askForSingles(client, rotations);
      asked += rotations;
      return stage.timed([worker!.child.pid], rotations, async () => {
        await intake.resume();
        await until(async () => (await stage.redis.zcard('{rekey}:rotations:SUCCEEDED')) >= asked);
      });
    },
    stop: async () => {
      await worker!.child.stop();
      await intake.close();
      await stop();
    },
  };
};

/**
 * There is but one org, and the others wait for what is under way of it. Twice as many as two workers can
 * have under way bounds nothing.
 */
const WIDE = { REKEY_MAX_UNKNOWNS: String(4 * CONCURRENCY) };

/** As far away as a service on the internet is. */
const FAR_MS = 20;

/** Rotations without a request limit: a raw loop, the tutorial stack and Rekey. */
export const rotating: Part = async ({ rotations, rounds }, progress) => {
  const far = (name: string) => `${name}, upstream ${FAR_MS} ms`;
  const [RAW, TUTORIAL, BULK, NARROW, SINGLES, ONE, TWO] = [
    'raw undici loop',
    'tutorial stack',
    'Rekey, a bulk',
    'Rekey, a bulk, at most 20 POSTs of an org',
    'Rekey, single rotations',
    'Rekey, a bulk, one worker of two',
    'Rekey, a bulk, both workers',
  ] as const;
  interface Contest {
    names: string[];
    latencyMs: number;
    turns: number;
    start(stage: Stage): Promise<Way[]>;
  }
  const contests: Contest[] = [
    { names: [RAW], latencyMs: 0, turns: 1, start: async (stage) => [await startRawLoop(stage, rotations)] },
    {
      names: [TUTORIAL, BULK],
      latencyMs: 0,
      turns: 5,
      start: async (stage) => [
        await startTutorial(stage, rotations),
        await startBulk(stage, rotations, WIDE),
      ],
    },
    { names: [NARROW], latencyMs: 0, turns: 1, start: async (stage) => [await startBulk(stage, rotations)] },
    {
      names: [SINGLES],
      latencyMs: 0,
      turns: 1,
      start: async (stage) => [await startSingles(stage, rotations)],
    },
    { names: [ONE, TWO], latencyMs: 0, turns: 7, start: (stage) => startOneAndTwo(stage, rotations) },
    {
      names: [far(ONE), far(TWO)],
      latencyMs: FAR_MS,
      turns: 3,
      start: (stage) => startOneAndTwo(stage, rotations),
    },
  ];
  const found = new Map<string, Figures[]>(contests.flatMap(({ names }) => names.map((name) => [name, []])));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { names, latencyMs, turns, start } of contests) {
      progress(`rotating, round ${round} of ${rounds}: ${names.join(' / ')}`);
      // The simulator keeps all that it has ever done.
      const stage = await startStage({ assistants: rotations, latencyMs });
      const figures = await inTurns(await start(stage), turns);
      for (const [i, name] of names.entries()) found.get(name)!.push(...figures[i]!);
      await stage.stop();
    }
  }

  const of = (name: string, pick: (figures: Figures) => number) => median(found.get(name)!.map(pick));
  const row = (name: string) => [
    name,
    whole(of(name, (f) => f.perSecond)),
    whole(of(name, (f) => f.cpuUs)),
    whole(of(name, (f) => f.redisCpuUs)),
    of(name, (f) => f.requests).toFixed(2),
  ];
  // Of each turn by itself; the median of these.
  const ratio = (name: string, base: string) => [
    `**${name} / ${base}**`,
    ...[(f: Figures) => f.perSecond, (f: Figures) => f.cpuUs, (f: Figures) => f.redisCpuUs].map((pick) =>
      bold(median(found.get(name)!.map((f, i) => pick(f) / pick(found.get(base)![i]!))).toFixed(2)),
    ),
    '',
  ];
  return table(
    [
      `rotating ${whole(rotations)}, no request limit`,
      'a second',
      'worker CPU µs',
      'Redis CPU µs',
      'upstream requests',
    ],
    [...[...found.keys()].map(row), ratio(BULK, TUTORIAL), ratio(TWO, ONE), ratio(far(TWO), far(ONE))],
  );
};
