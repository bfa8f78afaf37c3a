import { Queue } from 'bullmq';
import { ORG, type Stage } from './stage.ts';

const QUEUE = 'tutorial';

/** As many jobs as one call of addBulk gets. */
const JOBS_A_CALL = 1000;

/** The queue of the tutorial stack, paused and filled: one job for each assistant. */
export const fillTutorialQueue = async (
  { redis }: Stage,
  assistantIds: readonly string[],
): Promise<Queue> => {
  const queue = new Queue(QUEUE, { connection: redis });
  await queue.pause();
  for (let from = 0; from < assistantIds.length; from += JOBS_A_CALL) {
    await queue.addBulk(
      assistantIds
        .slice(from, from + JOBS_A_CALL)
        .map((assistantId) => ({ name: 'rotate', data: { orgId: ORG, assistantId } })),
    );
  }
  return queue;
};

export const tutorialDone = ({ redis }: Stage): Promise<number> => redis.zcard(`bull:${QUEUE}:completed`);
