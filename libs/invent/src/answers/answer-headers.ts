import type { Exchange } from '../transport/exchange.ts';
import { parseRetryAfter, type RetryAfter } from './retry-after.ts';

/**
 * The longest wait that an outcome names. The request budget decides how long upstream is left alone, and
 * tries in between.
 */
const LONGEST_RETRY_AFTER_MS = 60_000;
/** How far the clocks of Invent's servers may differ from each other, and from the clock of this host. */
const SERVERS_APART_MS = 250;
const CLOCKS_APART_MS = 60_000;

export const headerOf = ({ headers }: Exchange, name: string): string | undefined => {
  const value = headers?.[name];
  return Array.isArray(value) ? value[0] : value;
};

/** The pause that `Retry-After` asks for, as it was parsed. */
export const limitOf = (
  result: Exchange,
): { retryAfterMs?: number; retryAfterNote?: NonNullable<RetryAfter['note']> } => {
  const values = [result.headers?.['retry-after'] ?? []].flat();
  const asked = parseRetryAfter(values.length === 0 ? undefined : values.join(','), headerOf(result, 'date'));
  if (asked === undefined) return {};
  return { retryAfterMs: asked.ms, ...(asked.note && { retryAfterNote: asked.note }) };
};

/** The pause for an outcome, at most a minute. */
export const retryAfterOf = (result: Exchange): { retryAfterMs?: number } => {
  const { retryAfterMs } = limitOf(result);
  return retryAfterMs === undefined ? {} : { retryAfterMs: Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) };
};

/** The age of an answer from a cache (RFC 9111, `Age` in seconds). */
export const ageOf = (result: Exchange): { ageMs?: number } => {
  const text = headerOf(result, 'age');
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) > 0
    ? { ageMs: Number(text) * 1000 }
    : {};
};

/** For how long a record has certainly not changed, by the `Date` of its answer. */
export const unchangedFor = (
  result: Exchange,
  updatedMs: number | undefined,
): { unchangedForMs?: number } => {
  const dateMs = Date.parse(headerOf(result, 'date') ?? '');
  if (updatedMs === undefined || !(Math.abs(dateMs - Date.now()) < CLOCKS_APART_MS)) return {};
  return { unchangedForMs: Math.max(dateMs - updatedMs - SERVERS_APART_MS, 0) };
};

/**
 * Whether a record was changed since its POST was sent, `tookMs` before the answer arrived. Both times are by
 * the clock of the answer, whose `Date` is in whole seconds.
 */
export const notedBy = (
  result: Exchange,
  updatedMs: number | undefined,
  tookMs: number,
): { noted?: 'since' | 'before' } => {
  const { unchangedForMs } = unchangedFor(result, updatedMs);
  return unchangedForMs === undefined ? {} : { noted: unchangedForMs > tookMs ? 'before' : 'since' };
};

/** A whole number in plain digits; undefined for anything else. */
export const countOf = (result: Exchange): number | undefined => {
  const text = headerOf(result, 'pagination-count') ?? '';
  const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(count) ? count : undefined;
};
