import { Queue } from 'bullmq';
import { ORG, type System } from './system.ts';

const QUEUE = 'tutorial';

const JOBS_PER_CALL = 1000;

/** Fills the queue of the tutorial stack with one job for each assistant, and leaves it paused. */
export const fillTutorialQueue = async (
  { redis }: System,
  assistantIds: readonly string[],
): Promise<Queue> => {
  const queue = new Queue(QUEUE, { connection: redis });
  await queue.pause();
  for (let from = 0; from < assistantIds.length; from += JOBS_PER_CALL) {
    await queue.addBulk(
      assistantIds
        .slice(from, from + JOBS_PER_CALL)
        .map((assistantId) => ({ name: 'rotate', data: { orgId: ORG, assistantId } })),
    );
  }
  return queue;
};

export const countTutorialDone = ({ redis }: System): Promise<number> =>
  redis.zcard(`bull:${QUEUE}:completed`);
