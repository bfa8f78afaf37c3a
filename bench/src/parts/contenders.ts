import { openLedger } from '@rekey/ledger';
import type { RekeyClient } from '@rekey/client';
import type { App } from '@rekey/testing';
import { Queue } from 'bullmq';
import { Pool } from 'undici';
import { createBulkOf, waitForBulk } from '../system/bulk.ts';
import { runInFlight } from '../system/measure.ts';
import {
  API_KEY,
  CONCURRENCY,
  ORG,
  assistant,
  firstAssistants,
  waitUntil,
  type Figures,
  type System,
} from '../system/system.ts';
import { countTutorialDone, fillTutorialQueue } from '../system/tutorial-queue.ts';
import { requestSingles } from './accepting.ts';

/** A way to rotate keys, with its processes started. */
export interface Contender {
  /** Rotates every assistant once. */
  run(): Promise<Figures>;
  stop(): Promise<void>;
}

export const startRawLoop = async (system: System, rotations: number): Promise<Contender> => {
  const pool = new Pool(system.upstream, { connections: CONCURRENCY });
  return {
    run: () =>
      system.measureCosts([process.pid], rotations, () =>
        runInFlight(rotations, CONCURRENCY, async (i) => {
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

export const startTutorial = async (system: System, rotations: number): Promise<Contender> => {
  const { child } = await system.startProgram('tutorial-worker');
  let requested = 0;
  return {
    run: async () => {
      const queue = await fillTutorialQueue(system, firstAssistants(rotations));
      requested += rotations;
      const figures = await system.measureCosts([child.pid], rotations, async () => {
        await queue.resume();
        await waitUntil(async () => (await countTutorialDone(system)) >= requested);
      });
      await queue.close();
      return figures;
    },
    stop: () => child.stop().then(() => {}),
  };
};

/**
 * Measures from the first POST to the last one. The verification of the bulk is not measured. Neither is the
 * gateway, because the other contenders have none.
 */
const rotateInBulk = async (
  system: System,
  client: RekeyClient,
  workers: App[],
  rotations: number,
): Promise<Figures> => {
  const { system: freezer, bulks } = openLedger(system.redis, { prefix: 'rekey' });
  await freezer.freeze('not yet');
  const { id } = await createBulkOf(client, firstAssistants(rotations));
  const pids = workers.map(({ child }) => child.pid);
  const figures = await system.measureCosts(pids, rotations, async () => {
    const before = (await system.requests()).rotate;
    await freezer.unfreeze();
    await waitUntil(async () => (await system.requests()).rotate > before);
    const start = performance.now();
    await waitUntil(async () => (await bulks.get(id)).state !== 'RUNNING', 50);
    return (performance.now() - start) / 1000;
  });
  await waitForBulk(client, id, ['COMPLETED'], 100);
  return figures;
};

export const startBulk = async (
  system: System,
  rotations: number,
  env?: Record<string, string>,
): Promise<Contender> => {
  const { client, stop } = await system.startGateway();
  const workers = await system.startWorkers(1, env);
  return {
    run: () => rotateInBulk(system, client, workers, rotations),
    stop: async () => {
      await workers[0]!.child.stop();
      await stop();
    },
  };
};

/**
 * One worker and two workers, with the same two processes: the second is stopped while the first works alone.
 */
export const startOneAndTwo = async (
  system: System,
  rotations: number,
): Promise<[one: Contender, two: Contender]> => {
  const { client, stop } = await system.startGateway();
  const both = await system.startWorkers(2, UNBOUNDED);
  const [first, second] = both as [App, App];
  const alone = async () => {
    second.child.signal('SIGSTOP');
    try {
      return await rotateInBulk(system, client, [first], rotations);
    } finally {
      second.child.signal('SIGCONT');
    }
  };
  const together = () => rotateInBulk(system, client, both, rotations);
  const end = async () => {
    await Promise.all(both.map(({ child }) => child.stop()));
    await stop();
  };
  // In runs of both workers, the second does only half of the work: it warms up in twice as many.
  await together();
  await together();
  return [
    { run: alone, stop: async () => {} },
    { run: together, stop: end },
  ];
};

export const startSingles = async (system: System, rotations: number): Promise<Contender> => {
  const { client, stop } = await system.startGateway();
  const [worker] = await system.startWorkers(1);
  const intake = new Queue('rotations', { connection: system.redis, prefix: '{rekey}:bull' });
  let requested = 0;
  return {
    run: async () => {
      await intake.pause();
      await requestSingles(client, rotations);
      requested += rotations;
      return system.measureCosts([worker!.child.pid], rotations, async () => {
        await intake.resume();
        await waitUntil(async () => (await system.redis.zcard('{rekey}:rotations:SUCCEEDED')) >= requested);
      });
    },
    stop: async () => {
      await worker!.child.stop();
      await intake.close();
      await stop();
    },
  };
};

/** Removes the bound of unknown outcomes per org: all assistants are of one org. */
export const UNBOUNDED = { REKEY_MAX_UNKNOWNS: String(4 * CONCURRENCY) };
