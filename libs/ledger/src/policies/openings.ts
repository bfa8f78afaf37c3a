import { RekeyError, type RotationWindow } from '@rekey/schema';
import { CronExpressionParser } from 'cron-parser';

type Schedule = Pick<RotationWindow, 'cron' | 'timeZone'>;

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/**
 * The times at which windows open, after a moment, in ms since 1970, in rising order. A window in an hour
 * that the clock skips opens at the moment of the change; one in an hour that the clock repeats, at its first
 * pass.
 *
 * Throws POLICY_NOT_SCHEDULED if the times cannot be computed: this Node.js does not know the time zone, or
 * the expression is invalid or matches no time. It yields nothing but times: no caller can take an error for
 * "now" or "never".
 *
 * cron-parser computes in UTC only, as a calendar of wall-clock times. Its own time zones drop windows at
 * changes of the offset (midnight in Santiago or Cairo), or find none at all (half hours in Lord Howe).
 */
export function* openings({ cron, timeZone }: Schedule, afterMs: number): Generator<number, never> {
  try {
    const zone = timeZoneOf(timeZone);
    const wall = parse(cron, afterMs + zone.offsetMs(afterMs));
    let last = afterMs;
    for (;;) {
      const ms = zone.firstMs(wall.next().getTime());
      // The windows of a repeated hour have opened at its first pass.
      if (ms <= last) continue;
      if (!Number.isSafeInteger(ms)) throw new RangeError('not a time');
      last = ms;
      yield ms;
    }
  } catch (cause) {
    throw new RekeyError('POLICY_NOT_SCHEDULED', { cause });
  }
}

/** When the next window opens after a moment. Throws POLICY_NOT_SCHEDULED, like `openings`. */
export const nextOpening = (window: Schedule, afterMs: number): number =>
  openings(window, afterMs).next().value;

/**
 * cron-parser reads missing fields as `*`, so an empty expression means every minute; and `H` as a random
 * time.
 */
const parse = (cron: string, wallMs: number) => {
  const fields = cron.trim().split(/\s+/).length;
  if (fields < 5 || /@|\bh\b/i.test(cron)) throw new RangeError('not a cron expression of five fields');
  return CronExpressionParser.parse(cron, { tz: 'UTC', currentDate: new Date(wallMs) });
};

interface TimeZone {
  /** The difference of its clocks from UTC. */
  offsetMs(ms: number): number;
  /** When its clocks first show a wall-clock time (in ms, as if it were UTC), or a later one. */
  firstMs(wallMs: number): number;
}

const zones = new Map<string, TimeZone>();

/** Throws RangeError for an unknown name. The cache is limited by the number of time zones. */
const timeZoneOf = (name: string): TimeZone => {
  const known = zones.get(name) ?? openTimeZone(name);
  zones.set(name, known);
  return known;
};

const openTimeZone = (name: string): TimeZone => {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    timeZoneName: 'longOffset',
    year: 'numeric',
  });

  const offsetMs = (ms: number): number => {
    const [, sign, hours, minutes, seconds = 0] = /GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(
      format.format(ms),
    )!;
    if (sign === undefined) return 0;
    return (
      (sign === '-' ? -1 : 1) *
      (Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Number(seconds) * 1000)
    );
  };

  /** Between two moments with different offsets: the first ms with the later one. */
  const changeMs = (fromMs: number, untilMs: number): number => {
    let [before, after] = [fromMs, untilMs];
    const offset = offsetMs(before);
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (offsetMs(middle) === offset) before = middle;
      else after = middle;
    }
    return after;
  };

  return {
    offsetMs,
    firstMs: (wallMs) => {
      // Offsets lie between -12 h and +14 h. No zone changes its offset twice within that range.
      const [fromMs, untilMs] = [wallMs - 15 * HOUR_MS, wallMs + 13 * HOUR_MS];
      const [before, after] = [offsetMs(fromMs), offsetMs(untilMs)];
      if (before === after) return wallMs - before;
      const change = changeMs(fromMs, untilMs);
      return wallMs - before < change ? wallMs - before : Math.max(wallMs - after, change);
    },
  };
};
