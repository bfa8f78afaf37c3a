import type { Ledger } from '@rekey/ledger';
import { RekeyError, isEnded, type Rotation } from '@rekey/schema';
import type { Redis } from 'ioredis';

const POLL_BULKS_EVERY_MS = 250;

export interface RotationWaiters {
  start(): void;
  /**
   * Resolves with the rotation when it has ended, or in its current state when the time is up or the caller
   * has gone. Throws ROTATION_NOT_FOUND and SHUTTING_DOWN.
   */
  wait(id: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<Rotation>;
  /** The number of calls that wait. */
  count(): number;
  /** Ends every wait with SHUTTING_DOWN. */
  close(): void;
}

/**
 * Waits for rotations without polling: workers publish the id of each rotation that ends on one channel, and
 * only the waiters of that id read the rotation. If the subscription was down and messages were missed, every
 * waiter reads once when it is back. Ids of a bulk's rotations are not published: their waiters poll.
 */
export const createRotationWaiters = ({
  ledger,
  subscriber,
  pollBulksEveryMs = POLL_BULKS_EVERY_MS,
}: {
  ledger: Ledger;
  subscriber: Redis;
  pollBulksEveryMs?: number;
}): RotationWaiters => {
  const waiting = new Map<string, Set<() => void>>();
  let closing = false;

  const wakeAll = () => {
    for (const wakes of waiting.values()) for (const wake of wakes) wake();
  };

  const subscribe = (id: string, wake: () => void): (() => void) => {
    const wakes = waiting.get(id) ?? new Set();
    waiting.set(id, wakes.add(wake));
    return () => {
      wakes.delete(wake);
      if (wakes.size === 0) waiting.delete(id);
    };
  };

  return {
    start: () => {
      subscriber.on('message', (_channel, id: string) => waiting.get(id)?.forEach((wake) => wake()));
      // ioredis subscribes again after a reconnection, before it emits 'ready'.
      subscriber.on('ready', wakeAll);
      void subscriber.subscribe(ledger.keys.rotationEnded).then(wakeAll, () => {});
    },

    wait: async (id, { timeoutMs, signal }) => {
      let wake: (() => void) | undefined;
      let woken = false;
      const unsubscribe = subscribe(id, () => {
        woken = true;
        wake?.();
      });
      const nextWake = () => new Promise<void>((resolve) => (woken ? resolve() : (wake = resolve)));
      const timeUp = AbortSignal.any([AbortSignal.timeout(Math.max(Math.ceil(timeoutMs), 0)), signal]);
      const onTimeUp = () => wake?.();
      timeUp.addEventListener('abort', onTimeUp);
      try {
        // Subscribed before the first read: an end in between wakes this call.
        let rotation = await ledger.rotations.get(id);
        while (!isEnded(rotation.state) && !timeUp.aborted) {
          const poll =
            rotation.bulkId === undefined ? undefined : setTimeout(() => wake?.(), pollBulksEveryMs);
          await nextWake();
          clearTimeout(poll);
          if (closing) throw new RekeyError('SHUTTING_DOWN');
          woken = false;
          rotation = await ledger.rotations.get(id);
        }
        return rotation;
      } finally {
        timeUp.removeEventListener('abort', onTimeUp);
        unsubscribe();
      }
    },

    count: () => [...waiting.values()].reduce((sum, wakes) => sum + wakes.size, 0),

    close: () => {
      closing = true;
      wakeAll();
    },
  };
};
