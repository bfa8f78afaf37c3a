import { setTimeout as sleep } from 'node:timers/promises';
import { BEAT_EVERY_MS, type ProcessIdentity, type Processes } from './processes.ts';

const LEAVE_WITHIN_MS = 1000;
/** A process that starts may not be connected yet. Each further attempt waits twice as long. */
const FIRST_RETRY_MS = 50;

/** Reports every few seconds that a process is live, and its present settings; `close` reports its end. */
export const startPresence = (
  processes: Pick<Processes, 'beat'>,
  process: ProcessIdentity | (() => ProcessIdentity),
  onError: (error: unknown) => void,
): { close(): Promise<void> } => {
  const now = () => (typeof process === 'function' ? process() : process);
  let running: Promise<unknown> | undefined;
  let retryMs = FIRST_RETRY_MS;
  let retry: NodeJS.Timeout | undefined;
  /** The first report is tried again soon; until then nobody knows of this process. */
  const failed = (error: unknown): void => {
    onError(error);
    if (retryMs < BEAT_EVERY_MS) retry = setTimeout(beat, retryMs);
    retryMs *= 2;
  };
  const beat = () => {
    // While a beat is pending, as when Redis is away, no further one is queued: all would be sent at its
    // return.
    running ??= processes
      .beat(now())
      .then(() => (retryMs = Infinity), failed)
      .finally(() => (running = undefined));
  };
  const timer = setInterval(beat, BEAT_EVERY_MS);
  beat();
  return {
    close: async () => {
      clearInterval(timer);
      clearTimeout(retry);
      // While Redis is away the end cannot be reported: the lease lapses.
      const left = (running ?? Promise.resolve())
        .then(() => processes.beat(now(), { leaving: true }))
        .catch(onError);
      await Promise.race([left, sleep(LEAVE_WITHIN_MS, undefined, { ref: false })]);
    },
  };
};
