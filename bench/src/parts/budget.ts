import { setTimeout as sleep } from 'node:timers/promises';
import type { Part } from './part.ts';
import { waitForBulk } from '../system/bulk.ts';
import { ORG, accepted, firstAssistants, startSystem, waitUntil, type System } from '../system/system.ts';
import { bold, table, whole } from '../system/table.ts';
import { fillTutorialQueue, countTutorialDone } from '../system/tutorial-queue.ts';

const ASSISTANTS = 3000;
const WORKERS = 4;
/** 5,000 requests a minute, in a window so short that a run has many of them. */
export const LIMIT = { requests: 500, windowMs: 6000 };
/** The length of the steady phase, in windows. It begins one window after the first rotation. */
const STEADY_WINDOWS = 4;

interface Use {
  /** The share of the limit that was used in the steady phase. */
  usedShare: number;
  /** The number of 429s, from the first rotation to the end. */
  refused: number;
  requestsEach: number;
  /** From the first rotation to the end. */
  seconds: number;
}

/**
 * Measures from the first rotation to the end. `begin` starts the rotations; `end` resolves with their number
 * when they have ended.
 */
const measureUse = async (
  system: System,
  begin: () => Promise<unknown>,
  end: () => Promise<number>,
): Promise<Use> => {
  const before = accepted(await system.requests());
  await begin();
  await waitUntil(async () => (await system.requests()).rotate > 0);
  const start = performance.now();
  const sample = async () => {
    const at = performance.now();
    return { count: accepted(await system.requests()), atMs: (at + performance.now()) / 2 };
  };
  await sleep(LIMIT.windowMs);
  const from = await sample();
  await sleep(from.atMs + STEADY_WINDOWS * LIMIT.windowMs - performance.now());
  const to = await sample();
  const done = await end();
  const seconds = (performance.now() - start) / 1000;
  const requests = await system.requests();
  return {
    usedShare: ((to.count - from.count) * LIMIT.windowMs) / ((to.atMs - from.atMs) * LIMIT.requests),
    refused: requests.limited,
    requestsEach: (accepted(requests) - before) / done,
    seconds,
  };
};

/**
 * Rotates a known org, whose assistants a sweep has imported, or an unknown one. Of an unknown org, Rekey
 * reads a sample of each page by GET.
 */
const byRekey = async ({ isKnown }: { isKnown: boolean }): Promise<Use> => {
  const system = await startSystem({ assistants: ASSISTANTS, limit: LIMIT });
  const { client, stop } = await system.startGateway();
  const workers = await system.startWorkers(WORKERS);
  let id = '';
  if (isKnown) {
    const sweep = await client.createSweep({ orgId: ORG });
    await waitUntil(async () => (await client.getSweep(sweep.id)).state === 'SUCCEEDED');
  }
  const use = await measureUse(
    system,
    async () =>
      ({ id } = await client.createBulkRotation({ orgId: ORG, reason: 'bench', allAssistants: true })),
    async () => (await waitForBulk(client, id, ['COMPLETED'])).verification!.verified,
  );
  await Promise.all(workers.map(({ child }) => child.stop()));
  await stop();
  await system.stop();
  return use;
};

const byTutorial = async (): Promise<Use> => {
  const system = await startSystem({ assistants: ASSISTANTS, limit: LIMIT });
  const queue = await fillTutorialQueue(system, firstAssistants(ASSISTANTS));
  const env = { LIMIT_REQUESTS: String(LIMIT.requests), LIMIT_WINDOW_MS: String(LIMIT.windowMs) };
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, () => system.startProgram('tutorial-worker', env)),
  );
  const use = await measureUse(
    system,
    () => queue.resume(),
    async () => {
      await waitUntil(async () => (await countTutorialDone(system)) >= ASSISTANTS, 20);
      return ASSISTANTS;
    },
  );
  await Promise.all(workers.map(({ child }) => child.stop()));
  await queue.close();
  await system.stop();
  return use;
};

/** Measures how well several workers share a request limit, in comparison with BullMQ's limiter. */
export const budget: Part = async (_size, progress) => {
  progress(`budget: the tutorial stack with BullMQ's limiter, ${WORKERS} workers`);
  const tutorial = await byTutorial();
  progress(`budget: Rekey, a bulk of a whole unknown org, ${WORKERS} workers`);
  const rekey = await byRekey({ isKnown: false });
  progress(`budget: Rekey, a bulk of a whole known org, ${WORKERS} workers`);
  const known = await byRekey({ isKnown: true });
  const row = (name: string, { usedShare, refused, requestsEach, seconds }: Use) => [
    name,
    `${(usedShare * 100).toFixed(1)} %`,
    whole(refused),
    requestsEach.toFixed(3),
    seconds.toFixed(1),
  ];
  const limit = `${LIMIT.requests} requests in ${LIMIT.windowMs / 1000} s`;
  return table(
    [
      `${whole(ASSISTANTS)} assistants, ${WORKERS} workers, ${limit}`,
      'of the limit used',
      '429s',
      'requests a rotation',
      'seconds',
    ],
    [
      row("tutorial stack, BullMQ's limiter", tutorial),
      row('Rekey, verified, an unknown org', rekey).map(bold),
      row('Rekey, verified, a known org', known).map(bold),
    ],
  );
};
