import { ROTATIONS_QUEUE, keptJobs, type Keys } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { RotationJob } from '@rekey/schema';
import { DelayedError, UnrecoverableError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { backoffMs } from './backoff.ts';
import type { Step } from './rotate-secret-key.ts';

export interface RotationConsumer {
  start(): void;
  /** Takes no more jobs and waits for those at work. */
  close(): Promise<void>;
}

export interface ConsumerOptions {
  /** For blocking reads; stays the caller's to close. */
  redis: Redis;
  keys: Keys;
  concurrency: number;
  /** A job of a worker that is gone is delivered to another within this time. */
  takeoverAfterMs: number;
  rotate: (job: RotationJob) => Promise<Step>;
  logger: Logger;
}

/** A job that is delivered anew any number of times is no reason to give up: the ledger says whether there is work left. */
const NEVER_TOO_OFTEN = 1_000_000;
const errorBackoff = { firstMs: 1000, maxMs: 60_000 };

/** Draws rotations from BullMQ. Jobs fail only where they can never be done: when they do not fit, or have no rotation. */
export const createRotationConsumer = ({ redis, keys, concurrency, takeoverAfterMs, rotate, logger }: ConsumerOptions): RotationConsumer => {
  const process = async (job: Job, token?: string): Promise<void> => {
    const parsed = RotationJob.safeParse(job.data);
    if (!parsed.success) {
      const fields = parsed.error.issues.map(({ path, code }) => path.join('.') || code).join(', ');
      throw new UnrecoverableError(`the job does not fit the schema: ${fields}`);
    }
    const step = await takeStep(parsed.data, job);
    if (step.kind === 'stray') throw new UnrecoverableError('the ledger has no such rotation for this org and assistant');
    if (step.kind === 'again') {
      await job.moveToDelayed(Date.now() + step.inMs, token);
      throw new DelayedError();
    }
  };

  const takeStep = async (data: RotationJob, job: Job): Promise<Step> => {
    try {
      let step = await rotate(data);
      while (step.kind === 'again' && step.inMs === 0) step = await rotate(data);
      return step;
    } catch (err) {
      logger.error({ err, rotation_id: data.rotationId }, 'a step of a rotation broke; it is tried again');
      return { kind: 'again', inMs: backoffMs(job.attemptsStarted, errorBackoff) };
    }
  };

  const worker = new Worker(ROTATIONS_QUEUE, process, {
    connection: redis,
    prefix: keys.bull,
    ...keptJobs,
    autorun: false,
    concurrency,
    // A lock lapses, and lapsed locks are looked for: each takes half of the time at the most.
    lockDuration: takeoverAfterMs / 2,
    stalledInterval: takeoverAfterMs / 2,
    maxStalledCount: NEVER_TOO_OFTEN,
    skipVersionCheck: true,
  });
  worker.on('failed', (job, err) => logger.error({ job_id: job?.id, reason: err.message }, 'a job failed'));
  // The connection's own errors are reported where it was made.
  worker.on('error', (err) => logger.debug({ err }, 'BullMQ reported an error'));

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
