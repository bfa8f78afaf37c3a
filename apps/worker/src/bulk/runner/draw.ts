import type { Pauses } from './pauses.ts';
import type { Ranges } from './ranges.ts';
import { bulkShareOf, type BulkRunnerOptions, type RunnerSchedule } from './runner-options.ts';
import type { RunningTasks } from './running-tasks.ts';

/** How many assistants one draw takes. */
const DRAW_SIZE = 100;
export const DRAW_EVERY_MS = 250;

export interface RunnerParts {
  token: string;
  schedule: RunnerSchedule;
  pauses: Pauses;
  ranges: Ranges;
  tasks: RunningTasks;
}

/**
 * Draws the next range or task from the ledger, for a bulk rotation that this worker does not supply already.
 */
export const draw = async (
  { work, clock, logger, holdBack, takeoverAfterMs, maxOpenIntents }: BulkRunnerOptions,
  { token, schedule, pauses, ranges, tasks }: RunnerParts,
): Promise<void> => {
  const before = ranges.before();
  const drawn = await work.draw({
    token,
    leaseMs: takeoverAfterMs,
    size: DRAW_SIZE,
    maxOpenIntents: bulkShareOf(maxOpenIntents),
    ranges: holdBack() === undefined,
    tasks: tasks.wanted(),
    ...(before !== undefined && { before }),
    except: [...ranges.suppliedBulks(), ...pauses.pausedBulks(), ...tasks.bulkIds()],
  });
  switch (drawn.kind) {
    case 'range': {
      // A range in which no assistant waits any more ends at once, and the bulk rotation continues.
      const progressed = drawn.range.waiting.length === 0;
      return ranges.add({ range: drawn.range, place: drawn.place, progressed });
    }
    case 'prepare':
    case 'verify':
      return tasks.begin(drawn.kind, drawn.bulkId, drawn.urgent ?? false);
    case 'mended':
      return logger.event('bulk_mended', { bulk_id: drawn.bulkId });
    case 'damaged':
      return logger.event('bulk_damaged', { bulk_id: drawn.bulkId });
    case 'nothing':
      schedule.drawAgainMs = clock.nowMs() + DRAW_EVERY_MS;
  }
};
