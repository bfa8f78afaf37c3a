import { keptJobs, type Keys } from '@rekey/ledger';
import type { WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';

/**
 * The ledger says whether a job has work left. BullMQ must therefore never fail a job because it was
 * delivered too often.
 */
const MAX_STALLED_COUNT = 1_000_000;
/**
 * How long BullMQ pauses after its connection was closed. Closing the worker waits for the end of this pause.
 */
const RUN_RETRY_DELAY_MS = 500;

interface QueueWorkerOptions {
  /** For blocking reads. The caller closes it. */
  redis: Redis;
  keys: Keys;
  concurrency: number;
  /** A job whose lock was not renewed for this time counts as abandoned. */
  lockMs: number;
  /** How often abandoned jobs are looked for. */
  stalledIntervalMs: number;
}

/** The options that all of the worker's BullMQ consumers share. */
export const queueWorkerOptions = ({
  redis,
  keys,
  concurrency,
  lockMs,
  stalledIntervalMs,
}: QueueWorkerOptions): WorkerOptions => ({
  connection: redis,
  prefix: keys.bull,
  ...keptJobs,
  autorun: false,
  concurrency,
  lockDuration: lockMs,
  stalledInterval: stalledIntervalMs,
  maxStalledCount: MAX_STALLED_COUNT,
  skipVersionCheck: true,
  runRetryDelay: RUN_RETRY_DELAY_MS,
});
