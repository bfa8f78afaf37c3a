import { repairQueues, type RotationQueue } from '@rekey/ledger';
import { rewriteAppendOnlyFile, watchRunId } from '@rekey/runtime';
import { startConsumerWatch } from '../consumers/consumer-watch.ts';
import { startEnrolment } from '../consumers/enrolment.ts';
import { startHousekeeping } from '../upkeep/housekeeping.ts';
import type { Parts, Work } from './parts.ts';
import type { Sweeps } from './verification.ts';

/** Follows how far consumers are: for canaries, for metrics, and for the length of the stream. */
export const followConsumers = (
  { logger, shutdown, stores, status, sealer }: Parts,
  { propagation }: Work,
): void => {
  const watch = startConsumerWatch({
    consumers: stores.ledger.consumers,
    registry: stores.ledger.registry,
    positions: stores.positions,
    work: stores.ledger.bulkWork,
    retention: stores.retention,
    meter: status.meter,
    sealer,
    refused: stores.refusedAcknowledgements,
    logger,
  });
  shutdown.defer('consumer watch', async () => {
    propagation.close();
    await watch.close();
  });
};

/** Grants keys to added consumers, and seals published records for them. */
export const enrolConsumers = (
  { logger, shutdown, sealer, recipients, stores, status, stopping }: Parts,
  redisRuns: () => number,
): void => {
  const { ledger } = stores;
  const enrolment = startEnrolment({
    ledger,
    sealer,
    recipients,
    logger,
    meter: status.meter,
    redisRuns,
    stopping,
  });
  shutdown.defer('enrolment', () => enrolment.close());
};

/** Returns what deletes the keys of BullMQ that another client has spoiled. */
export const queueMender =
  ({ logger, redis, stores }: Parts): (() => Promise<void>) =>
  async () => {
    for (const { key, why } of await repairQueues(redis, stores.ledger.keys))
      logger.event('queue_key_deleted', { key, why });
  };

export const keepHouse = (
  { config, timing, logger, shutdown, stores }: Parts,
  mendQueues: () => Promise<void>,
  followUps: RotationQueue,
  alignPolicies: () => Promise<void>,
  sweeps: Sweeps,
): void => {
  const housekeeping = startHousekeeping({
    ledger: stores.ledger,
    work: stores.ledger.bulkWork,
    followUps,
    mendQueues,
    alignPolicies,
    alignSweeps: sweeps.consumer.align,
    logger,
    keepRotations: config.REKEY_KEEP_ROTATIONS,
    keepBulks: config.REKEY_KEEP_BULKS,
    keepDays: config.REKEY_KEEP_ROTATIONS_DAYS,
    lostAfterMs: timing.takeoverAfterMs,
    longestDelayMs: timing.longestDelayMs,
  });
  shutdown.defer('housekeeping', () => housekeeping.close());
};

/**
 * After a restart Redis may have lost its last seconds: everything is compared, and its file written again.
 * Returns how many runs of Redis this process has met.
 */
export const compareAfterRestarts = (
  { config, logger, redis, stores }: Parts,
  sweeps: Sweeps,
): (() => number) => {
  const { ledger } = stores;
  let [lastRun, runs] = ['', 0];
  watchRunId(redis, logger, async (runId) => {
    if (runId !== lastRun) [lastRun, runs] = [runId, runs + 1];
    const { due } = await ledger.system.recogniseRedis(runId);
    if (due.includes('compared')) {
      logger.event('redis_restarted');
      await sweeps.queue.schedule(config.REKEY_SWEEP_EVERY_MS);
      // Also if sweeps run on request only: nothing else shows what was lost.
      await sweeps.consumer.requestAll();
      await ledger.system.noteDone('compared', runId);
    }
    if (due.includes('rewritten') && (await rewriteAppendOnlyFile(redis, logger)))
      await ledger.system.noteDone('rewritten', runId);
  });
  return () => runs;
};
