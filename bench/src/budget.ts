import { setTimeout as sleep } from 'node:timers/promises';
import type { Part } from './part.ts';
import { ORG, accepted, firstAssistants, startStage, until, untilBulk, type Stage } from './stage.ts';
import { bold, table, whole } from './table.ts';
import { fillTutorialQueue, tutorialDone } from './tutorial.ts';

const ASSISTANTS = 3000;
const WORKERS = 4;
/** 5,000 a minute, in a window short enough for many of them to be seen. */
export const LIMIT = { requests: 500, windowMs: 6000 };
/** The steady stretch begins a window after the first rotation, and is so many windows long. */
const WINDOWS = 4;

interface Use {
  /** Of the requests that were allowed in the steady stretch. */
  usedShare: number;
  /** 429s from the beginning to the end. */
  refused: number;
  requestsEach: number;
  /** From the first rotation to the end. */
  seconds: number;
}

/**
 * Watches from the first rotation, which `begin` brings about, to the end, at which `end` answers how many
 * are done.
 */
const watchUse = async (
  stage: Stage,
  begin: () => Promise<unknown>,
  end: () => Promise<number>,
): Promise<Use> => {
  const before = accepted(await stage.requests());
  await begin();
  await until(async () => (await stage.requests()).rotate > 0);
  const start = performance.now();
  const sample = async () => {
    const at = performance.now();
    return { count: accepted(await stage.requests()), atMs: (at + performance.now()) / 2 };
  };
  await sleep(LIMIT.windowMs);
  const from = await sample();
  await sleep(from.atMs + WINDOWS * LIMIT.windowMs - performance.now());
  const to = await sample();
  const done = await end();
  const seconds = (performance.now() - start) / 1000;
  const requests = await stage.requests();
  return {
    usedShare: ((to.count - from.count) * LIMIT.windowMs) / ((to.atMs - from.atMs) * LIMIT.requests),
    refused: requests.limited,
    requestsEach: (accepted(requests) - before) / done,
    seconds,
  };
};

/**
 * Of an org whose assistants a sweep has imported before, or of one that was never seen: then a sample of
 * each page is read by GET.
 */
const byRekey = async ({ isKnown }: { isKnown: boolean }): Promise<Use> => {
  const stage = await startStage({ assistants: ASSISTANTS, limit: LIMIT });
  const { client, stop } = await stage.startGateway();
  const workers = await stage.startWorkers(WORKERS);
  let id = '';
  if (isKnown) {
    const sweep = await client.createSweep({ orgId: ORG });
    await until(async () => (await client.getSweep(sweep.id)).state === 'SUCCEEDED');
  }
  const use = await watchUse(
    stage,
    async () =>
      ({ id } = await client.createBulkRotation({ orgId: ORG, reason: 'bench', allAssistants: true })),
    async () => (await untilBulk(client, id, ['COMPLETED'])).verification!.verified,
  );
  await Promise.all(workers.map(({ child }) => child.stop()));
  await stop();
  await stage.stop();
  return use;
};

const byTutorial = async (): Promise<Use> => {
  const stage = await startStage({ assistants: ASSISTANTS, limit: LIMIT });
  const queue = await fillTutorialQueue(stage, firstAssistants(ASSISTANTS));
  const env = { LIMIT_REQUESTS: String(LIMIT.requests), LIMIT_WINDOW_MS: String(LIMIT.windowMs) };
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, () => stage.startProgram('tutorial-worker', env)),
  );
  const use = await watchUse(
    stage,
    () => queue.resume(),
    async () => {
      await until(async () => (await tutorialDone(stage)) >= ASSISTANTS, 20);
      return ASSISTANTS;
    },
  );
  await Promise.all(workers.map(({ child }) => child.stop()));
  await queue.close();
  await stage.stop();
  return use;
};

/** How well several workers share a request limit, beside BullMQ's own limiter. */
export const budget: Part = async (_size, progress) => {
  progress(`budget: the tutorial stack with BullMQ's limiter, ${WORKERS} workers`);
  const tutorial = await byTutorial();
  progress(`budget: Rekey, a bulk of a whole org that was never seen, ${WORKERS} workers`);
  const rekey = await byRekey({ isKnown: false });
  progress(`budget: Rekey, a bulk of a whole org that is known, ${WORKERS} workers`);
  const known = await byRekey({ isKnown: true });
  const row = (name: string, { usedShare, refused, requestsEach, seconds }: Use) => [
    name,
    `${(usedShare * 100).toFixed(1)} %`,
    whole(refused),
    requestsEach.toFixed(3),
    seconds.toFixed(1),
  ];
  return table(
    [
      `${whole(ASSISTANTS)} assistants, ${WORKERS} workers, ${LIMIT.requests} requests in ${LIMIT.windowMs / 1000} s`,
      'of the limit used',
      '429s',
      'requests a rotation',
      'seconds',
    ],
    [
      row("tutorial stack, BullMQ's limiter", tutorial),
      row('Rekey, verified, an org that was never seen', rekey).map(bold),
      row('Rekey, verified, a known org', known).map(bold),
    ],
  );
};
