import { storedErrorText, type Attention } from '@rekey/schema';
import type { KnownProcess } from '../processes.ts';
import type { SystemFacts } from './facts.ts';
import { MINUTE_MS, dateText, item } from './items.ts';

const OVERDUE_SLACK_MS = 30_000;
const LONGEST_SWEEP_MS = 86_400_000;

/** The interval of sweeps; undefined if no process is known that runs any. */
const sweepInterval = (processes: KnownProcess[]): number | undefined => {
  const sweeping = processes.filter(
    ({ roles, settings }) => roles.includes('sweeping') && settings.sweepEveryMs !== undefined,
  );
  const live = sweeping.filter(({ live: is }) => is);
  const intervals = (live.length > 0 ? live : sweeping).map(({ settings }) => settings.sweepEveryMs!);
  if (intervals.length === 0) return undefined;
  return Math.min(...intervals.map((ms) => (ms === 0 ? Infinity : ms)));
};

/** How long after the end of the last sweep the next one may end without being overdue. */
export const sweepDueWithinMs = (everyMs: number): number =>
  everyMs + Math.min(everyMs, 5 * MINUTE_MS) + OVERDUE_SLACK_MS;

/** What the items about sweeps depend on. */
const readSweeps = ({ nowMs, processes, sweeps: { lastEnded, lastSuccess, running } }: SystemFacts) => {
  const everyMs = sweepInterval(processes);
  const atWork = running && nowMs - (running.startedMs ?? nowMs) < LONGEST_SWEEP_MS ? running : undefined;
  // A sweep whose worker dies starts over. Only a run that began in time excuses that none has ended since.
  const dueMs = lastEnded && everyMs !== undefined ? lastEnded.endedMs + sweepDueWithinMs(everyMs) : Infinity;
  const isExcused = atWork !== undefined && (atWork.startedMs ?? nowMs) <= dueMs;
  const success = lastSuccess
    ? `The last success was at ${dateText(lastSuccess.endedMs)}.`
    : 'None has succeeded yet.';
  return { everyMs, atWork, success, dueMs, isOverdue: nowMs > dueMs && !isExcused };
};
type Sweeps = ReturnType<typeof readSweeps>;

const neverItem = ({ ledger, sweeps: { running } }: SystemFacts, { atWork }: Sweeps): Attention =>
  item('SWEEP_NEVER', {
    ...(running && { subject: running.id }),
    message: atWork
      ? 'Nothing has been compared with Invent yet; the first sweep is running.'
      : 'Nothing has been compared with Invent yet.',
    advice: atWork ? `Wait for its end: rekey get ${atWork.id} --wait` : 'Run rekey sweep.',
    sinceMs: ledger.begunMs,
  });

const overdueItem = (endedMs: number, { everyMs = 0, atWork, success }: Sweeps): Attention => {
  const late = atWork ? ' A sweep that began late, or began again, is running.' : '';
  return item('SWEEP_OVERDUE', {
    message:
      `The last sweep of everything ended at ${dateText(endedMs)}, and one is due every ` +
      `${Math.round(everyMs / 1000)} s.${late} ${success}`,
    advice: atWork
      ? `See the log of the workers if it does not end: rekey get ${atWork.id} --wait`
      : 'See the log of the workers; run rekey sweep.',
    sinceMs: endedMs + everyMs,
  });
};

/** Sweeps that failed, are disabled, overdue, or have not run since a restart of Redis. */
export const sweepItems = (facts: SystemFacts): Attention[] => {
  const { lastEnded, lastSuccess } = facts.sweeps;
  const sweeps = readSweeps(facts);
  const items: Attention[] = [];
  if (lastEnded?.state === 'FAILED') {
    const { id, endedMs, errorCode: code = 'INTERNAL' } = lastEnded;
    const { message, advice } = storedErrorText(code, 'sweep');
    items.push(
      item('SWEEP_FAILED', {
        subject: id,
        message: `The last sweep of everything failed. ${message} (${code}) ${sweeps.success}`,
        advice,
        sinceMs: endedMs,
      }),
    );
  }
  if (sweeps.everyMs === Infinity)
    items.push(
      item('SWEEPS_DISABLED', {
        message:
          'Sweeps are disabled (REKEY_SWEEP_EVERY_MS=0): keys that change at Invent are not noticed. ' +
          sweeps.success,
        advice: 'Set REKEY_SWEEP_EVERY_MS, or run rekey sweep yourself.',
        sinceMs: lastSuccess?.endedMs,
      }),
    );
  if (!lastEnded && sweeps.everyMs !== Infinity) items.push(neverItem(facts, sweeps));
  if (lastEnded && sweeps.isOverdue) items.push(overdueItem(lastEnded.endedMs, sweeps));
  const { restartedMs } = facts;
  if (lastEnded && restartedMs !== undefined && (lastSuccess?.beganMs ?? 0) < restartedMs)
    items.push(
      item('NOT_COMPARED_SINCE_RESTART', {
        message:
          'Redis was restarted or restored, and nothing has been compared with Invent since: ' +
          'published keys may be older than those in force.',
        advice: 'Wait for the sweep that follows, or run rekey sweep.',
        sinceMs: restartedMs,
      }),
    );
  return items;
};
