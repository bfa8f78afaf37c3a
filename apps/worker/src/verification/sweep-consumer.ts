import { randomUUID } from 'node:crypto';
import { SWEEPS_QUEUE, type Keys, type SweepQueue, type Sweeps } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { SweepJob, noSweepCounts, type SweepCounts } from '@rekey/schema';
import { DelayedError, UnrecoverableError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Meter } from '../metrics/meter.ts';
import { queueWorkerOptions } from '../shared/queue-worker.ts';
import { reportQueueErrors } from '../shared/report-queue-errors.ts';
import { SweepFailure } from './sweep-failure.ts';
import { createSweepSchedule, type SweepScheduleOptions } from './sweep-schedule.ts';

export interface SweepConsumer {
  start(): void;
  /** A sweep in progress stops at its next page; another worker starts it again. */
  close(): Promise<void>;
  /** Requests a sweep of all orgs. */
  requestAll(): Promise<void>;
  /** Requests a sweep of an org; undefined: of all. */
  request(orgId: string | undefined): Promise<void>;
  /** See `SweepSchedule`. */
  align(): Promise<void>;
}

interface SweepConsumerOptions extends Omit<SweepScheduleOptions, 'sweeps' | 'queue'> {
  /** For blocking reads. The caller closes it. */
  redis: Redis;
  keys: Keys;
  sweeps: Sweeps;
  queue: SweepQueue;
  sweep: (orgId: string | undefined, counts: SweepCounts, save: () => Promise<void>) => Promise<void>;
  /**
   * A sweep of a worker that died starts again after this time. A page and the checks that it leads to take
   * less.
   */
  takeoverAfterMs: number;
  logger: Logger;
  meter: Meter;
}

class SweepLost extends Error {}

/**
 * Takes sweeps from BullMQ, one at a time. The ledger's lock ensures that no other worker sweeps meanwhile.
 */
export const createSweepConsumer = (options: SweepConsumerOptions): SweepConsumer => {
  const { redis, keys, takeoverAfterMs, logger } = options;
  const closing = new AbortController();
  const schedule = createSweepSchedule(options);
  const runSweep = createSweepRunner(options, schedule.heldEveryMs, closing.signal);

  const worker = new Worker(
    SWEEPS_QUEUE,
    async (job, token) => {
      const parsed = SweepJob.safeParse(job.data);
      if (!parsed.success) throw new UnrecoverableError('the job does not fit the schema');
      if (parsed.data.sweepId === undefined) return schedule.requestScheduled();
      await runSweep(parsed.data.sweepId, job, token);
    },
    queueWorkerOptions({
      redis,
      keys,
      concurrency: 1,
      lockMs: takeoverAfterMs,
      stalledIntervalMs: takeoverAfterMs / 2,
    }),
  );
  worker.on('failed', (job, err) =>
    logger.event('sweep_job_failed', { job_id: job?.id, reason: err.message }),
  );
  worker.on('error', reportQueueErrors(logger));

  let running: Promise<void> | undefined;
  return {
    requestAll: schedule.requestAll,
    request: schedule.request,
    align: schedule.align,
    start: () => {
      running ??= worker.run();
    },
    close: async () => {
      closing.abort();
      await worker.close();
      await running;
    },
  };
};

const createSweepRunner = (
  { sweeps, sweep, takeoverAfterMs, logger, meter }: SweepConsumerOptions,
  heldEveryMs: number,
  closing: AbortSignal,
) => {
  const delay = async (job: Job, token: string | undefined, inMs: number): Promise<never> => {
    await job.moveToDelayed(Date.now() + inMs, token);
    throw new DelayedError();
  };

  return async (sweepId: string, job: Job, token: string | undefined): Promise<void> => {
    const run = randomUUID();
    const begun = await sweeps.begin(sweepId, run, takeoverAfterMs);
    if (begun.kind === 'busy') return delay(job, token, Math.min(begun.retryInMs, 1000));
    if (begun.kind !== 'begun') return;
    const { orgId } = begun.sweep;
    const ids = { sweep_id: sweepId, ...(orgId !== undefined && { org_id: orgId }) };
    const counts: SweepCounts = { ...noSweepCounts };
    const save = async () => {
      if (closing.aborted || !(await sweeps.save(sweepId, run, counts, { leaseMs: takeoverAfterMs })))
        throw new SweepLost();
    };
    logger.event('sweep_started', ids);
    try {
      await sweep(orgId, counts, save);
      await sweeps.save(sweepId, run, counts, { end: 'SUCCEEDED' });
      logger.event('sweep_succeeded', { ...ids, ...counts });
    } catch (error) {
      if (error instanceof SweepFailure) {
        await sweeps.save(sweepId, run, counts, { end: 'FAILED', errorCode: error.code });
        logger.event('sweep_failed', { ...ids, ...counts, code: error.code });
      } else {
        if (!(error instanceof SweepLost)) logger.event('sweep_interrupted', { err: error, ...ids });
        // Its lock is left to lapse. Then another worker starts the sweep again.
        await delay(job, token, takeoverAfterMs);
      }
    } finally {
      if (orgId !== undefined && heldEveryMs > 0) await sweeps.putOffHeld(orgId, heldEveryMs);
      for (const [word, count] of Object.entries(counts))
        if (word !== 'requests' && word !== 'compared') meter.swept(word, count);
    }
  };
};
