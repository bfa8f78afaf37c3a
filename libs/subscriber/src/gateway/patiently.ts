import { RekeyClientError } from '@rekey/client';
import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

/** How long the gateway asks to wait before the same call; undefined if it did not ask. */
const retryAfterOf = (error: unknown): number | undefined =>
  error instanceof RekeyClientError ? error.retryAfterMs : undefined;

/**
 * Repeats a call that the gateway refuses for now. All instances of a consumer have one caller, and it may
 * make a number of calls a second: instances that start together take their turns.
 */
export const patiently = async <T>(
  call: () => Promise<T>,
  { withinMs, signal }: { withinMs: number; signal: AbortSignal },
): Promise<T> => {
  const untilMs = performance.now() + withinMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await call();
    } catch (error) {
      const retryAfterMs = retryAfterOf(error);
      const restMs = (retryAfterMs ?? 0) + pauseMs * (1 + Math.random());
      if (retryAfterMs === undefined || performance.now() + restMs > untilMs) throw error;
      await sleep(restMs, undefined, { signal });
    }
  }
};
