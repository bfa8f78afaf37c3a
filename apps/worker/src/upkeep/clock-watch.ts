import type { ClockDoubt, LedgerClock } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';

const messages: Record<Exclude<ClockDoubt['why'], 'new'>, string> = {
  jumped: 'the clock of Redis jumped: no rotate request leaves until it is correct again or has settled',
  alone: 'the clock of Redis jumped for this worker alone: it sends no rotate request until it has settled',
  disagrees: 'the clocks of this host and of Redis disagree: no rotate request leaves until they agree (NTP)',
};

/** Logs each change of the trust in the clock of Redis, once. */
export const reportClock =
  (logger: Logger) =>
  (doubt: ClockDoubt | undefined, before: ClockDoubt | undefined): void => {
    if (doubt) {
      const facts = { why: doubt.why, offset_ms: doubt.offsetMs };
      if (doubt.why === 'new') logger.event('clock_observed', facts);
      else logger.event('clock_jump', facts, messages[doubt.why]);
    } else if (before && before.why !== 'new') {
      logger.event('clock_jump_over', { why: before.why, offset_ms: before.offsetMs });
    }
  };

/**
 * The doubts of this worker that the ledger does not hold: a jump is recorded there, and the observation at
 * the start of a process ends by itself.
 */
export const ownClockDoubt = (doubt: ClockDoubt | undefined): { clockDoubt?: string } =>
  doubt && (doubt.why === 'alone' || doubt.why === 'disagrees') ? { clockDoubt: doubt.why } : {};

const POLL_EVERY_MS = 500;
/**
 * Begins to take jobs once the wall clock of this host agrees with Redis. BullMQ decides by the wall clock
 * when a job is due: a worker that is a day ahead would take every job at once, and delay it for a day.
 * Returns the function that stops waiting.
 */
export const whenClocksAgree = (clock: Pick<LedgerClock, 'doubt'>, begin: () => void): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  const poll = () => {
    if (clock.doubt()?.why === 'disagrees') timer = setTimeout(poll, POLL_EVERY_MS);
    else begin();
  };
  poll();
  return () => clearTimeout(timer);
};
