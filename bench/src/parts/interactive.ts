import { setTimeout as sleep } from 'node:timers/promises';
import type { RekeyClient } from '@rekey/client';
import { LIMIT } from './budget.ts';
import { percentile } from '../system/measure.ts';
import type { Part } from './part.ts';
import { createBulkOf } from '../system/bulk.ts';
import {
  CONCURRENCY,
  ORG,
  assistant,
  firstAssistants,
  startSystem,
  waitUntil,
  type System,
} from '../system/system.ts';
import { bold, ratioOf, table, whole } from '../system/table.ts';

const SINGLES = 1000;
/** V8 compiles during the first rotations: they are not measured. */
const WARM_UP = 100;
/** The time between two requests. Rekey uses 98.5 % of the limit. */
const SLOT_MS = LIMIT.windowMs / (LIMIT.requests * 0.985);
/** More assistants than the bulk can rotate during the measurement. */
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

/** Requests rotations one after the other, at random moments, of assistants that are in no bulk. */
const oneByOne = async (
  firstIndex: number,
  pauseMs: number,
  request: (assistantId: string) => Promise<void>,
): Promise<void> => {
  for (let i = 0; i < WARM_UP + SINGLES; i += 1) {
    await sleep(pauseMs * (0.5 + Math.random()));
    await request(assistant(firstIndex + i));
  }
};

/** Measures while a bulk rotation takes all capacity. */
const duringBulk = async (
  system: System,
  size: number,
  workerCount: number,
  measure: (client: RekeyClient) => Promise<number[]>,
): Promise<Spread> => {
  const { client, stop } = await system.startGateway();
  const workers = await system.startWorkers(workerCount);
  const before = (await system.requests()).rotate;
  const bulk = size > 0 ? await createBulkOf(client, firstAssistants(size)) : undefined;
  // From here on the bulk runs at its full rate.
  if (bulk) await waitUntil(async () => (await system.requests()).rotate > before + 100);
  const values = await measure(client);
  if (bulk) await client.cancelBulkRotation(bulk.id);
  await Promise.all(workers.map(({ child }) => child.stop()));
  await stop();
  return spreadOf(values);
};

/** Measures from the response of RotateSecretKey until its POST arrives upstream, in slots. */
const slotsToPost = async (workerCount: number): Promise<Spread> => {
  const system = await startSystem({ assistants: LIMITED_BULK + WARM_UP + SINGLES, limit: LIMIT });
  const spread = await duringBulk(system, LIMITED_BULK, workerCount, async (client) => {
    const answeredMs = new Map<string, number>();
    await oneByOne(LIMITED_BULK, 150, async (assistantId) => {
      await client.rotateSecretKey({ orgId: ORG, assistantId });
      answeredMs.set(assistantId, performance.timeOrigin + performance.now());
    });
    // The last POSTs may not have arrived.
    await sleep(1000);
    const history = (await system.admin('GET', '/history')) as Record<string, { atMs: number }[]>;
    return [...answeredMs]
      .slice(WARM_UP)
      .map(([assistantId, ms]) => Math.max(history[assistantId]!.at(-1)!.atMs - ms, 0) / SLOT_MS);
  });
  await system.stop();
  return spread;
};

/** Measures from the call of RotateSecretKey until WaitRotation returns the ended rotation, in ms. */
const msToEnd = async (bulkSize: number): Promise<Spread> => {
  const system = await startSystem({ assistants: UNLIMITED_BULK + WARM_UP + SINGLES, latencyMs: LATENCY_MS });
  const spread = await duringBulk(system, bulkSize, 1, async (client) => {
    const values: number[] = [];
    await oneByOne(UNLIMITED_BULK, 60, async (assistantId) => {
      const start = performance.now();
      const { id } = await client.rotateSecretKey({ orgId: ORG, assistantId });
      const { state } = await client.waitRotation({ id, timeoutMs: 30_000 }, { deadlineMs: 40_000 });
      if (state !== 'SUCCEEDED') throw new Error(`a single rotation is ${state}`);
      values.push(performance.now() - start);
    });
    return values.slice(WARM_UP);
  });
  await system.stop();
  return spread;
};

/** Measures how a bulk delays single rotations, with a request limit and without one. */
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
        `${SINGLES} singles during a bulk: response → POST arrives, slots of ${SLOT_MS.toFixed(2)} ms`,
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
