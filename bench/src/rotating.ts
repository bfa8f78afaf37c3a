import { createBulks, createSystem } from '@rekey/ledger';
import type { GatewayClient } from '@rekey/rpc';
import type { App } from '@rekey/testing';
import { Queue } from 'bullmq';
import { Pool } from 'undici';
import { askForSingles } from './accepting.ts';
import { inFlight, median } from './measure.ts';
import type { Part } from './part.ts';
import { API_KEY, CONCURRENCY, ORG, assistant, createBulkOf, firstAssistants, startStage, until, untilBulk, type Figures, type Stage } from './stage.ts';
import { bold, table, whole } from './table.ts';
import { fillTutorialQueue, tutorialDone } from './tutorial.ts';

/** Each way runs so often in its processes; only the last time is measured: until then V8 compiles, and Redis has not met all assistants. */
const RUNS = 3;
const lastOf = async (run: () => Promise<Figures>): Promise<Figures> => {
  for (let i = 1; i < RUNS; i += 1) await run();
  return run();
};

const rawLoop = async (stage: Stage, rotations: number): Promise<Figures> => {
  const pool = new Pool(stage.upstream, { connections: CONCURRENCY });
  const figures = await lastOf(() =>
    stage.timed([process.pid], rotations, () =>
      inFlight(rotations, CONCURRENCY, async (i) => {
        const { body } = await pool.request({ method: 'POST', path: `/orgs/${ORG}/assistants/${assistant(i)}/rotate-secret-key`, headers: { authorization: `Bearer ${API_KEY}` } });
        JSON.parse(await body.text());
      }),
    ),
  );
  await pool.close();
  return figures;
};

const tutorial = async (stage: Stage, rotations: number): Promise<Figures> => {
  const { child } = await stage.startProgram('tutorial-worker');
  let asked = 0;
  const figures = await lastOf(async () => {
    const queue = await fillTutorialQueue(stage, firstAssistants(rotations));
    asked += rotations;
    const run = await stage.timed([child.pid], rotations, async () => {
      await queue.resume();
      await until(async () => (await tutorialDone(stage)) >= asked);
    });
    await queue.close();
    return run;
  });
  await child.stop();
  await stage.clear();
  return figures;
};

/** From the first POST until none is left: the bulk goes on to be verified, which is not measured here. Neither is the gateway, which has no counterpart in the other ways. */
const rotateInBulk = async (stage: Stage, client: GatewayClient, workers: App[], rotations: number): Promise<Figures> => {
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

const bulk = async (stage: Stage, rotations: number, env?: Record<string, string>): Promise<Figures> => {
  const { client, stop } = await stage.startGateway();
  const workers = await stage.startWorkers(1, env);
  const figures = await lastOf(() => rotateInBulk(stage, client, workers, rotations));
  await workers[0]!.child.stop();
  await stop();
  await stage.clear();
  return figures;
};

/**
 * The same two processes each time, of which the second stands still while the first works alone: what differs between a new process and an old one, and between
 * one minute of the machine and the next, is not to be taken for what a second worker does. Before, each of them has done as much as in the other ways.
 */
const oneAndTwo = async (stage: Stage, rotations: number, turns: number): Promise<{ one: Figures[]; two: Figures[] }> => {
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
  for (let i = 0; i < (RUNS - 1) * both.length; i += 1) await together();
  const found: { one: Figures[]; two: Figures[] } = { one: [], two: [] };
  for (let turn = 0; turn < turns; turn += 1) {
    if (turn % 2 === 1) found.two.push(await together());
    found.one.push(await alone());
    if (turn % 2 === 0) found.two.push(await together());
  }
  await Promise.all(both.map(({ child }) => child.stop()));
  await stop();
  await stage.clear();
  return found;
};

const singles = async (stage: Stage, rotations: number): Promise<Figures> => {
  const { client, stop } = await stage.startGateway();
  const [worker] = await stage.startWorkers(1);
  const intake = new Queue('rotations', { connection: stage.redis, prefix: '{rekey}:bull' });
  let asked = 0;
  const figures = await lastOf(async () => {
    await intake.pause();
    await askForSingles(client, rotations);
    asked += rotations;
    return stage.timed([worker!.child.pid], rotations, async () => {
      await intake.resume();
      await until(async () => (await stage.redis.zcard('{rekey}:rotations:SUCCEEDED')) >= asked);
    });
  });
  await worker!.child.stop();
  await intake.close();
  await stop();
  await stage.clear();
  return figures;
};

/** There is but one org, and the others wait for what is under way of it. Twice as many as two workers can have under way bounds nothing. */
const WIDE = { REKEY_MAX_UNKNOWNS: String(4 * CONCURRENCY) };

/** As far away as a service on the internet is. */
const FAR_MS = 20;

/** Rotations without a request limit: a raw loop, the tutorial stack and Rekey in turns. */
export const rotating: Part = async ({ rotations, rounds }, progress) => {
  type Way = [string, (stage: Stage) => Promise<Figures>];
  type Pair = [one: string, two: string];
  const near: Way[] = [
    ['raw undici loop', (stage) => rawLoop(stage, rotations)],
    ['tutorial stack', (stage) => tutorial(stage, rotations)],
    ['Rekey, a bulk', (stage) => bulk(stage, rotations, WIDE)],
    ['Rekey, a bulk, at most 20 POSTs of an org', (stage) => bulk(stage, rotations)],
    ['Rekey, single rotations', (stage) => singles(stage, rotations)],
  ];
  const far: Way[] = [
    [`tutorial stack, upstream ${FAR_MS} ms`, (stage) => tutorial(stage, rotations)],
    [`Rekey, a bulk, upstream ${FAR_MS} ms`, (stage) => bulk(stage, rotations, WIDE)],
  ];
  const nearPair: Pair = ['in turns: a bulk, one worker of two', 'in turns: a bulk, both workers'];
  const farPair = nearPair.map((name) => `${name}, upstream ${FAR_MS} ms`) as Pair;
  const names = [...near.map(([name]) => name), ...nearPair, ...far.map(([name]) => name), ...farPair];
  const found = new Map<string, Figures[]>(names.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [latencyMs, group, pair, turns] of [[0, near, nearPair, 7], [FAR_MS, far, farPair, 3]] as const) {
      // The simulator keeps all that it has ever done.
      const stage = await startStage({ assistants: rotations, latencyMs });
      for (const [name, measure] of group) {
        progress(`rotating, round ${round} of ${rounds}: ${name}`);
        found.get(name)!.push(await measure(stage));
      }
      progress(`rotating, round ${round} of ${rounds}: ${pair.join(' / ')}`);
      const { one, two } = await oneAndTwo(stage, rotations, turns);
      found.get(pair[0])!.push(...one);
      found.get(pair[1])!.push(...two);
      await stage.stop();
    }
  }

  const of = (name: string, pick: (figures: Figures) => number) => median(found.get(name)!.map(pick));
  const row = (name: string) => [name, whole(of(name, (f) => f.perSecond)), whole(of(name, (f) => f.cpuUs)), whole(of(name, (f) => f.redisCpuUs)), of(name, (f) => f.requests).toFixed(2)];
  // Of each round, or turn, by itself; the median of these.
  const ratio = (name: string, base: string) => [
    `**${name} / ${base}**`,
    ...[(f: Figures) => f.perSecond, (f: Figures) => f.cpuUs, (f: Figures) => f.redisCpuUs].map((pick) => bold(median(found.get(name)!.map((f, i) => pick(f) / pick(found.get(base)![i]!))).toFixed(2))),
    '',
  ];
  return table(
    [`rotating ${whole(rotations)}, no request limit`, 'a second', 'worker CPU µs', 'Redis CPU µs', 'upstream requests'],
    [...names.map(row), ratio('Rekey, a bulk', 'tutorial stack'), ratio('Rekey, single rotations', 'tutorial stack'), ratio(nearPair[1], nearPair[0]), ratio(farPair[1], farPair[0])],
  );
};
