import { randomBytes } from 'node:crypto';
import { peakRssBytes, redisUsedBytes } from '../system/measure.ts';
import type { Part } from './part.ts';
import { createBulkOf, waitForBulk } from '../system/bulk.ts';
import { ORG, startSystem, type System } from '../system/system.ts';
import { bold, table, whole } from '../system/table.ts';
import { fillTutorialQueue } from '../system/tutorial-queue.ts';

const ASSISTANTS = 1_000_000;
/** The assistants that exist upstream and are rotated. */
const CANARY = 5000;

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Ids look like Invent's: `ast_` and 22 characters. Their distribution need not be uniform. */
const randomId = (): string => `ast_${Array.from(randomBytes(22), (byte) => BASE62[byte % 62]).join('')}`;

/** The time until the last assistant is recorded, and the size of each in Redis. */
interface Recorded {
  seconds: number;
  bytesEach: number;
}

const record = async ({ redis }: System, work: () => Promise<unknown>): Promise<Recorded> => {
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

/** Accepts the ids while Rekey is frozen. Then the worker rotates the canary. */
const byRekey = async (
  system: System,
  ids: readonly string[],
  progress: (text: string) => void,
): Promise<Recorded & Peaks> => {
  for (const id of ids.slice(0, CANARY)) await system.admin('POST', '/assistants', { org_id: ORG, id });
  const { app, client, stop } = await system.startGateway();
  const [worker] = await system.startWorkers(1);
  await client.freeze({ reason: 'not yet' });
  let id = '';
  const recorded = await record(
    system,
    async () => ({ id } = await createBulkOf(client, ids, { canary: { count: CANARY, continues: false } })),
  );
  progress(`million: the worker rotates the canary of ${whole(CANARY)}`);
  await client.unfreeze();
  const { counts } = await waitForBulk(client, id, ['PAUSED'], 100);
  if (counts!.succeeded !== CANARY) throw new Error(`only ${counts!.succeeded} rotations succeeded`);
  const peaks = { gatewayBytes: peakRssBytes(app.child.pid), workerBytes: peakRssBytes(worker!.child.pid) };
  await worker!.child.stop();
  await stop();
  await system.clear();
  return { ...recorded, ...peaks };
};

const byTutorial = async (system: System, ids: readonly string[]): Promise<Recorded> => {
  const recorded = await record(system, async () => (await fillTutorialQueue(system, ids)).close());
  await system.clear();
  return recorded;
};

/** Accepts a million assistants over gRPC, in comparison with a job for each. */
export const million: Part = async (_size, progress) => {
  const ids = Array.from({ length: ASSISTANTS }, randomId);
  const system = await startSystem({ assistants: 0 });
  progress(`million: Rekey accepts a bulk of ${whole(ASSISTANTS)}`);
  const rekey = await byRekey(system, ids, progress);
  progress('million: BullMQ, one job each');
  const tutorial = await byTutorial(system, ids);
  await system.stop();
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
