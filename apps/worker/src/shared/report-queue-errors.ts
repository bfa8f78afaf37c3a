import type { Logger } from '@rekey/runtime';

/** BullMQ repeats what a spoiled key refuses, thousands of times a second. */
const EVERY_MS = 100;

/** Logs what BullMQ reports, at most ten times a second: more would push other lines out of the log. */
export const reportQueueErrors = (logger: Logger): ((err: Error) => void) => {
  let loggedMs = Number.NEGATIVE_INFINITY;
  return (err) => {
    if (performance.now() - loggedMs < EVERY_MS) return;
    loggedMs = performance.now();
    logger.event('queue_error', { err });
  };
};
