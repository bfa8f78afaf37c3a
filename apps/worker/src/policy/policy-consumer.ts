import { createHash } from 'node:crypto';
import {
  POLICIES_QUEUE,
  keptJobs,
  nextOpening,
  whenPolicyOpens,
  type Bulks,
  type Keys,
  type Policies,
} from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { PolicyJob, RekeyError, isBulkEnded, type RotationPolicy } from '@rekey/schema';
import { DelayedError, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { ulid } from 'ulid';
import { RUN_RETRY_DELAY_MS } from '../shared/backoff.ts';

export interface PolicyConsumer {
  start(): void;
  /** Takes no more jobs and waits for the one at work. */
  close(): Promise<void>;
}

export interface OpenWindowDeps {
  policies: Pick<Policies, 'get' | 'begin' | 'noteBulk'>;
  bulks: Pick<Bulks, 'draft' | 'create' | 'get' | 'cancel'>;
  /** Redis time, in ms since 1970. */
  nowMs: () => Promise<number>;
  logger: Logger;
}

export interface PolicyConsumerOptions extends OpenWindowDeps {
  /** For blocking reads; stays the caller's to close. */
  redis: Redis;
  keys: Keys;
  /** A job of a worker that is gone is delivered to another within this time. */
  takeoverAfterMs: number;
}

const NEVER_TOO_OFTEN = 1_000_000;
const TRY_AGAIN_MS = 10_000;

/**
 * In the manner of a UUID of version 8: the same for the same window, so that a job that is delivered twice
 * asks for one bulk rotation.
 */
export const windowRequestId = (policyId: string, dueMs: number): string => {
  const bytes = createHash('sha256').update(`rekey policy ${policyId} ${dueMs}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

export type OpenedWindow = 'asked' | 'done' | 'passed' | 'paused' | 'missing' | 'busy';

/**
 * Asks for the bulk rotation of a window that is due, at that moment or, where it was missed, later. Which
 * assistants it has is found out when it is prepared. Safe to repeat: one window, one bulk rotation. Throws
 * POLICY_NOT_SCHEDULED, and asks for nothing, if the window after it cannot be computed: how many keys are
 * due depends on it.
 */
export const openWindow =
  ({ policies, bulks, nowMs, logger }: OpenWindowDeps) =>
  async (policyId: string, dueMs: number): Promise<OpenedWindow> => {
    /** Whether the bulk rotation of a window before is still at work. */
    const isAtWork = async ({ lastBulkId }: RotationPolicy): Promise<boolean> => {
      const last =
        lastBulkId === undefined ? undefined : await bulks.get(lastBulkId).catch(ifCode('BULK_NOT_FOUND'));
      if (!last || isBulkEnded(last.state)) return false;
      if (
        (last.state !== 'HALTED' && last.state !== 'PAUSED') ||
        (last.untilMs ?? Infinity) > (await nowMs())
      )
        return true;
      // Its time is over, so that it could not go on either: the policy must not stand still with it. Each
      // window risks no more than its own limit.
      await bulks.cancel(last.id).catch(ifCode('BULK_STATE'));
      logger.warn(
        { policy_id: policyId, bulk_id: last.id, state: last.state, why: last.why },
        'the last bulk rotation of a policy stood still until its window was over; it is cancelled',
      );
      return false;
    };

    const policy = await policies.get(policyId).catch(ifCode('POLICY_NOT_FOUND'));
    if (!policy) return 'missing';
    if (policy.lastDueMs === dueMs) return 'done';
    if (!policy.paused && (await isAtWork(policy))) {
      logger.warn(
        { policy_id: policyId, bulk_id: policy.lastBulkId },
        'a window of a policy passes: its last bulk rotation has not ended',
      );
      return 'busy';
    }
    if (!policy.paused) nextOpening(policy.window, await nowMs());
    const begun = await policies.begin(policyId, dueMs);
    if (begun.kind !== 'begun') return begun.kind;
    const id = `blk_${ulid()}`;
    const { bulk } = await bulks.create(
      id,
      {
        orgId: policy.orgId,
        requestId: windowRequestId(policyId, dueMs),
        reason: policy.reason || `policy ${policyId}`,
        selection: { kind: 'org', policyId },
        urgent: false,
        validateOnly: false,
        maxFailures: policy.maxFailures,
        untilMs: begun.untilMs,
      },
      bulks.draft(id),
    );
    await policies.noteBulk(policyId, dueMs, bulk.id);
    logger.info(
      { policy_id: policyId, bulk_id: bulk.id, org_id: policy.orgId, due: new Date(dueMs).toISOString() },
      'a policy asks for a bulk rotation',
    );
    return 'asked';
  };

/** Turns an error that is expected into undefined. */
const ifCode =
  (code: string) =>
  (error: unknown): undefined => {
    if (!(error instanceof RekeyError) || error.code !== code) throw error;
  };

/** Draws windows that are due from BullMQ, one at a time. */
export const createPolicyConsumer = ({
  redis,
  keys,
  takeoverAfterMs,
  ...deps
}: PolicyConsumerOptions): PolicyConsumer => {
  const { logger } = deps;
  const open = openWindow(deps);
  const worker = new Worker(
    POLICIES_QUEUE,
    async (job, token) => {
      const parsed = PolicyJob.safeParse(job.data);
      // When its scheduler had it due, whenever it is delivered.
      const dueMs = job.opts.prevMillis;
      if (!parsed.success || dueMs === undefined || !Number.isSafeInteger(dueMs))
        throw new UnrecoverableError('the job does not fit the schema');
      const { policyId } = parsed.data;
      try {
        const opened = await open(policyId, dueMs);
        if (opened !== 'asked') logger.debug({ policy_id: policyId, opened }, 'a window of a policy passes');
      } catch (err) {
        logger.error(
          { err, policy_id: policyId },
          'a policy could not ask for its bulk rotation; the worker tries again',
        );
        await job.moveToDelayed(Date.now() + TRY_AGAIN_MS, token);
        throw new DelayedError();
      }
    },
    {
      connection: redis,
      prefix: keys.bull,
      ...keptJobs,
      autorun: false,
      concurrency: 1,
      lockDuration: takeoverAfterMs / 2,
      stalledInterval: takeoverAfterMs / 2,
      maxStalledCount: NEVER_TOO_OFTEN,
      skipVersionCheck: true,
      runRetryDelay: RUN_RETRY_DELAY_MS,
      settings: { repeatStrategy: whenPolicyOpens },
    },
  );
  worker.on('failed', (job, err) =>
    logger.error({ job_id: job?.id, reason: err.message }, 'a policy job failed'),
  );
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
