import { POLICIES_QUEUE, whenPolicyOpens, type Keys } from '@rekey/ledger';
import { PolicyJob } from '@rekey/schema';
import { DelayedError, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { queueWorkerOptions } from '../shared/queue-worker.ts';
import { reportQueueErrors } from '../shared/report-queue-errors.ts';
import { openWindow, type OpenWindowDeps } from './open-window.ts';

interface PolicyConsumer {
  start(): void;
  /** Takes no more jobs, and waits for the one in progress. */
  close(): Promise<void>;
}

interface PolicyConsumerOptions extends OpenWindowDeps {
  /** For blocking reads. The caller closes it. */
  redis: Redis;
  keys: Keys;
  /** A job of a worker that died is delivered to another one within this time. */
  takeoverAfterMs: number;
}

const RETRY_MS = 10_000;

/** Takes due windows from BullMQ, one at a time. */
export const createPolicyConsumer = ({
  redis,
  keys,
  takeoverAfterMs,
  ...deps
}: PolicyConsumerOptions): PolicyConsumer => {
  const { logger } = deps;
  const open = openWindow(deps);
  const halfMs = takeoverAfterMs / 2;
  const worker = new Worker(
    POLICIES_QUEUE,
    async (job, token) => {
      const parsed = PolicyJob.safeParse(job.data);
      // The due time that the scheduler set, whenever the job is delivered.
      const dueMs = job.opts.prevMillis;
      if (!parsed.success || dueMs === undefined || !Number.isSafeInteger(dueMs))
        throw new UnrecoverableError('the job does not fit the schema');
      const { policyId } = parsed.data;
      try {
        const opened = await open(policyId, dueMs);
        if (opened !== 'requested') logger.event('policy_window_passed', { policy_id: policyId, opened });
      } catch (err) {
        logger.event('policy_window_failed', { err, policy_id: policyId });
        await job.moveToDelayed(Date.now() + RETRY_MS, token);
        throw new DelayedError();
      }
    },
    {
      ...queueWorkerOptions({ redis, keys, concurrency: 1, lockMs: halfMs, stalledIntervalMs: halfMs }),
      settings: { repeatStrategy: whenPolicyOpens },
    },
  );
  worker.on('failed', (job, err) =>
    logger.event('policy_job_failed', { job_id: job?.id, reason: err.message }),
  );
  worker.on('error', reportQueueErrors(logger));

  let running: Promise<void> | undefined;
  return {
    start: () => {
      running ??= worker.run();
    },
    close: async () => {
      await worker.close();
      await running;
    },
  };
};
