import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient } from '@rekey/client';
import { LIMIT } from './budget.ts';
import { percentile } from './measure.ts';
import type { Part } from './part.ts';
import {
  CONCURRENCY,
  ORG,
  assistant,
  createBulkOf,
  firstAssistants,
  startStage,
  until,
  type Stage,
} from './stage.ts';
import { bold, ratioOf, table, whole } from './table.ts';

const SINGLES = 1000;
/** These are not counted: until then V8 compiles. */
const WARMING = 100;
/** Rekey's pause between two requests: it uses 98.5 % of the limit. */
const SLOT_MS = LIMIT.windowMs / (LIMIT.requests * 0.985);
/** More than can be rotated meanwhile. */
const LIMITED_BULK = 20_000;
const UNLIMITED_BULK = 100_000;
const LATENCY_MS = 20;

interface Spread {
  p50: number;
  p99: number;
}

const spreadOf = (values: number[]): Spread => ({
  p50: percentile(values, 0.5),
  p99: percentile(values, 0.99),
});

/** Single rotations one after the other, at random moments, of assistants that no bulk has. */
const oneByOne = async (
  firstIndex: number,
  pauseMs: number,
  ask: (assistantId: string) => Promise<void>,
): Promise<void> => {
  for (let i = 0; i < WARMING + SINGLES; i += 1) {
    await sleep(pauseMs * (0.5 + Math.random()));
    await ask(assistant(firstIndex + i));
  }
};

/** With a bulk under way that takes all there is. */
const duringBulk = async (
  stage: Stage,
  size: number,
  workerCount: number,
  measure: (client: RekeyClient) => Promise<number[]>,
): Promise<Spread> => {
  const { client, stop } = await stage.startGateway();
  const workers = await stage.startWorkers(workerCount);
  const before = (await stage.requests()).rotate;
  const bulk = size > 0 ? await createBulkOf(client, firstAssistants(size)) : undefined;
  // It has found its pace.
  if (bulk) await until(async () => (await stage.requests()).rotate > before + 100);
  const values = await measure(client);
  if (bulk) await client.cancelBulkRotation(bulk.id);
  await Promise.all(workers.map(({ child }) => child.stop()));
  await stop();
  return spreadOf(values);
};

/** From the answer to RotateSecretKey until its POST has arrived, in slots. */
const slotsToPost = async (workerCount: number): Promise<Spread> => {
  const stage = await startStage({ assistants: LIMITED_BULK + WARMING + SINGLES, limit: LIMIT });
  const spread = await duringBulk(stage, LIMITED_BULK, workerCount, async (client) => {
    const answeredMs = new Map<string, number>();
    await oneByOne(LIMITED_BULK, 150, async (assistantId) => {
      await client.rotateSecretKey({ orgId: ORG, assistantId });
      answeredMs.set(assistantId, performance.timeOrigin + performance.now());
    });
    // The last ones may be on their way.
    await sleep(1000);
    const history = (await stage.admin('GET', '/history')) as Record<string, { atMs: number }[]>;
    return [...answeredMs]
      .slice(WARMING)
      .map(([assistantId, ms]) => Math.max(history[assistantId]!.at(-1)!.atMs - ms, 0) / SLOT_MS);
  });
  await stage.stop();
  return spread;
};

/** From the call of RotateSecretKey until WaitRotation says that it has ended, in ms. */
const msToEnd = async (bulkSize: number): Promise<Spread> => {
  const stage = await startStage({ assistants: UNLIMITED_BULK + WARMING + SINGLES, latencyMs: LATENCY_MS });
  const spread = await duringBulk(stage, bulkSize, 1, async (client) => {
    const values: number[] = [];
    await oneByOne(UNLIMITED_BULK, 60, async (assistantId) => {
      const start = performance.now();
      const { id } = await client.rotateSecretKey({ orgId: ORG, assistantId });
      const { state } = await client.waitRotation({ id, timeoutMs: 30_000 }, { deadlineMs: 40_000 });
      if (state !== 'SUCCEEDED') throw new Error(`a single rotation is ${state}`);
      values.push(performance.now() - start);
    });
    return values.slice(WARMING);
  });
  await stage.stop();
  return spread;
};

/** What a bulk does to single rotations, with a request limit and without one. */
export const interactive: Part = async (_size, progress) => {
  progress('interactive: single rotations during a bulk that saturates the budget, one worker');
  const one = await slotsToPost(1);
  progress('interactive: the same, four workers');
  const four = await slotsToPost(4);
  progress('interactive: single rotations without a limit, no bulk');
  const idle = await msToEnd(0);
  progress(`interactive: the same behind a bulk of ${whole(UNLIMITED_BULK)}`);
  const busy = await msToEnd(UNLIMITED_BULK);
  const row = (name: string, { p50, p99 }: Spread) => [name, p50.toFixed(2), p99.toFixed(2)];
  return [
    table(
      [
        `${SINGLES} singles during a bulk that takes the whole budget: answer → POST arrives, in slots of ${SLOT_MS.toFixed(2)} ms`,
        'p50',
        'p99',
      ],
      [row('one worker', one), row('four workers', four)],
    ),
    table(
      [
        `${SINGLES} singles, no limit, upstream ${LATENCY_MS} ms, concurrency ${CONCURRENCY}: call → end, ms`,
        'p50',
        'p99',
      ],
      [
        row('no bulk', idle),
        row(`bulk of ${whole(UNLIMITED_BULK)} waiting`, busy),
        [bold('with / without'), ratioOf(busy.p50, idle.p50), ratioOf(busy.p99, idle.p99)],
      ],
    ),
  ].join('\n\n');
};
