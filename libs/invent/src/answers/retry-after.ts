/** Upstream is left alone for no longer than that, whatever it says. */
const MAX_MS = 3_600_000;
/** What a `Retry-After` that cannot be read counts as: it asks for a pause, and does not say for how long. */
const UNREADABLE_MS = 30_000;

export interface RetryAfter {
  ms: number;
  /** Why this is not what was sent: it could not be read, or was longer than an hour. */
  note?: 'unreadable' | 'bounded';
}

/**
 * How long `Retry-After` asks to wait; undefined if it is not there. RFC 9110 §10.2.3 has whole seconds and
 * HTTP dates, and servers send more: a fraction is rounded up, a plus is taken, and of several values the
 * longest counts. A date in any form, without a zone in GMT, counts from the answer's own `Date`, and never
 * from the clock of this host, which may be wrong; one that has passed is 0. At most an hour. What cannot be
 * read counts as half a minute.
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

/** Matches in linear time: there is one way to match a text. */
const SECONDS = /^\+?(\d+(\.\d*)?|\.\d+)$/;
const secondsOf = (text: string): number | undefined =>
  SECONDS.test(text.trim()) ? Math.ceil(Number(text)) * 1000 : undefined;

const untilDate = (text: string, date: string | undefined): number | undefined => {
  const [at, answered] = [dateOf(text), dateOf(date)];
  return at === undefined || answered === undefined ? undefined : Math.max(at - answered, 0);
};

const MAX_DATE_CHARACTERS = 100;
/**
 * The three forms of RFC 9110 §5.6.7 and what comes near them, and ISO 8601. Nothing that JavaScript alone
 * would take for a date, such as `1`.
 */
const dateOf = (text = ''): number | undefined => {
  if (text.length > MAX_DATE_CHARACTERS || !/\d:\d\d/.test(text) || !/[A-Za-z]{3}|\dT\d/.test(text))
    return undefined;
  const hasZone = /(GMT|UTC?|Z|[+-]\d\d:?\d\d)\s*$/i.test(text);
  const ms = Date.parse(hasZone ? text : `${text.trim()}${/\dT\d/.test(text) ? 'Z' : ' GMT'}`);
  return Number.isNaN(ms) ? undefined : ms;
};
