import { createPolicyQueue } from '@rekey/ledger';
import { alignSchedules } from '../policy/align-schedules.ts';
import { createPolicyConsumer } from '../policy/policy-consumer.ts';
import { whenClocksAgree } from '../upkeep/clock-watch.ts';
import { firstRun } from '../upkeep/housekeeping.ts';
import type { Parts } from './parts.ts';

/** Schedules all policies. Returns what does so again. */
export const schedulePolicies = async ({
  logger,
  shutdown,
  redis,
  stores,
}: Parts): Promise<() => Promise<void>> => {
  const queue = createPolicyQueue(redis, stores.ledger.keys);
  shutdown.defer('policy queue', () => queue.close());
  const align = () => alignSchedules(stores.ledger.policies, queue, logger);
  await firstRun(logger, 'align policies', align);
  return align;
};

export const startPolicies = ({ timing, logger, shutdown, redis, clock, stores }: Parts): void => {
  const { ledger } = stores;
  const consumer = createPolicyConsumer({
    redis,
    keys: ledger.keys,
    policies: ledger.policies,
    bulks: ledger.bulks,
    nowMs: ledger.system.nowMs,
    takeoverAfterMs: timing.takeoverAfterMs,
    logger,
  });
  shutdown.defer('policies', () => consumer.close());
  shutdown.defer(
    'policies: clocks that agree',
    whenClocksAgree(clock, () => consumer.start()),
  );
};
