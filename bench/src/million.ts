import { randomBytes } from 'node:crypto';
import { peakRssBytes, redisUsedBytes } from './measure.ts';
import type { Part } from './part.ts';
import { ORG, createBulkOf, startStage, untilBulk, type Stage } from './stage.ts';
import { bold, table, whole } from './table.ts';
import { fillTutorialQueue } from './tutorial.ts';

const ASSISTANTS = 1_000_000;
/** So many of them exist upstream, and are rotated. */
const CANARY = 5000;

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * Of the real shape: `ast_` and 22 characters. Which ones does not matter, so that bytes need not be spread
 * evenly over them.
 */
const randomId = (): string => `ast_${Array.from(randomBytes(22), (byte) => BASE62[byte % 62]).join('')}`;

/** What it took until the last of them was recorded, and what each takes in Redis. */
interface Recorded {
  seconds: number;
  bytesEach: number;
}

const record = async ({ redis }: Stage, work: () => Promise<unknown>): Promise<Recorded> => {
  const before = await redisUsedBytes(redis);
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  return { seconds, bytesEach: ((await redisUsedBytes(redis)) - before) / ASSISTANTS };
};

interface Peaks {
  gatewayBytes: number;
  workerBytes: number;
}

/** Accepts them while a worker is up but frozen; then it rotates the first few. */
const byRekey = async (
  stage: Stage,
  ids: readonly string[],
  progress: (text: string) => void,
): Promise<Recorded & Peaks> => {
  for (const id of ids.slice(0, CANARY)) await stage.admin('POST', '/assistants', { org_id: ORG, id });
  const { app, client, stop } = await stage.startGateway();
  const [worker] = await stage.startWorkers(1);
  await client.freeze({ reason: 'not yet' });
  let id = '';
  const recorded = await record(
    stage,
    async () => ({ id } = await createBulkOf(client, ids, { canary: { count: CANARY, continues: false } })),
  );
  progress(`million: the worker rotates the first ${whole(CANARY)} of them`);
  await client.unfreeze();
  const { counts } = await untilBulk(client, id, ['PAUSED'], 100);
  if (counts!.succeeded !== CANARY) throw new Error(`only ${counts!.succeeded} were rotated`);
  const peaks = { gatewayBytes: peakRssBytes(app.child.pid), workerBytes: peakRssBytes(worker!.child.pid) };
  await worker!.child.stop();
  await stop();
  await stage.clear();
  return { ...recorded, ...peaks };
};

const byTutorial = async (stage: Stage, ids: readonly string[]): Promise<Recorded> => {
  const recorded = await record(stage, async () => (await fillTutorialQueue(stage, ids)).close());
  await stage.clear();
  return recorded;
};

/** A million assistants accepted over gRPC, beside a job for each. */
export const million: Part = async (_size, progress) => {
  const ids = Array.from({ length: ASSISTANTS }, randomId);
  const stage = await startStage({ assistants: 0 });
  progress(`million: Rekey accepts a bulk of ${whole(ASSISTANTS)}`);
  const rekey = await byRekey(stage, ids, progress);
  progress('million: BullMQ, one job each');
  const tutorial = await byTutorial(stage, ids);
  await stage.stop();
  const mb = (bytes: number) => whole(bytes / 1e6);
  return table(
    [
      `${whole(ASSISTANTS)} assistants accepted, ids of 26 bytes`,
      'seconds',
      'Redis bytes each',
      'gateway peak MB',
      'worker peak MB',
    ],
    [
      ['BullMQ, `addBulk` of one job each', tutorial.seconds.toFixed(1), whole(tutorial.bytesEach), '', ''],
      [
        'Rekey, `CreateBulkRotation` over gRPC',
        rekey.seconds.toFixed(1),
        whole(rekey.bytesEach),
        mb(rekey.gatewayBytes),
        mb(rekey.workerBytes),
      ],
      [
        '**BullMQ / Rekey**',
        bold((tutorial.seconds / rekey.seconds).toFixed(1)),
        bold((tutorial.bytesEach / rekey.bytesEach).toFixed(1)),
        '',
        '',
      ],
    ],
  );
};
