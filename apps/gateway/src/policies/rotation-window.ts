import { nextOpening, openings } from '@rekey/ledger';
import { DAY_MS, DEFAULT_WINDOW } from '@rekey/schema';

const HOUR_MS = 3_600_000;

/**
 * How far the check looks ahead, counted in days on which windows open: 370 such days, which cover every
 * month, or five years if there are fewer, which cover a 29th of February. At about 70 µs a day this takes
 * less than 30 ms. An expression with days of the week differs from year to year and may have a longer gap
 * once in a decade.
 */
const CHECKED_DAYS = 370;
const CHECKED_AHEAD_MS = 5 * 366 * DAY_MS;

/** The parser also accepts `@daily`, and `H`, which is a different moment whenever it is parsed. */
const isPlainCron = (cron: string): boolean =>
  !/@|\bh\b/i.test(cron) && cron.trim().split(/\s+/).length === 5;

/**
 * What is wrong with the expression that says when windows open; undefined if it is valid. An expression
 * of more than 256 characters is refused.
 */
export const complaintAboutCron = (cron: string, everyDays: number, nowMs: number): string | undefined => {
  if (cron.length > 256 || !isPlainCron(cron))
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
 * The first three openings show it: an expression that names several minutes has all of them in each of its
 * hours, and any other opens at most once an hour.
 */
const shortestGap = (cron: string, nowMs: number): number => {
  const [first, second, third] = [...openingsOf(cron, nowMs, 3)];
  return Math.min(second! - first!, third! - second!);
};

/**
 * The most days from one day with windows to the next. Hours do not matter: from the last window of a day to
 * the first window of the nth day after it, more than n - 1 and at most n days pass, so days alone decide
 * whether more than every_days pass. Computed in UTC: a change of the clock makes a night only an hour longer
 * or shorter.
 */
const longestGapDays = (cron: string, nowMs: number): number => {
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const midnights = cron.trim().replace(/^\S+\s+\S+/, '0 0');
  let [longest, last] = [0, today];
  for (const ms of openingsOf(midnights, today - 1, CHECKED_DAYS)) {
    longest = Math.max(longest, ms - last);
    last = ms;
    if (last > today + CHECKED_AHEAD_MS) break;
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
 * Whether this machine knows the IANA time zone. Offsets such as `+02:00` are refused: they have no summer
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
