/** The longest pause, whatever upstream asks for. */
const MAX_MS = 3_600_000;
/** The pause for an unreadable `Retry-After`: upstream asks for a pause of unknown length. */
const UNREADABLE_MS = 30_000;

export interface RetryAfter {
  ms: number;
  /** Why `ms` differs from the header: it could not be read, or was longer than an hour. */
  note?: 'unreadable' | 'bounded';
}

/**
 * The pause that `Retry-After` asks for; undefined if the header is absent. RFC 9110 §10.2.3 allows whole
 * seconds and HTTP dates, but servers send more: fractions are rounded up, a plus sign is accepted, and of
 * several values the longest counts. Dates are accepted in any form, in GMT if they name no zone. A date
 * counts from the `Date` of the same answer, never from the clock of this host, which may be wrong; a past
 * date is 0. The pause is at most an hour. An unreadable value counts as half a minute.
 */
export const parseRetryAfter = (
  retryAfter: string | undefined,
  date: string | undefined,
): RetryAfter | undefined => {
  if (retryAfter === undefined) return undefined;
  const waits = [retryAfter, ...retryAfter.split(',')]
    .map((text) => secondsOf(text) ?? untilDate(text, date))
    .filter((ms) => ms !== undefined);
  if (waits.length === 0) return { ms: UNREADABLE_MS, note: 'unreadable' };
  const ms = Math.max(...waits);
  return ms > MAX_MS ? { ms: MAX_MS, note: 'bounded' } : { ms };
};

/** Matches in linear time: there is only one way to match a text. */
const SECONDS = /^\+?(\d+(\.\d*)?|\.\d+)$/;
const secondsOf = (text: string): number | undefined =>
  SECONDS.test(text.trim()) ? Math.ceil(Number(text)) * 1000 : undefined;

const untilDate = (text: string, date: string | undefined): number | undefined => {
  const [at, answered] = [dateOf(text), dateOf(date)];
  return at === undefined || answered === undefined ? undefined : Math.max(at - answered, 0);
};

const MAX_DATE_CHARACTERS = 100;
/**
 * Accepts the three forms of RFC 9110 §5.6.7, similar ones, and ISO 8601. Rejects texts that only JavaScript
 * takes for a date, such as `1`.
 */
const dateOf = (text = ''): number | undefined => {
  if (text.length > MAX_DATE_CHARACTERS || !/\d:\d\d/.test(text) || !/[A-Za-z]{3}|\dT\d/.test(text))
    return undefined;
  const hasZone = /(GMT|UTC?|Z|[+-]\d\d:?\d\d)\s*$/i.test(text);
  const ms = Date.parse(hasZone ? text : `${text.trim()}${/\dT\d/.test(text) ? 'Z' : ' GMT'}`);
  return Number.isNaN(ms) ? undefined : ms;
};
