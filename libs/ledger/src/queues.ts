import type { RotationJob } from '@rekey/schema';
import { Queue, type KeepJobs } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

export const ROTATIONS_QUEUE = 'rotations';

/**
 * Jobs leave no trace when done; of failed ones (they did not fit the schema, or have no rotation) the last are kept to look at.
 * The worker says so for all of them: told to each job, it would be stored and parsed a million times.
 */
export const keptJobs: { removeOnComplete: KeepJobs; removeOnFail: KeepJobs } = { removeOnComplete: { count: 0 }, removeOnFail: { count: 1000 } };

export interface RotationQueue {
  /** Puts a rotation on its way. The job's id is the rotation's: adding it again while it is there changes nothing. */
  add(job: RotationJob): Promise<void>;
  close(): Promise<void>;
}

/** The connection stays the caller's to close. */
export const createRotationQueue = (redis: Redis, keys: Keys): RotationQueue => {
  const queue = new Queue(ROTATIONS_QUEUE, { connection: redis, prefix: keys.bull, skipMetasUpdate: true });
  // The connection's own errors are reported where it was made.
  queue.on('error', () => {});
  return {
    add: async (job) => {
      await queue.add('rotate', job, { jobId: job.rotationId });
    },
    close: () => queue.close(),
  };
};
