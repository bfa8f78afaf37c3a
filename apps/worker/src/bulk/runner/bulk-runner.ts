import { randomUUID } from 'node:crypto';
import { backoffMs } from '../../shared/backoff.ts';
import { claimRange } from './claim-range.ts';
import { DRAW_EVERY_MS, draw, type RunnerParts } from './draw.ts';
import { createPauses } from './pauses.ts';
import { createRanges } from './ranges.ts';
import { createRequests, type Requests } from './requests.ts';
import { WAIT_FOR_ROOM_MS, errorBackoff, type BulkRunnerOptions } from './runner-options.ts';
import { createRunningTasks } from './running-tasks.ts';
import { createWaker, type Waker } from './waker.ts';

const PAUSE_WHEN_BUSY_MS = 500;

/**
 * Rotates the assistants of bulk rotations. The runner draws ranges of a hundred assistants from the ledger.
 * If this process dies, they return by themselves. The ledger claims each assistant before its request
 * leaves, so that none is rotated twice.
 */
export const startBulkRunner = (options: BulkRunnerOptions): { close(): Promise<void> } => {
  const { work, clock, takeoverAfterMs, stopping } = options;
  const token = randomUUID();
  const waker = createWaker(clock);
  const pauses = createPauses(clock);
  const ranges = createRanges(work, token);
  const tasks = createRunningTasks(options, token, waker.wake);
  const schedule = { drawAgainMs: 0, pacedUntilMs: 0 };
  const requests = createRequests(options, pauses, (orgId) => {
    // Nothing is drawn for an org without room. Now it may have some.
    if (!ranges.find(({ range }) => range.orgId === orgId))
      schedule.drawAgainMs = Math.min(schedule.drawAgainMs, clock.nowMs() + WAIT_FOR_ROOM_MS);
    waker.wake();
  });

  const renewal = setInterval(() => {
    const renewed = ranges.renew(takeoverAfterMs);
    for (const bulkId of tasks.bulkIds()) renewed.push(work.renew(bulkId, token, takeoverAfterMs));
    // A failure is harmless: the ledger claims each assistant once, even if two workers have drawn it.
    void Promise.allSettled(renewed);
  }, takeoverAfterMs / 4);
  stopping.addEventListener('abort', () => waker.wake());
  const running = run(options, { token, schedule, pauses, ranges, tasks }, requests, waker);

  return {
    close: async () => {
      await running;
      clearInterval(renewal);
      await tasks.settled();
      await requests.settled();
      await ranges.close();
    },
  };
};

const run = async (
  options: BulkRunnerOptions,
  parts: RunnerParts,
  requests: Requests,
  waker: Waker,
): Promise<void> => {
  for (let failures = 0; !options.stopping.aborted;) {
    try {
      await takeTurn(options, parts, requests, waker);
      failures = 0;
    } catch (err) {
      failures += 1;
      options.logger.event('bulk_runner_failed', { err });
      await waker.wait(backoffMs(failures, errorBackoff));
    }
  }
};

/** Does one thing: drops a range that is used up, or draws, claims, or waits. */
const takeTurn = async (
  options: BulkRunnerOptions,
  parts: RunnerParts,
  requests: Requests,
  waker: Waker,
): Promise<void> => {
  const { clock } = options;
  const { schedule, pauses, ranges } = parts;
  const nowMs = clock.nowMs();
  const used = ranges.find(({ range }) => range.waiting.length === 0);
  if (used) {
    // Without progress, rotations own all of its assistants, and will not end at once.
    if (used.progressed) schedule.drawAgainMs = 0;
    else pauses.pause(used.range.bulkId, PAUSE_WHEN_BUSY_MS);
    return ranges.drop(used);
  }
  if (nowMs >= schedule.drawAgainMs) await draw(options, parts);
  const next =
    schedule.pacedUntilMs > clock.nowMs()
      ? undefined
      : ranges.find(
          ({ range }) =>
            range.waiting.length > 0 && requests.roomFor(range.orgId) > 0 && !pauses.isPaused(range.orgId),
        );
  if (next) return claimRange(options, parts, requests, next);
  const moments = [schedule.pacedUntilMs, ...pauses.ends()].filter((ms) => ms > nowMs);
  const soonestMs = Math.min(
    ...(ranges.isEmpty() ? [] : moments),
    Math.max(schedule.drawAgainMs, nowMs),
    nowMs + DRAW_EVERY_MS,
  );
  await waker.wait(soonestMs - clock.nowMs());
};
