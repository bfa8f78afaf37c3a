import type { Ledger } from '@rekey/ledger';
import { RekeyError, isEnded, type Rotation } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { createBulkPolls } from './bulk-polls.ts';
import { shareReads } from '../shared/share-reads.ts';

const POLL_BULKS_EVERY_MS = 250;
const POLLS_PER_ROUND = 250;

export interface RotationWaiters {
  start(): void;
  /**
   * Resolves with the rotation when it has ended, or in its current state when the time is up or the caller
   * has gone. Throws ROTATION_NOT_FOUND and SHUTTING_DOWN.
   */
  wait(id: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<Rotation>;
  /** The rotation as it is now, without a wait: everybody who asks shares the read. */
  now(id: string): Promise<Rotation>;
  /** The number of calls that wait. */
  count(): number;
  /** Ends every wait with SHUTTING_DOWN. */
  close(): void;
}

/** One call that waits: tens of thousands may be open, so it holds no more than it needs. */
class Waiter {
  isTimeUp = false;
  private woken = false;
  private resume: (() => void) | undefined;

  readonly onTimeUp = (): void => {
    this.isTimeUp = true;
    this.wake();
  };

  wake(): void {
    this.woken = true;
    this.resume?.();
  }

  async untilWoken(): Promise<void> {
    if (!this.woken) await new Promise<void>((resolve) => (this.resume = resolve));
    this.woken = false;
  }
}

/** The waiters by the id of the rotation that they wait for. */
const createWaiting = () => {
  const waiting = new Map<string, Set<Waiter>>();
  const wake = (id: string): void => waiting.get(id)?.forEach((waiter) => waiter.wake());
  return {
    add: (id: string, waiter: Waiter): void => {
      const waiters = waiting.get(id) ?? new Set();
      waiting.set(id, waiters.add(waiter));
    },
    /** Whether that was the last one of its rotation. */
    remove: (id: string, waiter: Waiter): boolean => {
      const waiters = waiting.get(id);
      waiters?.delete(waiter);
      return waiters?.size === 0 && waiting.delete(id);
    },
    wake,
    wakeAll: (): void => {
      for (const id of waiting.keys()) wake(id);
    },
    count: () => [...waiting.values()].reduce((sum, waiters) => sum + waiters.size, 0),
  };
};

/**
 * Waits for rotations without polling: workers publish the id of each rotation that ends on one channel, and
 * only the waiters of that id read the rotation, all of them with one command. If the subscription was down
 * and messages were missed, every rotation is read once when it is back. Ids of a bulk's rotations are not
 * published: those are polled.
 */
export const createRotationWaiters = ({
  ledger,
  subscriber,
  pollBulksEveryMs = POLL_BULKS_EVERY_MS,
  pollsPerRound = POLLS_PER_ROUND,
}: {
  ledger: Ledger;
  subscriber: Redis;
  pollBulksEveryMs?: number;
  pollsPerRound?: number;
}): RotationWaiters => {
  const waiting = createWaiting();
  const read = shareReads((id) => ledger.rotations.get(id));
  let closing = false;
  const polls = createBulkPolls({
    // Waiters read again what has ended, or cannot be read.
    poll: (id) =>
      read(id).then(
        ({ state }) => {
          if (isEnded(state)) waiting.wake(id);
        },
        () => waiting.wake(id),
      ),
    everyMs: pollBulksEveryMs,
    perRound: pollsPerRound,
  });

  return {
    start: () => {
      subscriber.on('message', (channel, id: string) => {
        if (channel === ledger.keys.rotationEnded) waiting.wake(id);
      });
      // ioredis subscribes again after a reconnection, before it emits 'ready'.
      subscriber.on('ready', waiting.wakeAll);
      void subscriber.subscribe(ledger.keys.rotationEnded).then(waiting.wakeAll, () => {});
    },

    wait: async (id, { timeoutMs, signal }) => {
      const waiter = new Waiter();
      waiting.add(id, waiter);
      const timer = setTimeout(waiter.onTimeUp, Math.max(Math.ceil(timeoutMs), 0));
      if (signal.aborted) waiter.onTimeUp();
      else signal.addEventListener('abort', waiter.onTimeUp);
      try {
        // Added before the first read: an end in between wakes this call.
        let rotation = await read(id);
        while (!isEnded(rotation.state) && !waiter.isTimeUp) {
          if (rotation.bulkId !== undefined) polls.add(id);
          await waiter.untilWoken();
          if (closing) throw new RekeyError('SHUTTING_DOWN');
          // Nobody receives it.
          if (signal.aborted) return rotation;
          rotation = await read(id);
        }
        return rotation;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', waiter.onTimeUp);
        if (waiting.remove(id, waiter)) polls.remove(id);
      }
    },

    now: read,

    count: waiting.count,

    close: () => {
      closing = true;
      waiting.wakeAll();
    },
  };
};
