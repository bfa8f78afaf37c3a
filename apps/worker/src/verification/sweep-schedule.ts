import { sweepDueWithinMs, type Ledger, type SweepQueue, type Sweeps, type System } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { SweepId, systemActor } from '@rekey/schema';
import { ulid } from 'ulid';

export interface SweepScheduleOptions {
  sweeps: Pick<Sweeps, 'create' | 'claimHeld' | 'queued'>;
  queue: SweepQueue;
  /** How often all orgs are to be compared, in ms; 0: on request only. */
  everyMs: number;
  sweepTimes: System['sweepTimes'];
  heldOrgs: Ledger['orgs']['held'];
  logger: Logger;
}

interface SweepSchedule {
  /** The interval between two sweeps of a held org; 0 if sweeps run on request only. */
  heldEveryMs: number;
  requestAll(): Promise<void>;
  /** Requests a sweep of an org; undefined: of all. */
  request(orgId: string | undefined): Promise<void>;
  /** Requests a sweep of all orgs, unless the schedule fires too early. */
  requestScheduled(): Promise<void>;
  /**
   * Sets the schedule. Whatever the queue holds, it also requests a sweep of all orgs if the ledger says that
   * one is overdue. Held orgs are swept more often, so that a hold ends soon after Invent shows again what is
   * known.
   */
  align(): Promise<void>;
}

const SWEEP_HELD_EVERY_MS = 300_000;
/**
 * Sweeps of held orgs that are requested at a time: each reads a whole list, and sweeps run one at a time.
 */
const HELD_AT_ONCE = 10;

export const createSweepSchedule = ({
  sweeps,
  queue,
  everyMs,
  sweepTimes,
  heldOrgs,
  logger,
}: SweepScheduleOptions): SweepSchedule => {
  const request = async (orgId: string | undefined) => {
    const { sweep } = await sweeps.create(`swp_${ulid()}`, orgId, { actor: systemActor('sweeps') });
    await queue.add(sweep);
  };
  const requestAll = () => request(undefined);

  const heldEveryMs = Math.min(everyMs, SWEEP_HELD_EVERY_MS);
  const requestHeld = async () => {
    let requested = 0;
    for (const { orgId } of await heldOrgs()) {
      if (requested === HELD_AT_ONCE) return;
      if (!(await sweeps.claimHeld(orgId, heldEveryMs))) continue;
      requested += 1;
      await request(orgId);
    }
  };

  const requestOverdue = async () => {
    const { nowMs, begunMs = 0, endedMs = 0, running } = await sweepTimes();
    const lastMs = Math.min(Math.max(begunMs, endedMs), nowMs);
    if (running || nowMs - lastMs <= sweepDueWithinMs(everyMs)) return;
    logger.event('sweep_overdue', { last_begun_ms: begunMs, last_ended_ms: endedMs, every_ms: everyMs });
    await requestAll();
  };

  /**
   * Queues sweeps again whose job is lost, or was never added because their gateway died: each takes a place,
   * of which there are few. Callers have requested these, so they come after what the schedule needs, and one
   * that cannot be queued is no reason to leave out the others.
   */
  const requeue = async () => {
    for (const sweep of await sweeps.queued()) {
      if (!SweepId.safeParse(sweep.id).success) continue;
      await queue
        .add(sweep)
        .catch((err) => logger.event('housekeeping_failed', { err, chore: 'queue sweeps again' }));
    }
  };

  return {
    heldEveryMs,
    requestAll,
    request,

    requestScheduled: async () => {
      // It fires too early after a queue was emptied, or between workers whose clocks differ.
      const { nowMs, begunMs } = await sweepTimes();
      if (begunMs !== undefined && begunMs <= nowMs && nowMs - begunMs < everyMs / 2) return;
      await requestAll();
    },

    align: async () => {
      await queue.schedule(everyMs);
      if (everyMs > 0) {
        await requestHeld();
        await requestOverdue();
      }
      await requeue();
    },
  };
};
