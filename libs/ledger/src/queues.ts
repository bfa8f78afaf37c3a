import type { RotationJob } from '@rekey/schema';
import { Queue, type KeepJobs } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/** First deliveries. */
export const ROTATIONS_QUEUE = 'rotations';
/**
 * Rotations that could not be done at the first delivery: to be tried again, or read back. A queue of its own, because BullMQ puts
 * a delayed job behind all that wait when its time has come: a key that is dead upstream must not wait for a backlog.
 */
export const FOLLOW_UPS_QUEUE = 'rotation-follow-ups';

/**
 * Jobs leave no trace when done; of failed ones (they did not fit the schema, or have no rotation) the last are kept to look at.
 * The worker says so for all of them: told to each job, it would be stored and parsed a million times.
 */
export const keptJobs: { removeOnComplete: KeepJobs; removeOnFail: KeepJobs } = { removeOnComplete: { count: 0 }, removeOnFail: { count: 1000 } };

export interface RotationQueue {
  /** Puts a rotation on its way. The job's id is the rotation's: adding it again while it is there changes nothing. */
  add(job: RotationJob, options?: { delayMs?: number }): Promise<void>;
  /** The same for a rotation whose job may lie among the failed ones, where adding would change nothing. */
  revive(job: RotationJob): Promise<void>;
  close(): Promise<void>;
}

/** The connection stays the caller's to close. */
export const createRotationQueue = (redis: Redis, keys: Keys, name: string = ROTATIONS_QUEUE): RotationQueue => {
  // With the version check, an INFO that fails at the start would break the queue for good.
  const queue = new Queue(name, { connection: redis, prefix: keys.bull, skipMetasUpdate: true, skipVersionCheck: true });
  // The connection's own errors are reported where it was made.
  queue.on('error', () => {});
  const add = async (job: RotationJob, { delayMs = 0 } = {}) => {
    await queue.add('rotate', job, { jobId: job.rotationId, ...(delayMs > 0 && { delay: delayMs }) });
  };
  return {
    add,
    revive: async (job) => {
      await queue.remove(job.rotationId);
      await add(job);
    },
    close: () => queue.close(),
  };
};
