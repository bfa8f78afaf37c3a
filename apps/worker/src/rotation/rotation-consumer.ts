import {
  FOLLOW_UPS_QUEUE,
  ROTATIONS_QUEUE,
  keptJobs,
  type Keys,
  type Ledger,
  type RotationQueue,
} from '@rekey/ledger';
import { isRedisAway, type Logger } from '@rekey/runtime';
import { RekeyError, RotationJob } from '@rekey/schema';
import { DelayedError, UnrecoverableError, Worker, type Job, type Processor } from 'bullmq';
import type { Redis } from 'ioredis';
import { RUN_RETRY_DELAY_MS, backoffMs } from '../shared/backoff.ts';
import type { Delivery, Step } from './rotate-secret-key.ts';

export interface RotationConsumer {
  start(): void;
  /** Takes no more jobs and waits for those at work. */
  close(): Promise<void>;
}

export interface ConsumerOptions {
  /** For blocking reads; stays the caller's to close. */
  redis: Redis;
  keys: Keys;
  ledger: Pick<Ledger, 'condemn' | 'requestCheck'>;
  /** Where rotations go that could not be done at the first delivery. */
  followUps: RotationQueue;
  /** Of first deliveries, and of those that follow up. */
  concurrency: { first: number; followUps: number };
  /** A job of a worker that is gone is delivered to another within this time. */
  takeoverAfterMs: number;
  rotate: (job: RotationJob, delivery: Delivery) => Promise<Step>;
  /** Aborts before `close` is called. */
  stopping: AbortSignal;
  logger: Logger;
}

/**
 * A job that is delivered anew any number of times is no reason to give up: the ledger says whether there is
 * work left.
 */
const NEVER_TOO_OFTEN = 1_000_000;
const COMPLAIN_EVERY_MS = 10_000;
const LOOK_AGAIN_MS = 60_000;
const errorBackoff = { firstMs: 1000, maxMs: 60_000 };

/**
 * Draws rotations from BullMQ. Jobs fail only where they can never be done: when they do not fit, or have no
 * rotation.
 */
export const createRotationConsumer = ({
  redis,
  keys,
  ledger,
  followUps,
  concurrency,
  takeoverAfterMs,
  rotate,
  stopping,
  logger,
}: ConsumerOptions): RotationConsumer => {
  let complainedMs = Number.NEGATIVE_INFINITY;

  const takeStep = async (data: RotationJob, job: Job): Promise<Step> => {
    try {
      let step = await rotate(
        data,
        job.queueName === ROTATIONS_QUEUE && job.attemptsStarted === 1 ? 'first' : 'again',
      );
      while (step.kind === 'again' && step.inMs === 0 && !stopping.aborted)
        step = await rotate(data, 'again');
      return step;
    } catch (err) {
      if (err instanceof RekeyError && err.code === 'LEDGER_CORRUPT') return condemn(data, err);
      logger.error({ err, rotation_id: data.rotationId }, 'a step of a rotation broke; it is tried again');
      return { kind: 'again', inMs: backoffMs(job.attemptsStarted, errorBackoff) };
    }
  };

  /**
   * The entry of the rotation or of its assistant cannot be read. The check that follows quarantines the
   * assistant, where it is that one.
   */
  const condemn = async ({ rotationId, orgId, assistantId }: RotationJob, err: RekeyError): Promise<Step> => {
    const became = await ledger.condemn(rotationId, LOOK_AGAIN_MS);
    logger.error(
      { err, rotation_id: rotationId, org_id: orgId, assistant_id: assistantId, became },
      'a rotation cannot go on: its ledger entry cannot be read',
    );
    await ledger.requestCheck({ orgId, assistantId }, 0);
    return became === 'waits' ? { kind: 'again', inMs: LOOK_AGAIN_MS } : { kind: 'done' };
  };

  const processor =
    (putOff: (job: Job, data: RotationJob, inMs: number, token?: string) => Promise<void>): Processor =>
    async (job, token) => {
      const data = parseJob(job.data);
      const step = await takeStep(data, job);
      if (step.kind === 'stray')
        throw new UnrecoverableError('the ledger has no such rotation for this org and assistant');
      if (step.kind !== 'again') return;
      if (step.frozen) restIntake(step.inMs);
      try {
        await putOff(job, data, step.inMs, token);
      } catch (err) {
        if (err instanceof DelayedError) throw err;
        // Left as it is, its lock lapses and it is delivered again; failed, it would be lost.
        logger.warn(
          { err, rotation_id: data.rotationId },
          'a job could not be put off; it is delivered again when its lock lapses',
        );
        throw new DelayedError();
      }
    };

  /**
   * A rotation that is to be taken up again leaves the first queue. In both for a moment: the ledger bears
   * that.
   */
  const first = processor((_job, data, inMs) => followUps.add(data, { delayMs: inMs }));

  /**
   * While rotations are frozen, the backlog stays where it is: put off one by one, all of it would come back
   * every few seconds.
   */
  const restIntake = (forMs: number) => {
    const [intake] = workers;
    if (stopping.aborted || intake!.isPaused()) return;
    void intake!
      .pause(true)
      .then(() => setTimeout(() => !stopping.aborted && intake!.resume(), forMs).unref());
  };

  const following = processor(async (job, _data, inMs, token) => {
    await job.moveToDelayed(Date.now() + inMs, token);
    throw new DelayedError();
  });

  /**
   * The connection's own errors are reported where it was made; what Redis replies is reported nowhere else.
   */
  const onError = (err: Error) => {
    const lost = isRedisAway(err) && err.name !== 'ReplyError';
    if (lost || performance.now() - complainedMs < COMPLAIN_EVERY_MS)
      return logger.debug({ err }, 'BullMQ reported an error');
    complainedMs = performance.now();
    logger.warn({ err }, 'BullMQ cannot work');
  };

  const createWorker = (name: string, process: Processor, width: number): Worker => {
    const worker = new Worker(name, process, {
      connection: redis,
      prefix: keys.bull,
      ...keptJobs,
      autorun: false,
      concurrency: width,
      // A lock lapses, and lapsed locks are looked for: each takes half of the time at the most.
      lockDuration: takeoverAfterMs / 2,
      stalledInterval: takeoverAfterMs / 2,
      maxStalledCount: NEVER_TOO_OFTEN,
      skipVersionCheck: true,
      runRetryDelay: RUN_RETRY_DELAY_MS,
    });
    worker.on('failed', (job, err) => logger.error({ job_id: job?.id, reason: err.message }, 'a job failed'));
    worker.on('error', onError);
    return worker;
  };
  const workers = [
    createWorker(ROTATIONS_QUEUE, first, concurrency.first),
    createWorker(FOLLOW_UPS_QUEUE, following, concurrency.followUps),
  ];

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

const parseJob = (data: unknown): RotationJob => {
  const parsed = RotationJob.safeParse(data);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path, code }) => path.join('.') || code).join(', ');
  throw new UnrecoverableError(`the job does not fit the schema: ${fields}`);
};
