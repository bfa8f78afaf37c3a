import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { readStatusDetails } from '@rekey/rpc';
import { isServiceError } from './failure.ts';

const TRY_FOR_MS = 30_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2000;

const goneFor = new Set<number>([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED]);

/**
 * Whether a gateway that comes back may answer the same call. One that dies resets its streams, which reads
 * as INTERNAL without Rekey's words.
 */
const isAway = (error: unknown): boolean =>
  isServiceError(error) &&
  (goneFor.has(error.code) ||
    (error.code === status.INTERNAL && readStatusDetails(error).reason === undefined));

export interface Patience {
  /**
   * Waits a little after an error, or throws it: where trying again is no use, or has been of none for half a
   * minute.
   */
  afterError(error: unknown): Promise<void>;
  /** The gateway has answered. */
  answered(): void;
}

/**
 * For calls that are safe to repeat, while the gateway is away for a short time: a deployment, or Redis
 * failing over.
 */
export const createPatience = ({
  onAway,
  signal,
  tryForMs = TRY_FOR_MS,
}: { onAway?: () => void; signal?: AbortSignal; tryForMs?: number } = {}): Patience => {
  let awaySinceMs: number | undefined;
  let tries = 0;
  return {
    afterError: async (error) => {
      if (!isAway(error)) throw error;
      if (awaySinceMs === undefined) onAway?.();
      awaySinceMs ??= performance.now();
      if (performance.now() - awaySinceMs > tryForMs) throw error;
      await sleep(
        Math.min(FIRST_PAUSE_MS * 2 ** tries, LONGEST_PAUSE_MS),
        undefined,
        signal && { signal },
      ).catch(() => {});
      tries += 1;
    },
    answered: () => {
      awaySinceMs = undefined;
      tries = 0;
    },
  };
};
