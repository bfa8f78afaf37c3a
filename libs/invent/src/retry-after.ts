const MAX_MS = 3_600_000;

/**
 * `Retry-After` in ms, in both forms of RFC 9110 §10.2.3: seconds, or an HTTP date. A date is read against the answer's own
 * `Date` where it has one, so that a wrong clock here does not matter. At most an hour; undefined where it cannot be read.
 */
export const parseRetryAfterMs = (retryAfter: string | undefined, date: string | undefined, nowMs: number): number | undefined => {
  if (retryAfter === undefined) return undefined;
  const text = retryAfter.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_MS);
  const at = Date.parse(text);
  if (Number.isNaN(at)) return undefined;
  const answeredAt = date === undefined ? Number.NaN : Date.parse(date);
  return Math.min(Math.max(at - (Number.isNaN(answeredAt) ? nowMs : answeredAt), 0), MAX_MS);
};
