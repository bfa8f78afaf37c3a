import type { Policies, PolicyQueue } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';

/**
 * Schedules each policy that is not paused, and no other: the process that created, paused or deleted a
 * policy may have died before it told BullMQ. The due time of a scheduled policy does not change. Several
 * workers may do this at once. A policy whose calendar cannot be computed is logged and does not affect the
 * others.
 */
export const alignSchedules = async (
  policies: Pick<Policies, 'get' | 'list'>,
  queue: Omit<PolicyQueue, 'close' | 'nextDue'>,
  logger: Logger,
): Promise<void> => {
  // The order matters: a policy is recorded before it is scheduled. One that is scheduled and not recorded
  // has therefore been deleted, and is not new.
  const scheduled = await queue.nextDues();
  const active = (await policies.list()).filter(({ paused }) => !paused);
  for (const { id, window } of active) {
    scheduled.delete(id);
    try {
      await queue.schedule(id, window);
    } catch (err) {
      if (!(err instanceof RekeyError)) throw err;
      logger.event('policy_unscheduled', {
        err,
        policy_id: id,
        cron: window.cron,
        time_zone: window.timeZone,
      });
    }
  }
  for (const id of scheduled.keys()) if (!(await isActive(policies, id))) await queue.unschedule(id);
};

/** Among the ids that another client has added, a policy may not have been listed. */
const isActive = async (policies: Pick<Policies, 'get'>, id: string): Promise<boolean> => {
  try {
    return !(await policies.get(id)).paused;
  } catch (err) {
    if (err instanceof RekeyError) return false;
    throw err;
  }
};
