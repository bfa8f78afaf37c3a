import { nextOpening, openings } from '@rekey/ledger';
import { DAY_MS, DEFAULT_WINDOW } from '@rekey/schema';

const HOUR_MS = 3_600_000;

/**
 * How far is looked ahead, by the days on which windows open: 370 of such days, for then every month has been
 * seen, or five years where they are fewer, for then a 29th of February has. At some 70 µs a day that is less
 * than 30 ms. What differs from year to year by days of the week may have a longer gap once in a decade.
 */
const LOOKED_AT_DAYS = 370;
const LOOKED_AHEAD_MS = 5 * 366 * DAY_MS;

/** What the parser takes beside cron: `@daily`, and `H`, which is another moment whenever it is read. */
const isPlain = (cron: string): boolean => !/@|\bh\b/i.test(cron) && cron.trim().split(/\s+/).length === 5;

/**
 * What is wrong with when windows open; undefined where nothing is. An expression that is longer than the
 * next is no schedule of anybody's.
 */
export const complaintAboutCron = (cron: string, everyDays: number, nowMs: number): string | undefined => {
  if (cron.length > 256 || !isPlain(cron))
    return `must be a cron expression of five fields, such as ${DEFAULT_WINDOW.cron}`;
  try {
    if (shortestGap(cron, nowMs) < HOUR_MS) return 'must not open more often than once an hour';
    if (longestGapDays(cron, nowMs) > everyDays) return 'must open at least once in every_days';
    return undefined;
  } catch {
    return `must be a cron expression of five fields, such as ${DEFAULT_WINDOW.cron}`;
  }
};

/**
 * Where two minutes of an hour are named, they follow one another in each hour that is; else windows are an
 * hour apart at least.
 */
const shortestGap = (cron: string, nowMs: number): number => {
  const [first, second, third] = [...openingsOf(cron, nowMs, 3)];
  return Math.min(second! - first!, third! - second!);
};

/**
 * The most days from one on which windows open to the next. Hours do not matter: from the last window of a
 * day to the first of the nth day after it are more than n - 1 days, and n at the most, so this alone says
 * whether more than every_days pass. In UTC: where the clock is put back or on, a night may have an hour more
 * or less.
 */
const longestGapDays = (cron: string, nowMs: number): number => {
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const midnights = cron.trim().replace(/^\S+\s+\S+/, '0 0');
  let [longest, last] = [0, today];
  for (const ms of openingsOf(midnights, today - 1, LOOKED_AT_DAYS)) {
    longest = Math.max(longest, ms - last);
    last = ms;
    if (last > today + LOOKED_AHEAD_MS) break;
  }
  return longest / DAY_MS;
};

function* openingsOf(cron: string, fromMs: number, count: number): Generator<number> {
  let left = count;
  for (const ms of openings({ cron, timeZone: 'UTC' }, fromMs)) {
    yield ms;
    if ((left -= 1) === 0) return;
  }
}

/**
 * Whether a name is a time zone of the IANA that this machine knows. Offsets such as `+02:00` know no summer
 * time.
 */
export const isTimeZone = (name: string): boolean => {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return nextOpening({ cron: DEFAULT_WINDOW.cron, timeZone: name }, Date.now()) > 0;
  } catch {
    return false;
  }
};
