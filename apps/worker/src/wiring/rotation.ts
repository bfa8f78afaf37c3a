import type { RotationQueue } from '@rekey/ledger';
import { STOP_POSTING_AT, createReplicaConfirmation, nextUlid } from '@rekey/runtime';
import type { ErrorCode } from '@rekey/schema';
import { startBulkRunner } from '../bulk/runner/bulk-runner.ts';
import { doBulkTask } from '../bulk/tasks/bulk-task.ts';
import { maxUnknownsInAll, workerConcurrency } from '../config.ts';
import { openPolicyShare } from '../policy/policy-share.ts';
import type { RotateDeps } from '../rotation/rotate-deps.ts';
import { rotateSecretKey, sendClaimed } from '../rotation/rotate-secret-key.ts';
import { createRotationConsumer } from '../rotation/rotation-consumer.ts';
import { systemClock } from '../shared/clock.ts';
import { createInFlight, type InFlight } from '../shared/in-flight.ts';
import { whenClocksAgree } from '../upkeep/clock-watch.ts';
import type { SweepDeps } from '../verification/sweep/sweep-run.ts';
import type { Parts, Work } from './parts.ts';

interface Rotating {
  deps: RotateDeps;
  /** Keys that exist nowhere but at Invent and in this process, from the POST until they are published. */
  unpublished: InFlight;
}

export const createRotating = (parts: Parts, { common, publisher }: Work): Rotating => {
  const { config, timing, shutdown, redis, connections, stores, stopping } = parts;
  const replicas = createReplicaConfirmation(redis, {
    replicas: config.REKEY_WAIT_REPLICAS,
    withinMs: config.REKEY_WAIT_REPLICAS_MS,
    connect: () => connections.connect({ onDisconnect: 'fail', name: 'worker-replicas' }),
    mark: stores.ledger.keys.replicated(nextUlid()),
  });
  shutdown.defer('replicas', () => replicas.close());
  const unpublished = createInFlight();
  const { invent } = common;
  const deps: RotateDeps = {
    ...common,
    invent: {
      ...invent,
      rotateSecretKey: (...request) => unpublished.during(invent.rotateSecretKey(...request)),
    },
    publisher: { ...publisher, publish: (...key) => unpublished.during(publisher.publish(...key)) },
    stopping,
    maxOpenIntents: config.REKEY_MAX_UNKNOWNS,
    maxIntentsInAll: maxUnknownsInAll(config),
    holdBack: () => holdBack(parts),
    confirmDurable: replicas.confirm,
    timing: timing.rotation,
  };
  return { deps, unpublished };
};

/** Why no POST may leave at present; undefined if one may. */
const holdBack = ({ config, clock, memory, archive, status, stores }: Parts): ErrorCode | undefined => {
  const lost = status.ledgerWatch.holdBack();
  if (lost !== undefined) return lost;
  // A key that nobody can read is a dark one.
  const untrusted = stores.ledger.registry.untrusted();
  if (untrusted !== undefined) return untrusted;
  if (config.REKEY_OBSERVE_ONLY) return 'FROZEN';
  if (clock.doubt()) return 'CLOCK_JUMP';
  if (config.REKEY_ARCHIVE_REQUIRED && (archive.waitingShare() ?? Infinity) >= STOP_POSTING_BEHIND)
    return 'ARCHIVE_BEHIND';
  return memory.usedShare() >= STOP_POSTING_AT ? 'REDIS_MEMORY_LOW' : undefined;
};
/** Of what may wait for the archive: what is in flight still has room. Gateways stop accepting before. */
const STOP_POSTING_BEHIND = 0.9;

export const startRotations = (
  { config, timing, logger, shutdown, redis, clock, stores, stopping }: Parts,
  { deps }: Rotating,
  followUps: RotationQueue,
): void => {
  const { ledger } = stores;
  const consumer = createRotationConsumer({
    redis,
    keys: ledger.keys,
    ledger,
    followUps,
    concurrency: workerConcurrency(config),
    takeoverAfterMs: timing.takeoverAfterMs,
    rotate: rotateSecretKey(deps),
    stopping,
    logger,
  });
  shutdown.defer('consumer', () => consumer.close());
  shutdown.defer(
    'consumer: clocks that agree',
    whenClocksAgree(clock, () => consumer.start()),
  );
};

export const startBulks = (
  { config, timing, logger, shutdown, stores, stopping }: Parts,
  { deps }: Rotating,
  followUps: RotationQueue,
  sweeping: SweepDeps,
): void => {
  const { ledger, limit } = stores;
  const runner = startBulkRunner({
    work: ledger.bulkWork,
    followUps,
    doTask: doBulkTask({
      ...sweeping,
      work: ledger.bulkWork,
      budget: limit,
      retryForMs: timing.rotation.retryForMs,
      openShare: openPolicyShare(ledger.policies),
      stopping,
    }),
    send: sendClaimed(deps),
    clock: systemClock,
    logger,
    concurrency: workerConcurrency(config).first,
    maxOpenIntents: deps.maxOpenIntents,
    maxIntentsInAll: deps.maxIntentsInAll,
    claimLeaseMs: timing.claimLeaseMs,
    landingWindowMs: timing.landsWithinMs,
    takeoverAfterMs: timing.takeoverAfterMs,
    holdBack: deps.holdBack,
    stopping,
  });
  shutdown.defer('bulk rotations', () => runner.close());
};
