import { createSweepQueue, type SweepQueue } from '@rekey/ledger';
import { orgsByOneName } from '../orgs/one-name.ts';
import type { OrgAliasKeeper } from '../orgs/org-alias.ts';
import { whenClocksAgree } from '../upkeep/clock-watch.ts';
import { firstRun } from '../upkeep/housekeeping.ts';
import { checkAssistant } from '../verification/checks/check-assistant.ts';
import { startDueChecks } from '../verification/checks/due-checks.ts';
import { createSweepConsumer, type SweepConsumer } from '../verification/sweep-consumer.ts';
import type { SweepDeps } from '../verification/sweep/sweep-run.ts';
import { sweep } from '../verification/sweep/sweep.ts';
import type { Parts, Work } from './parts.ts';

type Check = ReturnType<typeof checkAssistant>;

/** Starts the due checks. Returns the check of one assistant, which translates `c` to its org. */
export const startChecks = (
  { timing, logger, shutdown, stopping, recipients, stores }: Parts,
  { common, publisher }: Work,
): Check => {
  const checkOne = checkAssistant({ ...common, publisher, nameOf: recipients.nameOf });
  const check: Check = (target, options) =>
    checkOne({ ...target, orgId: recipients.nameOf(target.orgId) }, options);
  const dueChecks = startDueChecks({
    ledger: stores.ledger,
    check,
    logger,
    takeoverAfterMs: timing.checkTakeoverAfterMs,
    stopping,
  });
  shutdown.defer('due checks', () => dueChecks.close());
  return check;
};

export const sweepDeps = ({ recipients }: Parts, { common, publisher }: Work, check: Check): SweepDeps => {
  const { ledger } = common;
  const list = () => orgsByOneName(ledger, recipients.nameOf);
  return { ...common, ledger: { ...ledger, orgs: { ...ledger.orgs, list } }, publisher, check };
};

export interface Sweeps {
  queue: SweepQueue;
  consumer: SweepConsumer;
}

export const startSweeps = async (
  { config, timing, logger, shutdown, redis, clock, recipients, stores, status, upstream }: Parts,
  deps: SweepDeps,
  orgAlias: OrgAliasKeeper,
): Promise<Sweeps> => {
  const { ledger } = stores;
  const sweepAll = sweep({ ...deps, configuredOrgs: upstream.apiKeys.orgIds });
  const queue = createSweepQueue(redis, ledger.keys);
  shutdown.defer('sweep queue', () => queue.close());
  const consumer = createSweepConsumer({
    redis,
    keys: ledger.keys,
    sweeps: ledger.sweeps,
    queue,
    sweep: async (orgId, counts, save) => {
      await orgAlias.beforeSweep();
      return sweepAll(orgId === undefined ? undefined : recipients.nameOf(orgId), counts, save);
    },
    takeoverAfterMs: timing.sweepTakeoverAfterMs,
    everyMs: config.REKEY_SWEEP_EVERY_MS,
    sweepTimes: ledger.system.sweepTimes,
    heldOrgs: ledger.orgs.held,
    logger,
    meter: status.meter,
  });
  shutdown.defer('sweeps', () => consumer.close());
  shutdown.defer(
    'sweeps: clocks that agree',
    whenClocksAgree(clock, () => consumer.start()),
  );
  await firstRun(logger, 'align sweeps', () => queue.schedule(config.REKEY_SWEEP_EVERY_MS));
  if (config.REKEY_SWEEP_EVERY_MS === 0) logger.event('scheduled_sweeps_off');
  return { queue, consumer };
};
