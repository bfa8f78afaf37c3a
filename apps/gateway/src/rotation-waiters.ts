import type { Ledger } from '@rekey/ledger';
import { RekeyError, isEnded, type Rotation } from '@rekey/schema';
import type { Redis } from 'ioredis';

const READ_BULKS_EVERY_MS = 250;

export interface RotationWaiters {
  start(): void;
  /**
   * The rotation when it has ended, or as it is when the time is up or the caller gone. Throws
   * ROTATION_NOT_FOUND.
   */
  wait(id: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<Rotation>;
  /** Lets everybody go who waits, with SHUTTING_DOWN. */
  close(): void;
}

/**
 * Waits for rotations without polling: workers publish the id of each rotation that ends on one channel, and
 * only the waiters of that id read it. A message that was missed while the subscription was down costs one
 * read for each waiter when it is back. Only of a bulk's rotations none are published: who waits for one of
 * these reads it again and again.
 */
export const createRotationWaiters = ({
  ledger,
  subscriber,
  readBulksEveryMs = READ_BULKS_EVERY_MS,
}: {
  ledger: Ledger;
  subscriber: Redis;
  readBulksEveryMs?: number;
}): RotationWaiters => {
  const waiting = new Map<string, Set<() => void>>();
  let closing = false;

  const wakeAll = () => {
    for (const wakes of waiting.values()) for (const wake of wakes) wake();
  };

  const enrol = (id: string, wake: () => void): (() => void) => {
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
      // ioredis subscribes again by itself after a reconnection, and 'ready' comes when it has.
      subscriber.on('ready', wakeAll);
      void subscriber.subscribe(ledger.keys.rotationEnded).then(wakeAll, () => {});
    },

    wait: async (id, { timeoutMs, signal }) => {
      let wake: (() => void) | undefined;
      let woken = false;
      const withdraw = enrol(id, () => {
        woken = true;
        wake?.();
      });
      const nextWake = () => new Promise<void>((resolve) => (woken ? resolve() : (wake = resolve)));
      const timeUp = AbortSignal.any([AbortSignal.timeout(Math.max(Math.ceil(timeoutMs), 0)), signal]);
      const onTimeUp = () => wake?.();
      timeUp.addEventListener('abort', onTimeUp);
      try {
        // Enrolled first and read afterwards: an end in between wakes us.
        let rotation = await ledger.get(id);
        while (!isEnded(rotation.state) && !timeUp.aborted) {
          const again =
            rotation.bulkId === undefined ? undefined : setTimeout(() => wake?.(), readBulksEveryMs);
          await nextWake();
          clearTimeout(again);
          if (closing) throw new RekeyError('SHUTTING_DOWN');
          woken = false;
          rotation = await ledger.get(id);
        }
        return rotation;
      } finally {
        timeUp.removeEventListener('abort', onTimeUp);
        withdraw();
      }
    },

    close: () => {
      closing = true;
      wakeAll();
    },
  };
};
