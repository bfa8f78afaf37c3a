import type { BulkWork, Ledger, RotationQueue } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { encodeTime } from 'ulid';
import { every } from '../shared/every.ts';

export interface HousekeepingOptions {
  ledger: Ledger;
  work: Pick<BulkWork, 'trim'>;
  followUps: RotationQueue;
  /** Has every policy come due that should, and the sweep of everything. */
  alignPolicies: () => Promise<void>;
  alignSweeps: () => Promise<void>;
  logger: Logger;
  keepRotations: number;
  keepBulks: number;
  keepDays: number;
  /** An open rotation that no job carries and that has not changed for so long is put on its way again. */
  lostAfterMs: number;
  /** No job is put off for longer than that. */
  longestPutOffMs: number;
}

const TRIM_EVERY_MS = 10_000;
const ALIGN_EVERY_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * What keeps the ledger true and within its bounds, whatever became of queue and processes. Several workers
 * may do it at once.
 */
export const startHousekeeping = ({
  ledger,
  work,
  followUps,
  alignPolicies,
  alignSweeps,
  logger,
  keepRotations,
  keepBulks,
  keepDays,
  lostAfterMs,
  longestPutOffMs,
}: HousekeepingOptions): { close(): Promise<void> } => {
  const trim = async () => {
    // By the clock of Redis: a worker whose own is ahead would forget what is young.
    const oldestMs = (await ledger.nowMs()) - keepDays * DAY_MS;
    const forgotten = await ledger.trim({
      olderThanId: `rot_${encodeTime(oldestMs)}`,
      keepEach: keepRotations,
    });
    const bulks = await work.trim({ endedBeforeMs: oldestMs, keep: keepBulks });
    if (forgotten + bulks > 0) logger.debug({ forgotten, bulks }, 'forgot old rotations');
  };

  const reviveLost = async () => {
    let after: string | undefined;
    do {
      const { lost, next } = await ledger.findLost({
        quietMs: lostAfterMs,
        ...(after !== undefined && { after }),
      });
      for (const job of lost) {
        await followUps.revive(job);
        logger.warn(
          { rotation_id: job.rotationId, org_id: job.orgId, assistant_id: job.assistantId },
          'a rotation had lost its job; it goes on',
        );
      }
      after = next;
    } while (after !== undefined);
  };

  /**
   * BullMQ reckons by the wall clocks of workers. What one has put off whose clock is ahead, a 429 for
   * example, would come too late if another has to take it up.
   */
  const bringForward = async () => {
    const count = await followUps.bringForward((await ledger.nowMs()) + longestPutOffMs);
    if (count > 0)
      logger.warn(
        { jobs: count },
        'rotations were put off for too long, by a clock that is ahead of that of Redis; they resume',
      );
  };

  const chores = [
    every(ALIGN_EVERY_MS, bringForward, (err) =>
      logger.warn({ err }, 'rotations that were put off could not be looked at'),
    ),
    every(TRIM_EVERY_MS, trim, (err) => logger.warn({ err }, 'old rotations could not be forgotten')),
    every(lostAfterMs / 2, reviveLost, (err) =>
      logger.warn({ err }, 'lost rotations could not be looked for'),
    ),
    every(ALIGN_EVERY_MS, alignPolicies, (err) => logger.warn({ err }, 'policies could not be scheduled')),
    every(ALIGN_EVERY_MS, alignSweeps, (err) => logger.warn({ err }, 'the sweep could not be scheduled')),
  ];
  return {
    close: async () => {
      await Promise.all(chores.map((chore) => chore.close()));
    },
  };
};
