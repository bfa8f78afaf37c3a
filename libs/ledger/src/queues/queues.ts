import type { PolicyJob, RotationJob, RotationWindow, SweepJob } from '@rekey/schema';
import { Queue, type KeepJobs, type RepeatStrategy } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Keys } from '../keys.ts';
import { nextOpening } from '../policies/openings.ts';
import { surviveScriptFlush } from '../scripts/script-flush.ts';

/** First deliveries. */
export const ROTATIONS_QUEUE = 'rotations';
/**
 * Rotations that could not be done at the first delivery: to be tried again, or read back. A queue of its
 * own, because BullMQ puts a delayed job behind all that wait when its time has come: a key that is dead
 * upstream must not wait for a backlog.
 */
export const FOLLOW_UPS_QUEUE = 'rotation-follow-ups';

/**
 * Jobs leave no trace when done; of failed ones (they did not fit the schema, or have no rotation) the last
 * are kept to look at.
 * The worker says so for all of them: told to each job, it would be stored and parsed a million times.
 */
export const keptJobs: { removeOnComplete: KeepJobs; removeOnFail: KeepJobs } = {
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 1000 },
};

/** Sweeps: those that were asked for, and the scheduled one. */
export const SWEEPS_QUEUE = 'sweeps';

/** Windows of rotation policies that are due. */
export const POLICIES_QUEUE = 'policies';

export interface RotationQueue {
  /**
   * Puts a rotation on its way. The job's id is the rotation's: adding it again while it is there changes
   * nothing.
   */
  add(job: RotationJob, options?: { delayMs?: number }): Promise<void>;
  /** The same for a rotation whose job may lie among the failed ones, where adding would change nothing. */
  revive(job: RotationJob): Promise<void>;
  /** Makes due at once what was put off beyond that moment, in ms since 1970. Returns how many there were. */
  bringForward(latestMs: number): Promise<number>;
  close(): Promise<void>;
}

export interface SweepQueue {
  /**
   * Puts a sweep on its way. The job's id is the sweep's: adding it again changes nothing, but for one that
   * has failed.
   */
  add(sweepId: string): Promise<void>;
  /**
   * Has a sweep of everything made every N ms; 0: no more, except for one that is due already. Safe to
   * repeat: a schedule that is as it should be stays as it is, and one whose job is lost, has failed, or lies
   * farther ahead than the interval is made anew.
   */
  schedule(everyMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface PolicyQueue {
  /**
   * Has the windows of a policy come due as they open. Safe to repeat: one that is due already, or was
   * missed, stays due. Throws POLICY_NOT_SCHEDULED, and leaves what is due, if the next one cannot be
   * computed.
   */
  schedule(policyId: string, window: Pick<RotationWindow, 'cron' | 'timeZone'>): Promise<void>;
  /** No more windows of it. One that is due already may still come. */
  unschedule(policyId: string): Promise<void>;
  /**
   * When the next window of a policy is due, in ms since 1970; undefined if it is not scheduled. One that was
   * missed lies in the past.
   */
  nextDue(policyId: string): Promise<number | undefined>;
  /** The same of all that are scheduled; undefined if BullMQ holds no time. */
  nextDues(): Promise<Map<string, number | undefined>>;
  close(): Promise<void>;
}

const openQueue = (redis: Redis, keys: Keys, name: string): Queue => {
  surviveScriptFlush(redis);
  // With the version check, an INFO that fails at the start would break the queue for good.
  const queue = new Queue(name, {
    connection: redis,
    prefix: keys.bull,
    skipMetasUpdate: true,
    skipVersionCheck: true,
    settings: { repeatStrategy: whenPolicyOpens },
  });
  // The connection's own errors are reported where it was made.
  queue.on('error', () => {});
  return queue;
};

/**
 * When BullMQ has the next window of a policy come due, for queues and for the workers that draw from them.
 * An error is no time: BullMQ then delivers the window that is due and schedules none after it. Thrown, it
 * would keep that one from being delivered at all.
 */
export const whenPolicyOpens: RepeatStrategy = (afterMs, { pattern = '', tz = '' }) => {
  try {
    return nextOpening({ cron: pattern, timeZone: tz }, afterMs);
  } catch {
    return undefined;
  }
};

/** The connection stays the caller's to close. */
export const createRotationQueue = (
  redis: Redis,
  keys: Keys,
  name: string = ROTATIONS_QUEUE,
): RotationQueue => {
  const queue = openQueue(redis, keys, name);
  const add = async (job: RotationJob, { delayMs = 0 } = {}) => {
    await queue.add('rotate', job, { jobId: job.rotationId, ...(delayMs > 0 && { delay: delayMs }) });
  };
  return {
    add,
    revive: async (job) => {
      await queue.remove(job.rotationId);
      await add(job);
    },
    bringForward: async (latestMs) => {
      const late = await redis.zrangebyscore(
        queue.toKey('delayed'),
        (latestMs + 1) * DELAY_SCORE_PER_MS,
        '+inf',
        'LIMIT',
        0,
        BROUGHT_FORWARD_AT_ONCE,
      );
      let count = 0;
      for (const id of late) {
        // Another process may have done it meanwhile.
        count +=
          (await (await queue.getJob(id))?.promote().then(
            () => 1,
            () => 0,
          )) ?? 0;
      }
      return count;
    },
    close: () => queue.close(),
  };
};

/** BullMQ orders delayed jobs by when they are due, in ms, times this, and a counter. */
const DELAY_SCORE_PER_MS = 0x1000;
const BROUGHT_FORWARD_AT_ONCE = 1000;

const SCHEDULED_SWEEP = 'sweep';
/** A schedule that a worker has set whose clock is ahead by more than this is not believed. */
const CLOCKS_MAY_DIFFER_MS = 60_000;

/** BullMQ reads a score that is none as NaN, or as null. */
const isTime = (ms: number | undefined | null): ms is number => Number.isSafeInteger(ms);

/**
 * Whether a job will be delivered, or is being: one whose text is there, but which is in none of the lists,
 * never will.
 */
const isCarried = async (queue: Queue, jobId: string): Promise<boolean> => {
  const job = await queue.getJob(jobId);
  const state = job && (await job.getState());
  return state !== undefined && state !== 'failed' && state !== 'completed' && state !== 'unknown';
};

/** The connection stays the caller's to close. */
export const createSweepQueue = (redis: Redis, keys: Keys): SweepQueue => {
  const queue = openQueue(redis, keys, SWEEPS_QUEUE);

  const isSweepScheduled = async (every: number): Promise<boolean> => {
    const scheduler = await queue.getJobScheduler(SCHEDULED_SWEEP);
    const next = scheduler?.next;
    if (scheduler?.every !== every || !isTime(next) || next > Date.now() + every + CLOCKS_MAY_DIFFER_MS)
      return false;
    if (await isCarried(queue, `repeat:${SCHEDULED_SWEEP}:${next}`)) return true;
    // It is lost, unless it has ended just now.
    return (await queue.getJobScheduler(SCHEDULED_SWEEP))?.next !== next;
  };

  return {
    add: async (sweepId) => {
      const data: SweepJob = { sweepId };
      // Among the failed ones, or in no list at all, it would stay where it is.
      if ((await queue.getJob(sweepId)) && !(await isCarried(queue, sweepId))) await queue.remove(sweepId);
      await queue.add('sweep', data, { jobId: sweepId });
    },
    schedule: async (everyMs) => {
      if (everyMs === 0) {
        await queue.removeJobScheduler(SCHEDULED_SWEEP);
        return;
      }
      const every = Math.round(everyMs);
      if (await isSweepScheduled(every)) return;
      // BullMQ would take the moment of a schedule that is there for the next one, however far ahead a wrong
      // clock has set it.
      await queue.removeJobScheduler(SCHEDULED_SWEEP);
      // The first comes at once: whoever draws it sees in the ledger whether one is due. The next job is
      // added when one starts, so that a sweep longer than the interval finds the lock held.
      const data: SweepJob = {};
      await queue.upsertJobScheduler(SCHEDULED_SWEEP, { every }, { name: 'sweep', data, opts: keptJobs });
    },
    close: () => queue.close(),
  };
};

/** The connection stays the caller's to close. */
export const createPolicyQueue = (redis: Redis, keys: Keys): PolicyQueue => {
  const queue = openQueue(redis, keys, POLICIES_QUEUE);

  /**
   * Whether what comes due next is there as it should be. BullMQ makes the next job when one starts, and
   * removes that one at its end.
   */
  const isScheduled = async (
    policyId: string,
    { cron, timeZone }: Pick<RotationWindow, 'cron' | 'timeZone'>,
  ): Promise<boolean> => {
    const scheduler = await queue.getJobScheduler(policyId);
    // Before anything else: BullMQ would take an error for the end of the schedule.
    const nextMs = nextOpening({ cron, timeZone }, Date.now());
    if (scheduler?.pattern !== cron || scheduler.tz !== timeZone || !isTime(scheduler.next)) return false;
    // By a clock that was ahead, a window was passed over; or the rules of the time zone have changed since.
    if (scheduler.next > nextMs + CLOCKS_MAY_DIFFER_MS) return false;
    if (scheduler.next < nextMs && scheduler.next > Date.now() + CLOCKS_MAY_DIFFER_MS) return false;
    if (await isCarried(queue, `repeat:${policyId}:${scheduler.next}`)) return true;
    // It is lost, unless it has ended just now.
    return (await queue.getJobScheduler(policyId))?.next !== scheduler.next;
  };

  return {
    schedule: async (policyId, window) => {
      // Asked again, BullMQ takes a job away that is due and that no worker has begun, in favour of the one
      // after it: the window that was missed would never be made good.
      if (await isScheduled(policyId, window)) return;
      const data: PolicyJob = { policyId };
      await queue.upsertJobScheduler(
        policyId,
        { pattern: window.cron, tz: window.timeZone },
        { name: 'policy', data },
      );
    },
    unschedule: async (policyId) => {
      await queue.removeJobScheduler(policyId);
    },
    nextDue: async (policyId) => {
      const next = (await queue.getJobScheduler(policyId))?.next;
      return isTime(next) ? next : undefined;
    },
    nextDues: async () => {
      const schedulers = await queue.getJobSchedulers();
      return new Map(schedulers.map(({ key, next }) => [key, isTime(next) ? next : undefined]));
    },
    close: () => queue.close(),
  };
};
