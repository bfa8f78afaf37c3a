import type { ClockDoubt, LedgerClock, LedgerClockOptions } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';

const LONGEST_TOLERANCE_MS = 10_000;
const SHORTEST_TOLERANCE_MS = 2000;
const SHORTEST_SETTLING_MS = 180_000;
const SETTLING_MARGIN_MS = 30_000;

type Windows = Record<
  'INVENT_TIMEOUT_MS' | 'REKEY_LANDING_WINDOW_MS' | 'REKEY_READ_LAG_MS' | 'REKEY_TAKEOVER_AFTER_MS',
  number
>;

/**
 * By how much the clock of Redis may be off before that counts as a jump: much less than a landing window. A
 * clock that stays where it has jumped to is believed only when every window and lease of before the jump has
 * passed by any clock.
 */
export const clockBounds = (
  config: Windows,
): Required<Pick<LedgerClockOptions, 'toleranceMs' | 'settleMs'>> => {
  const windowsMs =
    config.INVENT_TIMEOUT_MS +
    config.REKEY_LANDING_WINDOW_MS +
    config.REKEY_READ_LAG_MS +
    config.REKEY_TAKEOVER_AFTER_MS;
  return {
    toleranceMs: Math.min(
      Math.max(config.REKEY_LANDING_WINDOW_MS / 4, SHORTEST_TOLERANCE_MS),
      LONGEST_TOLERANCE_MS,
    ),
    settleMs: Math.max(windowsMs + SETTLING_MARGIN_MS, SHORTEST_SETTLING_MS),
  };
};

const whatIsWrong: Record<ClockDoubt['why'], string> = {
  jumped:
    'the clock of Redis has jumped: no request leaves for a rotation until it is right again, or has settled',
  alone:
    'the clock of Redis is not as this worker expects, and other workers go by it: this worker sends no request for a rotation until it has settled',
  disagrees:
    'the clock of this host and the clock of Redis disagree: this worker sends no request for a rotation until they agree (NTP)',
  new: 'the ledger was last used some time ago; the clock of Redis is watched for a moment before a request leaves',
};

/** Tells what becomes of the clock of Redis, once each time. */
export const reportClock =
  (logger: Logger) =>
  (doubt: ClockDoubt | undefined, before: ClockDoubt | undefined): void => {
    if (doubt) {
      const facts = { event: 'clock_jump', why: doubt.why, offset_ms: doubt.offsetMs };
      if (doubt.why === 'new') logger.info(facts, whatIsWrong.new);
      else logger.error(facts, whatIsWrong[doubt.why]);
    } else if (before && before.why !== 'new') {
      logger.warn(
        { event: 'clock_jump_over', why: before.why, offset_ms: before.offsetMs },
        'the clock of Redis can be trusted again; rotations go on',
      );
    }
  };

/**
 * What of it an operator would not learn from the ledger: a jump is noted there, and the first moments of a
 * process pass by themselves.
 */
export const clockDoubtToTell = (doubt: ClockDoubt | undefined): { clockDoubt?: string } =>
  doubt && (doubt.why === 'alone' || doubt.why === 'disagrees') ? { clockDoubt: doubt.why } : {};

const LOOK_AGAIN_MS = 500;
/**
 * Begins to take jobs as soon as the wall clock of this host does not disagree with Redis. BullMQ reckons by
 * the wall clock when a job is due: a worker that is a day ahead would take every job at once, and put it off
 * for a day. Returns how to stop waiting.
 */
export const whenClocksAgree = (clock: Pick<LedgerClock, 'doubt'>, begin: () => void): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    if (clock.doubt()?.why === 'disagrees') timer = setTimeout(look, LOOK_AGAIN_MS);
    else begin();
  };
  look();
  return () => clearTimeout(timer);
};
