import { DAY_MS, DEFAULT_WINDOW } from '@rekey/schema';
import { CronExpressionParser } from 'cron-parser';

const HOUR_MS = 3_600_000;
/** So many windows are looked at to see how far apart they open: of a week by days, of a day by hours. */
const LOOKED_AT = 25;

/** What the parser takes beside cron: `@daily`, and `H`, which is another moment whenever it is read. */
const isPlain = (cron: string): boolean => !/@|\bh\b/i.test(cron) && cron.trim().split(/\s+/).length === 5;

/** What is wrong with when windows open; undefined where nothing is. An expression that is longer than the next is no schedule of anybody's. */
export const complaintAboutCron = (cron: string, everyDays: number, nowMs: number): string | undefined => {
  if (cron.length > 256 || !isPlain(cron)) return `must be a cron expression of five fields, such as ${DEFAULT_WINDOW.cron}`;
  const openings = [nowMs];
  try {
    // In UTC: where the clock is put back or on, a night may have an hour more or less.
    const expression = CronExpressionParser.parse(cron, { tz: 'UTC', currentDate: new Date(nowMs) });
    while (openings.length <= LOOKED_AT && expression.hasNext()) openings.push(expression.next().getTime());
  } catch {
    return `must be a cron expression of five fields, such as ${DEFAULT_WINDOW.cron}`;
  }
  const gaps = openings.slice(1).map((ms, i) => ms - openings[i]!);
  if (gaps.slice(1).some((ms) => ms < HOUR_MS)) return 'must not open more often than once an hour';
  if (gaps.length === 0 || gaps.some((ms) => ms > everyDays * DAY_MS)) return 'must open at least once in every_days';
  return undefined;
};

/** Whether a name is a time zone of the IANA that this machine knows. Offsets such as `+02:00` know no summer time. */
export const isTimeZone = (name: string): boolean => {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '' && CronExpressionParser.parse(DEFAULT_WINDOW.cron, { tz: name }).hasNext();
  } catch {
    return false;
  }
};
