import { createBulks, createSystem } from '@rekey/ledger';
import { Queue } from 'bullmq';
import { Pool } from 'undici';
import { askForSingles } from './accepting.ts';
import { inFlight, median } from './measure.ts';
import type { Part } from './part.ts';
import { API_KEY, CONCURRENCY, ORG, assistant, createBulkOf, firstAssistants, startStage, until, untilBulk, type Figures, type Stage } from './stage.ts';
import { ratioOf, table, whole } from './table.ts';
import { fillTutorialQueue, tutorialDone } from './tutorial.ts';

/**
 * Each way runs so often in its processes; only the last time is measured: until then V8 compiles, and Redis has not met all assistants. Where several
 * processes share the work, as much more often: each of them has done as much before.
 */
const RUNS = 3;
const lastOf = async (run: () => Promise<Figures>, processes = 1): Promise<Figures> => {
  for (let i = 0; i < (RUNS - 1) * processes; i += 1) await run();
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
const bulk = async (stage: Stage, rotations: number, workerCount: number, env?: Record<string, string>): Promise<Figures> => {
  const ledger = { redis: stage.redis, prefix: 'rekey' };
  const [system, bulks] = [createSystem(ledger), createBulks(ledger)];
  const { client, stop } = await stage.startGateway();
  const workers = await stage.startWorkers(workerCount, env);
  const pids = workers.map(({ child }) => child.pid);
  const figures = await lastOf(async () => {
    await system.freeze('not yet');
    const { id } = await createBulkOf(client, firstAssistants(rotations));
    const run = await stage.timed(pids, rotations, async () => {
      const before = (await stage.requests()).rotate;
      await system.unfreeze();
      await until(async () => (await stage.requests()).rotate > before);
      const start = performance.now();
      await until(async () => (await bulks.get(id)).state !== 'RUNNING', 50);
      return (performance.now() - start) / 1000;
    });
    await untilBulk(client, id, ['COMPLETED'], 100);
    return run;
  }, workerCount);
  await Promise.all(workers.map(({ child }) => child.stop()));
  await stop();
  await stage.clear();
  return figures;
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

/** As far away as a service on the internet is. With none, worker, Redis and simulator share two cores that one worker keeps busy. */
const FAR_MS = 20;

/** Rotations without a request limit: a raw loop, the tutorial stack and Rekey in turns. */
export const rotating: Part = async ({ rotations, rounds }, progress) => {
  type Way = [string, (stage: Stage) => Promise<Figures>];
  const near: Way[] = [
    ['raw undici loop', (stage) => rawLoop(stage, rotations)],
    ['tutorial stack', (stage) => tutorial(stage, rotations)],
    ['Rekey, a bulk, one worker', (stage) => bulk(stage, rotations, 1, WIDE)],
    ['Rekey, a bulk, two workers', (stage) => bulk(stage, rotations, 2, WIDE)],
    ['Rekey, a bulk, one worker, at most 20 POSTs of an org', (stage) => bulk(stage, rotations, 1)],
    ['Rekey, single rotations, one worker', (stage) => singles(stage, rotations)],
  ];
  const far: Way[] = [
    [`tutorial stack, upstream ${FAR_MS} ms`, (stage) => tutorial(stage, rotations)],
    [`Rekey, a bulk, one worker, upstream ${FAR_MS} ms`, (stage) => bulk(stage, rotations, 1, WIDE)],
    [`Rekey, a bulk, two workers, upstream ${FAR_MS} ms`, (stage) => bulk(stage, rotations, 2, WIDE)],
  ];
  const ways = [...near, ...far];
  const found = new Map<string, Figures[]>(ways.map(([name]) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [latencyMs, group] of [[0, near], [FAR_MS, far]] as const) {
      // The simulator keeps all that it has ever done.
      const stage = await startStage({ assistants: rotations, latencyMs });
      for (const [name, measure] of group) {
        progress(`rotating, round ${round} of ${rounds}: ${name}`);
        found.get(name)!.push(await measure(stage));
      }
      await stage.stop();
    }
  }

  const of = (name: string, pick: (figures: Figures) => number) => median(found.get(name)!.map(pick));
  const row = (name: string) => [name, whole(of(name, (f) => f.perSecond)), whole(of(name, (f) => f.cpuUs)), whole(of(name, (f) => f.redisCpuUs)), of(name, (f) => f.requests).toFixed(2)];
  const ratio = (name: string, base: string) => [
    `**${name} / ${base}**`, ...[(f: Figures) => f.perSecond, (f: Figures) => f.cpuUs, (f: Figures) => f.redisCpuUs].map((pick) => ratioOf(of(name, pick), of(base, pick))), '',
  ];
  return table(
    [`rotating ${whole(rotations)}, no request limit`, 'a second', 'worker CPU µs', 'Redis CPU µs', 'upstream requests'],
    [...ways.map(([name]) => row(name)), ratio('Rekey, a bulk, one worker', 'tutorial stack'), ratio('Rekey, a bulk, two workers', 'Rekey, a bulk, one worker'),
      ratio(far[2]![0], far[1]![0]), ratio('Rekey, single rotations, one worker', 'tutorial stack')],
  );
};
