import { randomUUID } from 'node:crypto';
import type { BulkWork, Ledger, RotationQueue } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { encodeTime } from 'ulid';
import { every } from '../shared/every.ts';
import { idsOf } from '../shared/ids-of.ts';

interface HousekeepingOptions {
  ledger: Ledger;
  work: Pick<BulkWork, 'mend' | 'open' | 'trim'>;
  followUps: RotationQueue;
  /** Schedules all policies, and the sweep of all orgs. */
  alignPolicies: () => Promise<void>;
  alignSweeps: () => Promise<void>;
  /** Deletes what another client has spoiled of BullMQ's keys. */
  mendQueues: () => Promise<void>;
  logger: Logger;
  keepRotations: number;
  keepBulks: number;
  keepDays: number;
  /** An open rotation that has no job and has not changed for this time is queued again. */
  lostAfterMs: number;
  /** No job is delayed longer than this. */
  longestDelayMs: number;
}

/**
 * Does a chore of housekeeping at the start. If it fails it is done again within a minute: another client can
 * have spoiled a key of BullMQ, and a worker does more than that chore.
 */
export const firstRun = (logger: Logger, chore: string, run: () => Promise<void>): Promise<void> =>
  run().catch((err: unknown) => logger.event('housekeeping_failed', { err, chore }));

const TRIM_EVERY_MS = 10_000;
/** BullMQ tries again without a pause while it meets a spoiled key. */
const MEND_EVERY_MS = 5000;
const ALIGN_EVERY_MS = 60_000;
const DAY_MS = 86_400_000;

/** When a worker looks at the indexes of assistants for the first time, and then again. */
const FIRST_INDEX_MS = 1000;
const INDEX_EVERY_MS = 60_000;

/**
 * Keeps the ledger consistent and within its limits, whatever happened to queues and processes. Several
 * workers may do this at once.
 */
export const startHousekeeping = (options: HousekeepingOptions): { close(): Promise<void> } => {
  const chore = (name: string, everyMs: number, run: () => Promise<void>) =>
    every(everyMs, run, (err) => options.logger.event('housekeeping_failed', { err, chore: name }));
  const chores = [
    chore('mend queues', MEND_EVERY_MS, options.mendQueues),
    chore('bring rotations forward', ALIGN_EVERY_MS, () => bringForward(options)),
    chore('trim history', TRIM_EVERY_MS, () => trim(options)),
    chore('restore lost rotations', options.lostAfterMs / 2, () => restoreLost(options)),
    chore('mend bulk rotations', options.lostAfterMs / 2, () => mendBulks(options)),
    chore('align policies', ALIGN_EVERY_MS, options.alignPolicies),
    chore('align sweeps', ALIGN_EVERY_MS, options.alignSweeps),
  ];
  const indexing = keepIndexes(options);
  return {
    close: async () => {
      await Promise.all([indexing.close(), ...chores.map((one) => one.close())]);
    },
  };
};

const trim = async (options: HousekeepingOptions): Promise<void> => {
  const { ledger, work, logger, keepRotations, keepBulks, keepDays } = options;
  // By the clock of Redis: a worker whose own clock is ahead would remove young rotations.
  const oldestMs = (await ledger.system.nowMs()) - keepDays * DAY_MS;
  const forgotten = await ledger.rotations.trim({
    olderThanId: `rot_${encodeTime(oldestMs)}`,
    keepEach: keepRotations,
  });
  const bulks = await work.trim({ endedBeforeMs: oldestMs, keep: keepBulks });
  if (forgotten + bulks > 0) logger.event('history_trimmed', { forgotten, bulks });
};

const restoreLost = async ({
  ledger,
  followUps,
  logger,
  lostAfterMs,
}: HousekeepingOptions): Promise<void> => {
  let after: string | undefined;
  do {
    const { orphans, next } = await ledger.rotations.findOrphans({
      quietMs: lostAfterMs,
      ...(after !== undefined && { after }),
    });
    for (const job of orphans) {
      // One that cannot be queued is no reason to leave out the others.
      await followUps.revive(job).then(
        () => logger.event('rotation_job_restored', idsOf(job)),
        (err) => logger.event('housekeeping_failed', { err, chore: 'restore lost rotations', ...idsOf(job) }),
      );
    }
    after = next;
  } while (after !== undefined);
};

const mendBulks = async ({ work, logger }: HousekeepingOptions): Promise<void> => {
  for (const bulkId of await work.open()) {
    // One that cannot be mended is no reason to leave out the others.
    const isMended = await work.mend(bulkId).catch((err: unknown) => {
      logger.event('housekeeping_failed', { err, chore: 'mend bulk rotations', bulk_id: bulkId });
    });
    if (isMended) logger.event('bulk_mended', { bulk_id: bulkId });
  }
};

/**
 * BullMQ uses the wall clocks of workers. A job that was delayed by a worker whose clock is ahead, after a
 * 429 for example, would come too late if another worker takes it.
 */
const bringForward = async ({
  ledger,
  followUps,
  logger,
  longestDelayMs,
}: HousekeepingOptions): Promise<void> => {
  const count = await followUps.bringForward((await ledger.system.nowMs()) + longestDelayMs);
  if (count > 0) logger.event('rotations_brought_forward', { jobs: count });
};

/** Builds and repairs the indexes from which assistants are listed. */
const keepIndexes = ({
  ledger: { listing },
  logger,
}: Pick<HousekeepingOptions, 'ledger' | 'logger'>): { close(): Promise<void> } => {
  const closing = new AbortController();
  const token = randomUUID();
  const keep = async (): Promise<void> => {
    const pass = await listing.index.keep({ token, signal: closing.signal });
    if (!pass) return;
    const { assistants, corrected, complete } = pass;
    if (corrected > 0 || !complete)
      logger.event('assistant_indexes_made', { assistants, corrected, complete });
  };
  const onError = (err: unknown) => logger.event('housekeeping_failed', { err, chore: 'index assistants' });
  let chore: { close(): Promise<void> } | undefined;
  const first = setTimeout(() => {
    running = keep().catch(onError);
    chore = every(INDEX_EVERY_MS, keep, onError);
  }, FIRST_INDEX_MS);
  let running: Promise<void> | undefined;
  return {
    close: async () => {
      clearTimeout(first);
      closing.abort();
      await running;
      await chore?.close();
    },
  };
};
