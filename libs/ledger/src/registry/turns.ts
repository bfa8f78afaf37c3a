import type { MemoryFile } from './memory-file.ts';
import type { Registry } from './registry.ts';

/** Calls during a run share the next one, which begins after all of them. It is full if one asks for that. */
export const inTurn = <T>(
  run: (full: boolean) => Promise<T>,
): ((options?: { full?: boolean }) => Promise<T>) => {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  let isNextFull = false;
  const begin = (full: boolean): Promise<T> => {
    const own = run(full).finally(() => {
      if (running === own) running = undefined;
    });
    running = own;
    return own;
  };
  return ({ full = false } = {}) => {
    if (!running && !next) return begin(full);
    isNextFull ||= full;
    next ??= running!
      .catch(() => {})
      .then(() => {
        const wasFull = isNextFull;
        [next, isNextFull] = [undefined, false];
        return begin(wasFull);
      });
    return next;
  };
};

/** Runs one after the other: writes of one process do not compete. */
export const createTurns = (): (<T>(run: () => Promise<T>) => Promise<T>) => {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const own = last.then(run);
    last = own.catch(() => {});
    return own;
  };
};

export const startLooking = (
  look: Registry['look'],
  memory: MemoryFile,
  everyMs: number,
  onError: (error: unknown) => void,
): { close(): Promise<void> } => {
  let looking: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    looking ??= look()
      .catch(onError)
      .finally(() => (looking = undefined));
  }, everyMs);
  return {
    close: async () => {
      clearInterval(timer);
      await memory.flush();
    },
  };
};
