import { FOLLOW_UPS_QUEUE, ROTATIONS_QUEUE, type Keys, type Ledger, type RotationQueue } from '@rekey/ledger';
import { isRedisUnavailable, type Logger } from '@rekey/runtime';
import { RekeyError, RotationJob } from '@rekey/schema';
import { DelayedError, UnrecoverableError, Worker, type Job, type Processor } from 'bullmq';
import type { Redis } from 'ioredis';
import { backoffMs } from '../shared/backoff.ts';
import { idsOf } from '../shared/ids-of.ts';
import { queueWorkerOptions } from '../shared/queue-worker.ts';
import { reportQueueErrors } from '../shared/report-queue-errors.ts';
import type { Step } from './rotate-deps.ts';
import type { Delivery } from './rotate-secret-key.ts';

interface RotationConsumer {
  start(): void;
  /** Takes no more jobs, and waits for those in progress. */
  close(): Promise<void>;
}

interface RotationConsumerOptions {
  /** For blocking reads. The caller closes it. */
  redis: Redis;
  keys: Keys;
  ledger: Pick<Ledger, 'rotations' | 'assistants'>;
  /** Gets the rotations that the first delivery did not complete. */
  followUps: RotationQueue;
  /** Of first deliveries, and of follow-ups. */
  concurrency: { first: number; followUps: number };
  /** A job of a worker that died is delivered to another one within this time. */
  takeoverAfterMs: number;
  rotate: (job: RotationJob, delivery: Delivery) => Promise<Step>;
  /** Aborts before `close` is called. */
  stopping: AbortSignal;
  logger: Logger;
}

const COMPLAIN_EVERY_MS = 10_000;
const READ_CORRUPT_AGAIN_MS = 60_000;
const errorBackoff = { firstMs: 1000, maxMs: 60_000 };

/**
 * Takes rotations from BullMQ. A job fails only if it can never be done: it does not fit its schema, or the
 * ledger has no such rotation.
 */
export const createRotationConsumer = (options: RotationConsumerOptions): RotationConsumer => {
  const { followUps, concurrency, stopping } = options;
  const takeStep = createStepTaker(options);
  const onError = createErrorReporter(options.logger);

  /**
   * A rotation that has to run again moves from the first queue to the follow-ups. For a moment it is in
   * both: the ledger tolerates that.
   */
  const first = createProcessor(options, takeStep, pauseIntake, (_job, data, inMs) =>
    followUps.add(data, { delayMs: inMs }),
  );
  const following = createProcessor(options, takeStep, pauseIntake, async (job, _data, inMs, token) => {
    await job.moveToDelayed(Date.now() + inMs, token);
    throw new DelayedError();
  });

  const workers = [
    createWorker(options, ROTATIONS_QUEUE, first, concurrency.first, onError),
    createWorker(options, FOLLOW_UPS_QUEUE, following, concurrency.followUps, onError),
  ];

  /**
   * While rotations are frozen, the backlog stays in the first queue: delayed one by one, all of it would
   * come back every few seconds.
   */
  function pauseIntake(forMs: number): void {
    const [intake] = workers;
    if (stopping.aborted || intake!.isPaused()) return;
    void intake!
      .pause(true)
      .then(() => setTimeout(() => !stopping.aborted && intake!.resume(), forMs).unref());
  }

  let running: Promise<unknown> | undefined;
  return {
    start: () => {
      running ??= Promise.all(workers.map((worker) => worker.run()));
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.close()));
      await running;
    },
  };
};

type StepTaker = (data: RotationJob, job: Job) => Promise<Step>;

const createStepTaker = ({ ledger, rotate, stopping, logger }: RotationConsumerOptions): StepTaker => {
  /**
   * The ledger entry of the rotation or of its assistant cannot be read. If it is the assistant's, the check
   * that follows quarantines it.
   */
  const failCorrupt = async (job: RotationJob, err: RekeyError): Promise<Step> => {
    const { rotationId, orgId, assistantId } = job;
    const became = await ledger.rotations.failCorrupt(rotationId, READ_CORRUPT_AGAIN_MS);
    logger.event('rotation_corrupt', { err, ...idsOf(job), became });
    await ledger.assistants.requestCheck({ orgId, assistantId }, 0);
    return became === 'waits' ? { kind: 'retry', inMs: READ_CORRUPT_AGAIN_MS } : { kind: 'done' };
  };

  return async (data, job) => {
    try {
      const isFirst = job.queueName === ROTATIONS_QUEUE && job.attemptsStarted === 1;
      let step = await rotate(data, isFirst ? 'first' : 'redelivery');
      while (step.kind === 'retry' && step.inMs === 0 && !stopping.aborted)
        step = await rotate(data, 'redelivery');
      return step;
    } catch (err) {
      if (err instanceof RekeyError && err.code === 'LEDGER_CORRUPT') return failCorrupt(data, err);
      logger.event('rotation_step_failed', { err, rotation_id: data.rotationId });
      return { kind: 'retry', inMs: backoffMs(job.attemptsStarted, errorBackoff) };
    }
  };
};

const createProcessor =
  (
    { logger }: RotationConsumerOptions,
    takeStep: StepTaker,
    pauseIntake: (forMs: number) => void,
    delay: (job: Job, data: RotationJob, inMs: number, token?: string) => Promise<void>,
  ): Processor =>
  async (job, token) => {
    const data = parseJob(job.data);
    const step = await takeStep(data, job);
    if (step.kind === 'missing')
      throw new UnrecoverableError('the ledger has no such rotation for this org and assistant');
    if (step.kind !== 'retry') return;
    if (step.frozen) pauseIntake(step.inMs);
    try {
      await delay(job, data, step.inMs, token);
    } catch (err) {
      if (err instanceof DelayedError) throw err;
      // Left as it is, its lock lapses and BullMQ delivers it again. If it failed, it would be lost.
      logger.event('rotation_requeue_failed', { err, rotation_id: data.rotationId });
      throw new DelayedError();
    }
  };

/**
 * Connection errors are reported where the connection was made. Errors that Redis replies are reported here.
 */
const createErrorReporter = (logger: Logger): ((err: Error) => void) => {
  let complainedMs = Number.NEGATIVE_INFINITY;
  const report = reportQueueErrors(logger);
  return (err) => {
    const lost = isRedisUnavailable(err) && err.name !== 'ReplyError';
    if (lost || performance.now() - complainedMs < COMPLAIN_EVERY_MS) return report(err);
    complainedMs = performance.now();
    logger.event('queue_unavailable', { err });
  };
};

const createWorker = (
  { redis, keys, takeoverAfterMs, logger }: RotationConsumerOptions,
  name: string,
  process: Processor,
  concurrency: number,
  onError: (err: Error) => void,
): Worker => {
  // A lock lapses, and lapsed locks are looked for: each takes at most half of the time.
  const halfMs = takeoverAfterMs / 2;
  const worker = new Worker(
    name,
    process,
    queueWorkerOptions({ redis, keys, concurrency, lockMs: halfMs, stalledIntervalMs: halfMs }),
  );
  worker.on('failed', (job, err) =>
    logger.event('rotation_job_failed', { job_id: job?.id, reason: err.message }),
  );
  worker.on('error', onError);
  return worker;
};

const parseJob = (data: unknown): RotationJob => {
  const parsed = RotationJob.safeParse(data);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path, code }) => path.join('.') || code).join(', ');
  throw new UnrecoverableError(`the job does not fit the schema: ${fields}`);
};
