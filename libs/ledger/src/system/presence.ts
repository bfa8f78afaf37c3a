import { setTimeout as sleep } from 'node:timers/promises';
import { BEAT_EVERY_MS, type ProcessIdentity, type Processes } from './processes.ts';

const LEAVE_WITHIN_MS = 1000;

/** Says every few seconds that a process lives, and what it is at that moment; `close` says that it ends. */
export const startPresence = (
  processes: Pick<Processes, 'beat'>,
  process: ProcessIdentity | (() => ProcessIdentity),
  onError: (error: unknown) => void,
): { close(): Promise<void> } => {
  const now = () => (typeof process === 'function' ? process() : process);
  let running: Promise<unknown> | undefined;
  const beat = () => {
    // One that takes longer than the pause, as while Redis is away, is not followed by others that would all
    // be sent at its return.
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
      // While Redis is away nobody can be told, and the lease lapses by itself.
      const left = (running ?? Promise.resolve())
        .then(() => processes.beat(now(), { leaving: true }))
        .catch(onError);
      await Promise.race([left, sleep(LEAVE_WITHIN_MS, undefined, { ref: false })]);
    },
  };
};
