import type { ErrorCode } from '@rekey/schema';
import type { Exchange } from '../transport/exchange.ts';
import { headerOf } from './answer-headers.ts';

/** Statuses that prove that nothing was done, whatever their body. */
const refusals: Readonly<Record<number, ErrorCode>> = {
  400: 'UPSTREAM_REJECTED',
  401: 'UPSTREAM_UNAUTHENTICATED',
  403: 'UPSTREAM_FORBIDDEN',
  404: 'ASSISTANT_NOT_FOUND',
  429: 'UPSTREAM_RATE_LIMITED',
};

/**
 * Undocumented statuses that may pass without operator action: from a proxy that timed out, or for an
 * assistant that is locked.
 */
const transient: ReadonlySet<number> = new Set([408, 409, 423, 425]);

/** The longest origin that goes into the log. */
const MAX_ORIGIN_CHARACTERS = 270;

export const refusalOf = ({ status }: Exchange): ErrorCode | undefined =>
  status === undefined ? undefined : refusals[status];

/**
 * A status that only a change of the set-up can change: a redirect, which is not followed, or a status that
 * Invent does not document.
 */
const isUnexpected = (status: number): boolean =>
  status !== 200 && status < 500 && !refusals[status] && !transient.has(status);

/** Why an answer that is not a refusal would be the same the next time; undefined if it may differ. */
export const lastingCode = (result: Exchange): ErrorCode | undefined => {
  if (!result.whole && result.unreadable)
    return result.unreadable === 'ANSWER_TOO_LARGE' ? 'RECORD_TOO_LARGE' : 'ANSWER_UNREADABLE';
  return result.status !== undefined && isUnexpected(result.status) ? 'UPSTREAM_UNEXPECTED' : undefined;
};

/**
 * Describes an answer for the log. Of a redirect it names only the target's origin: a path or a query may
 * hold a secret.
 */
export const describeAnswer = (result: Exchange, baseUrl: URL): string => {
  if (!result.whole && (result.status === undefined || result.status === 200)) return result.reason;
  const location = headerOf(result, 'location');
  const isRedirect = result.status! >= 300 && result.status! < 400 && location !== undefined;
  const target = isRedirect ? URL.parse(location, baseUrl.href) : null;
  if (
    !target ||
    !['http:', 'https:'].includes(target.protocol) ||
    target.origin.length > MAX_ORIGIN_CHARACTERS
  )
    return `HTTP ${result.status}`;
  const host = target.origin === baseUrl.origin ? 'the same host' : target.origin;
  return `HTTP ${result.status}, a redirect to ${host}`;
};
