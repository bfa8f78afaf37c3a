import { setTimeout as sleep } from 'node:timers/promises';
import { BEAT_EVERY_MS, type ProcessIdentity, type Processes } from './processes.ts';

const LEAVE_WITHIN_MS = 1000;

/** Reports every few seconds that a process is live, and its present settings; `close` reports its end. */
export const startPresence = (
  processes: Pick<Processes, 'beat'>,
  process: ProcessIdentity | (() => ProcessIdentity),
  onError: (error: unknown) => void,
): { close(): Promise<void> } => {
  const now = () => (typeof process === 'function' ? process() : process);
  let running: Promise<unknown> | undefined;
  const beat = () => {
    // While a beat is pending, as when Redis is away, no further one is queued: all would be sent at its
    // return.
    running ??= processes
      .beat(now())
      .catch(onError)
      .finally(() => (running = undefined));
  };
  const timer = setInterval(beat, BEAT_EVERY_MS);
  beat();
  return {
    close: async () => {
      clearInterval(timer);
      // While Redis is away the end cannot be reported: the lease lapses.
      const left = (running ?? Promise.resolve())
        .then(() => processes.beat(now(), { leaving: true }))
        .catch(onError);
      await Promise.race([left, sleep(LEAVE_WITHIN_MS, undefined, { ref: false })]);
    },
  };
};
