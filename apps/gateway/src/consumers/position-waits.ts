import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { ConsumerPositions } from '@rekey/ledger';
import { RekeyError } from '@rekey/schema';

interface PositionWaits {
  /** Resolves when the condition holds or the signal aborts. Throws SHUTTING_DOWN. */
  until(holds: () => boolean, signal: AbortSignal): Promise<void>;
  /** The number of calls that wait. */
  waiting(): number;
  close(): void;
}

interface Wait {
  holds: () => boolean;
  end: () => void;
}

/** How long a review may keep the event loop from everything else. */
const SLICE_MS = 5;
/** With many waits, reviews take no more than a tenth of the time. */
const PAUSE_FACTOR = 9;

/** Waits for conditions that change with the positions of consumers. All are reviewed together. */
export const createPositionWaits = (positions: Pick<ConsumerPositions, 'onChange'>): PositionWaits => {
  const waits = new Set<Wait>();
  let closed = false;
  let reviewing = false;
  let changed = false;

  /** A few waits are reviewed at once, in the turn in which a position has changed. */
  const review = async (): Promise<void> => {
    const beganMs = performance.now();
    let sliceMs = beganMs;
    for (const { holds, end } of waits) {
      if (holds()) end();
      if (performance.now() - sliceMs < SLICE_MS) continue;
      await nextTurn();
      sliceMs = performance.now();
    }
    const tookMs = performance.now() - beganMs;
    if (tookMs > SLICE_MS) await sleep(tookMs * PAUSE_FACTOR, undefined, { ref: false });
  };

  positions.onChange(async () => {
    changed = true;
    if (reviewing || waits.size === 0) return;
    reviewing = true;
    while (changed) {
      changed = false;
      await review();
    }
    reviewing = false;
  });

  return {
    until: async (holds, signal) => {
      if (closed) throw new RekeyError('SHUTTING_DOWN');
      if (holds() || signal.aborted) return;
      const { promise, resolve: end } = Promise.withResolvers<void>();
      const wait = { holds, end };
      waits.add(wait);
      const onAbort = () => end();
      signal.addEventListener('abort', onAbort);
      try {
        await promise;
      } finally {
        waits.delete(wait);
        signal.removeEventListener('abort', onAbort);
      }
      if (closed) throw new RekeyError('SHUTTING_DOWN');
    },
    waiting: () => waits.size,
    close: () => {
      closed = true;
      for (const { end } of waits) end();
    },
  };
};
