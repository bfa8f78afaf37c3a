/**
 * Facts of this name begin with `+` or `~` and the second at which they expire. `~`: revoked. Where two
 * processes wrote at the same revision, the greater value counts, and so does a revocation.
 */
export const EXPIRING = 'token:';

/** After this time nobody knows an expired fact any more; until then, clocks may differ. */
export const EXPIRED_KEPT_MS = 86_400_000;

/** When a fact expires, in ms since 1970; undefined if never. */
export const expiryOf = (name: string, value: string): number | undefined => {
  const [, seconds] = (name.startsWith(EXPIRING) && /^[+~](\d{1,11})(?= |$)/.exec(value)) || [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
};

/** Whether a process may drop a fact of which others know nothing. */
export const hasExpired = (name: string, value: string, keptMs = 0): boolean =>
  (expiryOf(name, value) ?? Infinity) + keptMs < Date.now();
