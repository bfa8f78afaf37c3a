import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_AFTER_MS = 50;

/** Repeats a call until it succeeds. Rejects with its error if it has not succeeded by `untilMs`. */
export const insist = async <T>(call: () => Promise<T>, untilMs = Number.POSITIVE_INFINITY): Promise<T> => {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await sleep(RETRY_AFTER_MS);
    }
  }
};
