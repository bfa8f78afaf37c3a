import type { Policies, PolicyQueue } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';

/**
 * Has each policy that is not paused, and no other, come due: whoever made, paused or deleted one may have
 * died before telling BullMQ. When what is scheduled comes due does not change. Several workers may do it at
 * once. A policy whose calendar cannot be computed is logged, and does not affect the others.
 */
export const alignSchedules = async (
  policies: Pick<Policies, 'list'>,
  queue: Omit<PolicyQueue, 'close' | 'nextDue'>,
  logger: Logger,
): Promise<void> => {
  // In this order: a policy is recorded before it is scheduled, so one that is scheduled and not recorded is
  // deleted, and not new.
  const scheduled = await queue.nextDues();
  const active = (await policies.list()).filter(({ paused }) => !paused);
  for (const { id, window } of active) {
    scheduled.delete(id);
    try {
      await queue.schedule(id, window);
    } catch (err) {
      if (!(err instanceof RekeyError)) throw err;
      logger.error(
        { err, policy_id: id, cron: window.cron, time_zone: window.timeZone },
        'a policy could not be scheduled and replaces no key; the worker tries again',
      );
    }
  }
  for (const id of scheduled.keys()) await queue.unschedule(id);
};
