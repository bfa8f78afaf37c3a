import type { Policies, PolicyQueue } from '@rekey/ledger';

/**
 * Has each policy that is not paused, and no other, come due: whoever made, paused or deleted one may have died before telling BullMQ. When what is
 * scheduled comes due does not change. Several workers may do it at once.
 */
export const alignSchedules = async (policies: Pick<Policies, 'list'>, queue: Omit<PolicyQueue, 'close' | 'nextDue'>): Promise<void> => {
  // In this order: a policy is recorded before it is scheduled, so one that is scheduled and not recorded is deleted, and not new.
  const scheduled = await queue.nextDues();
  const active = (await policies.list()).filter(({ paused }) => !paused);
  for (const { id, window } of active) {
    scheduled.delete(id);
    await queue.schedule(id, window);
  }
  for (const id of scheduled.keys()) await queue.unschedule(id);
};
