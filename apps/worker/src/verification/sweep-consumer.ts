import { randomUUID } from 'node:crypto';
import {
  SWEEPS_QUEUE,
  keptJobs,
  sweepDueWithinMs,
  type Keys,
  type Ledger,
  type SweepQueue,
  type Sweeps,
  type System,
} from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { SweepJob, noSweepCounts, type SweepCounts } from '@rekey/schema';
import { DelayedError, UnrecoverableError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { ulid } from 'ulid';
import { RUN_RETRY_DELAY_MS } from '../shared/backoff.ts';
import type { Meter } from '../shared/meter.ts';
import { SweepFailure } from './sweep/sweep.ts';

export interface SweepConsumer {
  start(): void;
  /** A sweep under way stops at its next page, and is made anew by another worker. */
  close(): Promise<void>;
  /** Asks for a sweep of everything. */
  requestAll(): Promise<void>;
  /**
   * Has the schedule be as it should be; and, whatever the queue holds, asks for a sweep of everything if the
   * ledger says that one is overdue. Held orgs are swept more often, so that a hold ends soon after Invent
   * shows again what is known.
   */
  align(): Promise<void>;
}

export interface SweepConsumerOptions {
  /** For blocking reads; stays the caller's to close. */
  redis: Redis;
  keys: Keys;
  sweeps: Sweeps;
  queue: SweepQueue;
  sweep: (orgId: string | undefined, counts: SweepCounts, save: () => Promise<void>) => Promise<void>;
  /**
   * A sweep whose worker is gone is begun anew after so long; a page and the checks that it leads to take
   * less.
   */
  takeoverAfterMs: number;
  /** How often everything is to be compared, in ms; 0: on demand only. */
  everyMs: number;
  sweepTimes: System['sweepTimes'];
  heldOrgs: Ledger['heldOrgs'];
  logger: Logger;
  meter: Meter;
}

const NEVER_TOO_OFTEN = 1_000_000;
const SWEEP_HELD_EVERY_MS = 300_000;
/**
 * Sweeps of held orgs that are asked for at a time: each reads a whole list, and sweeps run one at a time.
 */
const HELD_AT_ONCE = 10;

class SweepLost extends Error {}

/**
 * Draws sweeps from BullMQ, one at a time; the ledger's lock sees to it that no other worker sweeps
 * meanwhile.
 */
export const createSweepConsumer = ({
  redis,
  keys,
  sweeps,
  queue,
  sweep,
  takeoverAfterMs,
  everyMs,
  sweepTimes,
  heldOrgs,
  logger,
  meter,
}: SweepConsumerOptions): SweepConsumer => {
  let closing = false;

  const request = async (orgId: string | undefined) => {
    const { sweep: asked } = await sweeps.create(`swp_${ulid()}`, orgId);
    await queue.add(asked.id);
  };
  const requestAll = () => request(undefined);

  const heldEveryMs = Math.min(everyMs, SWEEP_HELD_EVERY_MS);
  const requestHeld = async () => {
    let requested = 0;
    for (const { orgId } of await heldOrgs()) {
      if (requested === HELD_AT_ONCE) return;
      if (!(await sweeps.claimHeld(orgId, heldEveryMs))) continue;
      requested += 1;
      await request(orgId);
    }
  };

  /** The schedule may come too often: after a queue was emptied, or between workers whose clocks differ. */
  const requestScheduled = async () => {
    const { nowMs, begunMs } = await sweepTimes();
    if (begunMs !== undefined && begunMs <= nowMs && nowMs - begunMs < everyMs / 2) return;
    await requestAll();
  };

  const align = async () => {
    await queue.schedule(everyMs);
    if (everyMs === 0) return;
    await requestHeld();
    const { nowMs, begunMs = 0, endedMs = 0, running } = await sweepTimes();
    if (running || nowMs - Math.min(Math.max(begunMs, endedMs), nowMs) <= sweepDueWithinMs(everyMs)) return;
    logger.warn(
      { last_begun_ms: begunMs, last_ended_ms: endedMs, every_ms: everyMs },
      'a sweep is overdue: requesting one, whatever the schedule says',
    );
    await requestAll();
  };

  const putOff = async (job: Job, token: string | undefined, inMs: number): Promise<never> => {
    await job.moveToDelayed(Date.now() + inMs, token);
    throw new DelayedError();
  };

  const make = async (sweepId: string, job: Job, token: string | undefined): Promise<void> => {
    const run = randomUUID();
    const begun = await sweeps.begin(sweepId, run, takeoverAfterMs);
    if (begun.kind === 'busy') return putOff(job, token, Math.min(begun.retryInMs, 1000));
    if (begun.kind !== 'begun') return;
    const { orgId } = begun.sweep;
    const ids = { sweep_id: sweepId, ...(orgId !== undefined && { org_id: orgId }) };
    const counts: SweepCounts = { ...noSweepCounts };
    const save = async () => {
      if (closing || !(await sweeps.save(sweepId, run, counts, { leaseMs: takeoverAfterMs })))
        throw new SweepLost();
    };
    logger.info(ids, 'a sweep begins');
    try {
      await sweep(orgId, counts, save);
      await sweeps.save(sweepId, run, counts, { end: 'SUCCEEDED' });
      logger.info({ ...ids, ...counts }, 'a sweep has ended');
    } catch (error) {
      if (error instanceof SweepFailure) {
        await sweeps.save(sweepId, run, counts, { end: 'FAILED', errorCode: error.code });
        logger.error({ ...ids, ...counts, code: error.code }, 'a sweep failed');
      } else {
        if (!(error instanceof SweepLost))
          logger.error({ err: error, ...ids }, 'a sweep broke; it is made anew');
        // Its lock is left to lapse: another begins it then.
        await putOff(job, token, takeoverAfterMs);
      }
    } finally {
      if (orgId !== undefined && heldEveryMs > 0) await sweeps.putOffHeld(orgId, heldEveryMs);
      for (const [word, count] of Object.entries(counts))
        if (word !== 'requests' && word !== 'compared') meter.swept(word, count);
    }
  };

  const worker = new Worker(
    SWEEPS_QUEUE,
    async (job, token) => {
      const parsed = SweepJob.safeParse(job.data);
      if (!parsed.success) throw new UnrecoverableError('the job does not fit the schema');
      if (parsed.data.sweepId === undefined) return requestScheduled();
      await make(parsed.data.sweepId, job, token);
    },
    {
      connection: redis,
      prefix: keys.bull,
      ...keptJobs,
      autorun: false,
      concurrency: 1,
      lockDuration: takeoverAfterMs,
      stalledInterval: takeoverAfterMs / 2,
      maxStalledCount: NEVER_TOO_OFTEN,
      skipVersionCheck: true,
      runRetryDelay: RUN_RETRY_DELAY_MS,
    },
  );
  worker.on('failed', (job, err) =>
    logger.error({ job_id: job?.id, reason: err.message }, 'a sweep job failed'),
  );
  worker.on('error', (err) => logger.debug({ err }, 'BullMQ reported an error'));

  let running: Promise<void> | undefined;
  return {
    requestAll,
    align,
    start: () => {
      running ??= worker.run();
    },
    close: async () => {
      closing = true;
      await worker.close();
      await running;
    },
  };
};
