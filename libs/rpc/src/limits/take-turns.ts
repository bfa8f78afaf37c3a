import { attempt, type OnThrown } from '../attempt.ts';

/** How long calls are begun before the event loop does everything else once. */
const SLICE_MS = 2;

export interface Turns {
  /** False if the maximum number of calls is waiting already; the call is then refused. */
  take(begin: () => void): boolean;
  /** How many wait. */
  waiting(): number;
}

/**
 * Begins calls in slices, so that a caller who begins thousands at once does not keep others from being
 * heard between. What one throws does not keep those that follow from their turn.
 */
export const takeTurns = (maxWaiting: number, onThrown: OnThrown = () => {}): Turns => {
  let waiting: (() => void)[] = [];
  let next = 0;
  let scheduled = false;

  const runSlice = (): void => {
    const endMs = performance.now() + SLICE_MS;
    while (next < waiting.length) {
      attempt(waiting[next++]!, onThrown);
      if (performance.now() > endMs) break;
    }
    if (next < waiting.length) {
      // Those that have begun are not kept until none waits, which may be never.
      if (next > waiting.length / 2) {
        waiting = waiting.slice(next);
        next = 0;
      }
      setImmediate(runSlice);
      return;
    }
    waiting = [];
    next = 0;
    scheduled = false;
  };

  return {
    take: (begin) => {
      if (waiting.length - next >= maxWaiting) return false;
      waiting.push(begin);
      if (!scheduled) setImmediate(runSlice);
      scheduled = true;
      return true;
    },
    waiting: () => waiting.length - next,
  };
};
