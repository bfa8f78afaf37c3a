import type { PolicyJob, RotationJob, RotationWindow, SweepJob } from '@rekey/schema';
import { ErrorCode, Queue, type KeepJobs, type RepeatStrategy } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Keys } from '../keys.ts';
import { nextOpening } from '../policies/openings.ts';
import { surviveScriptFlush } from '../scripts/script-flush.ts';
import { SCHEDULERS_AT_ONCE, repairQueues, throughDamage } from './queue-damage.ts';
import { POLICIES_QUEUE, ROTATIONS_QUEUE, SWEEPS_QUEUE } from './queue-names.ts';

/**
 * Completed jobs are deleted; the last failed ones (they did not fit the schema, or have no rotation) are
 * kept for inspection. The worker sets this for all jobs: as an option of each job it would be stored and
 * parsed each time.
 */
export const keptJobs: { removeOnComplete: KeepJobs; removeOnFail: KeepJobs } = {
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 1000 },
};

export interface RotationQueue {
  /**
   * Queues a rotation. The job has the id of the rotation: adding it again has no effect while it is there.
   */
  add(job: RotationJob, options?: { delayMs?: number }): Promise<void>;
  /** The same for a rotation whose job may have failed: adding it again would have no effect. */
  revive(job: RotationJob): Promise<void>;
  /** Makes jobs due at once that are delayed beyond a moment, in ms since 1970. Returns how many. */
  bringForward(latestMs: number): Promise<number>;
  close(): Promise<void>;
}

export interface SweepQueue {
  /**
   * Queues a sweep. The job has the id of the sweep: adding it again has no effect, unless it has failed.
   * Sweeps of everything are delivered before those of one org, however many of these wait.
   */
  add(sweep: { id: string; orgId?: string }): Promise<void>;
  /**
   * Schedules a sweep of everything every N ms; 0: none, except one that is due already. Safe to repeat: a
   * correct schedule stays as it is; it is made anew if its job is lost, has failed, or is due later than the
   * interval allows.
   */
  schedule(everyMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface PolicyQueue {
  /**
   * Schedules the windows of a policy. Safe to repeat: a window that is due, or was missed, stays due. Throws
   * POLICY_NOT_SCHEDULED, and keeps what is due, if the next window cannot be computed.
   */
  schedule(policyId: string, window: Pick<RotationWindow, 'cron' | 'timeZone'>): Promise<void>;
  /** Schedules no more windows. A window that is due already may still be delivered. */
  unschedule(policyId: string): Promise<void>;
  /**
   * When the next window of a policy is due, in ms since 1970; undefined if it is not scheduled. A missed
   * window lies in the past.
   */
  nextDue(policyId: string): Promise<number | undefined>;
  /** The same for the scheduled policies, 1,000 at most; undefined if BullMQ holds no time. */
  nextDues(): Promise<Map<string, number | undefined>>;
  close(): Promise<void>;
}

const openQueue = (redis: Redis, keys: Keys, name: string): Queue => {
  surviveScriptFlush(redis);
  // With the version check, an INFO that fails at the start would break the queue permanently.
  const queue = new Queue(name, {
    connection: redis,
    prefix: keys.bull,
    skipMetasUpdate: true,
    skipVersionCheck: true,
    settings: { repeatStrategy: whenPolicyOpens },
  });
  // The creator of the connection reports its errors.
  queue.on('error', () => {});
  return queue;
};

/**
 * When the next window of a policy is due, for queues and their workers. After an error there is no time:
 * BullMQ delivers the window that is due and schedules none after it. A thrown error would block that
 * delivery.
 */
export const whenPolicyOpens: RepeatStrategy = (afterMs, { pattern = '', tz = '' }) => {
  try {
    return nextOpening({ cron: pattern, timeZone: tz }, afterMs);
  } catch {
    return undefined;
  }
};

/** Removes a job, also one whose key has another type. */
const removeJob = async (redis: Redis, queue: Queue, id: string): Promise<void> => {
  const type = await redis.type(queue.toKey(id));
  if (type !== 'none' && type !== 'hash') await redis.del(queue.toKey(id));
  await queue.remove(id);
};

/** The connection stays the caller's to close. */
export const createRotationQueue = (
  redis: Redis,
  keys: Keys,
  name: string = ROTATIONS_QUEUE,
): RotationQueue => {
  const queue = openQueue(redis, keys, name);
  // A call that met a spoiled key may have left the job, and in no list.
  const repair = async ({ rotationId }: RotationJob) => {
    await repairQueues(redis, keys, [name]);
    await removeJob(redis, queue, rotationId);
  };
  const add: RotationQueue['add'] = async (job, { delayMs = 0 } = {}) => {
    const options = { jobId: job.rotationId, ...(delayMs > 0 && { delay: delayMs }) };
    await throughDamage(
      () => queue.add('rotate', job, options),
      () => repair(job),
    );
  };
  return {
    add,
    revive: async (job) => {
      await throughDamage(
        () => removeJob(redis, queue, job.rotationId),
        () => repair(job),
      );
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
        // Another process may have promoted it meanwhile.
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

/** BullMQ orders delayed jobs by the time when they are due, in ms, times this, plus a counter. */
const DELAY_SCORE_PER_MS = 0x1000;
const BROUGHT_FORWARD_AT_ONCE = 1000;

const SCHEDULED_SWEEP = 'sweep';
const AFTER_SWEEPS_OF_EVERYTHING = 1;
/** A schedule that is farther ahead than this was set by a worker whose clock is wrong. */
const CLOCKS_MAY_DIFFER_MS = 60_000;

/** BullMQ reads an invalid score as NaN or null. */
const isTime = (ms: number | undefined | null): ms is number => Number.isSafeInteger(ms);

/** Whether a job is or will be delivered. A job whose hash exists but which is in no list never is. */
const willBeDelivered = async (queue: Queue, jobId: string): Promise<boolean> => {
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
    if (await willBeDelivered(queue, `repeat:${SCHEDULED_SWEEP}:${next}`)) return true;
    // The job is lost, unless it has just ended.
    return (await queue.getJobScheduler(SCHEDULED_SWEEP))?.next !== next;
  };

  const schedule = async (everyMs: number): Promise<void> => {
    if (everyMs === 0) {
      await queue.removeJobScheduler(SCHEDULED_SWEEP);
      return;
    }
    const every = Math.round(everyMs);
    if (await isSweepScheduled(every)) return;
    // BullMQ would keep the next time of an existing schedule, however far ahead a wrong clock has set it.
    await queue.removeJobScheduler(SCHEDULED_SWEEP);
    // The first job is due at once: the worker that draws it reads in the ledger whether a sweep is due.
    // BullMQ adds the next job when one starts, so a sweep that is longer than the interval finds the lock
    // held.
    const data: SweepJob = {};
    await queue.upsertJobScheduler(SCHEDULED_SWEEP, { every }, { name: 'sweep', data, opts: keptJobs });
  };
  const repair = () => repairQueues(redis, keys, [SWEEPS_QUEUE]);

  return {
    add: async ({ id: sweepId, orgId }) => {
      const data: SweepJob = { sweepId };
      // BullMQ delivers jobs with a priority after all jobs without one.
      const priority = orgId === undefined ? {} : { priority: AFTER_SWEEPS_OF_EVERYTHING };
      const add = async () => {
        // A job that has failed, or is in no list, would stay as it is.
        if ((await queue.getJob(sweepId)) && !(await willBeDelivered(queue, sweepId)))
          await queue.remove(sweepId);
        await queue.add('sweep', data, { jobId: sweepId, ...priority });
      };
      await throughDamage(add, async () => {
        await repair();
        await removeJob(redis, queue, sweepId);
      });
    },
    schedule: (everyMs) => throughDamage(() => schedule(everyMs), repair),
    close: () => queue.close(),
  };
};

/** Each attempt fails only because another process has scheduled the policy. */
const ATTEMPTS_AT_ONCE = 10;

/** Whether BullMQ refused a change because another process scheduled the policy after it was read. */
const isScheduledMeanwhile = (error: unknown): boolean => {
  const code = (error as { code?: unknown } | null)?.code;
  return code === ErrorCode.JobBelongsToJobScheduler || code === ErrorCode.SchedulerJobIdCollision;
};

/** The connection stays the caller's to close. */
export const createPolicyQueue = (redis: Redis, keys: Keys): PolicyQueue => {
  const queue = openQueue(redis, keys, POLICIES_QUEUE);

  /** Whether the next window is scheduled correctly. BullMQ adds the next job when one starts. */
  const isScheduled = async (
    policyId: string,
    { cron, timeZone }: Pick<RotationWindow, 'cron' | 'timeZone'>,
  ): Promise<boolean> => {
    const scheduler = await queue.getJobScheduler(policyId);
    // First: BullMQ would take an error for the end of the schedule.
    const nextMs = nextOpening({ cron, timeZone }, Date.now());
    if (scheduler?.pattern !== cron || scheduler.tz !== timeZone || !isTime(scheduler.next)) return false;
    // A clock that was ahead has skipped a window; or the rules of the time zone have changed since.
    if (scheduler.next > nextMs + CLOCKS_MAY_DIFFER_MS) return false;
    if (scheduler.next < nextMs && scheduler.next > Date.now() + CLOCKS_MAY_DIFFER_MS) return false;
    if (await willBeDelivered(queue, `repeat:${policyId}:${scheduler.next}`)) return true;
    // The job is lost, unless it has just ended.
    return (await queue.getJobScheduler(policyId))?.next !== scheduler.next;
  };

  const repair = () => repairQueues(redis, keys, [POLICIES_QUEUE]);
  const guarded = <T>(step: () => Promise<T>): Promise<T> => throughDamage(step, repair);
  /** BullMQ schedules nothing while the next job exists: in no list, or without its scheduler. */
  const dropStray = async (policyId: string, window: Parameters<typeof nextOpening>[0]): Promise<void> => {
    const id = `repeat:${policyId}:${nextOpening(window, Date.now())}`;
    if (!(await queue.getJobScheduler(policyId))) {
      await queue.removeJobScheduler(policyId);
      await queue.remove(id);
    }
    if (!(await willBeDelivered(queue, id))) await redis.del(queue.toKey(id));
  };
  const schedule: PolicyQueue['schedule'] = async (policyId, window) => {
    for (let left = ATTEMPTS_AT_ONCE; ; left -= 1) {
      // A repeated call makes BullMQ drop a job that is due and not begun, in favour of the one after it: the
      // missed window would never be delivered.
      if (await isScheduled(policyId, window)) return;
      try {
        await dropStray(policyId, window);
        const data: PolicyJob = { policyId };
        const repeat = { pattern: window.cron, tz: window.timeZone };
        await queue.upsertJobScheduler(policyId, repeat, { name: 'policy', data });
        return;
      } catch (error) {
        if (left === 1 || !isScheduledMeanwhile(error)) throw error;
      }
    }
  };

  return {
    schedule: (policyId, window) => guarded(() => schedule(policyId, window)),
    unschedule: async (policyId) => {
      await guarded(() => queue.removeJobScheduler(policyId));
    },
    nextDue: async (policyId) => {
      const next = (await guarded(() => queue.getJobScheduler(policyId)))?.next;
      return isTime(next) ? next : undefined;
    },
    nextDues: async () => {
      const schedulers = await guarded(() => queue.getJobSchedulers(0, SCHEDULERS_AT_ONCE - 1));
      return new Map(schedulers.map(({ key, next }) => [key, isTime(next) ? next : undefined]));
    },
    close: () => queue.close(),
  };
};
