import { hash } from 'node:crypto';
import { MAX_RECORD_BYTES } from '@rekey/schema';
import type { Exchange } from '../transport/exchange.ts';
import { ageOf, countOf, notedBy, retryAfterOf, unchangedFor } from './answer-headers.ts';
import type { ListOutcome, NotDone, ReadOutcome, RotateOutcome, UpstreamRecord } from './outcome.ts';
import { readRecord } from './read-record.ts';
import { splitJsonArray } from './split-json-array.ts';
import { describeAnswer, lastingCode, refusalOf } from './status.ts';

/**
 * The outcome of a rotate-secret-key POST. Done: a whole 200 with this assistant's record and a key. Not
 * done: no byte was sent, or a refusal. Unknown: everything else.
 */
export const classifyRotation = (
  result: Exchange,
  assistantId: string,
  baseUrl: URL,
  tookMs: number,
): RotateOutcome => {
  const certain = classifyNotDone(result);
  if (certain) return certain;
  if (!result.whole || result.status !== 200) {
    const code = lastingCode(result);
    return {
      outcome: 'unknown',
      reason: describeAnswer(result, baseUrl),
      ...statusOf(result),
      ...(code && { code }),
    };
  }
  const unknown = (reason: string) => ({ outcome: 'unknown' as const, reason, status: 200 });
  if (ageOf(result).ageMs) return unknown('a 200 from a cache');
  const record = readRecord(result.body, assistantId);
  if (typeof record === 'string') return unknown(record);
  const { secretKey, masked } = record;
  if (secretKey === undefined)
    return unknown(masked ? 'a 200 with a masked secret key' : 'a 200 without a secret key');
  const { updatedMs, ...read } = record;
  return {
    outcome: 'done',
    record: { ...withEncoding(result, read), secretKey },
    ...notedBy(result, updatedMs, tookMs),
  };
};

const classifyNotDone = (result: Exchange): NotDone | undefined => {
  const code = refusalOf(result);
  if (code)
    return {
      outcome: 'not-done',
      code,
      retry: code === 'UPSTREAM_RATE_LIMITED',
      status: result.status!,
      reason: `HTTP ${result.status}`,
      ...retryAfterOf(result),
    };
  if (result.whole || result.sent) return undefined;
  return {
    outcome: 'not-done',
    code: result.late ? 'SENT_TOO_LATE' : 'UPSTREAM_UNREACHABLE',
    retry: true,
    reason: result.reason,
  };
};

/** The outcome of a GET of one assistant. */
export const classifyRead = (result: Exchange, assistantId: string, baseUrl: URL): ReadOutcome => {
  if (!result.whole || result.status !== 200) return notRead(result, baseUrl);
  const record = readRecord(result.body, assistantId);
  if (typeof record === 'string')
    return { outcome: 'not-read', code: 'OUTCOME_UNKNOWN', status: 200, reason: record };
  if (record.masked)
    return { outcome: 'not-read', code: 'KEYS_NOT_SHOWN', status: 200, reason: 'a masked secret key' };
  const { updatedMs, ...read } = record;
  return {
    outcome: 'read',
    record: withEncoding(result, read),
    ...ageOf(result),
    ...unchangedFor(result, updatedMs),
  };
};

/** The outcome of a LIST. */
export const classifyList = (result: Exchange, baseUrl: URL): ListOutcome => {
  if (!result.whole || result.status !== 200) return notRead(result, baseUrl);
  const texts = splitJsonArray(result.body);
  if (texts === undefined) {
    const reason = 'a 200 that is not a JSON array';
    return { outcome: 'not-read', code: 'OUTCOME_UNKNOWN', status: 200, reason };
  }
  const read = texts.map((text) => readRecord(text));
  const records = read
    .filter((record) => typeof record !== 'string')
    .map((record) =>
      Buffer.byteLength(record.json) > MAX_RECORD_BYTES ? { ...record, tooLarge: true as const } : record,
    );
  const unreadable = texts
    .filter((_, i) => typeof read[i] === 'string')
    .map((text) => hash('sha256', text, 'base64url'));
  return { outcome: 'read', page: { records, unreadable, total: countOf(result), ...ageOf(result) } };
};

const notRead = (result: Exchange, baseUrl: URL): ReadOutcome & { outcome: 'not-read' } => ({
  outcome: 'not-read',
  code: refusalOf(result) ?? lastingCode(result) ?? 'UPSTREAM_UNREACHABLE',
  reason: describeAnswer(result, baseUrl),
  ...statusOf(result),
  ...retryAfterOf(result),
});

const statusOf = ({ status }: Exchange) => (status === undefined ? {} : { status });

const withEncoding = <R extends UpstreamRecord>(result: Exchange, record: R): R =>
  result.whole && result.misnamed
    ? { ...record, unexpected: [...record.unexpected, 'content-encoding'] }
    : record;
