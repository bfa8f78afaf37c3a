import { hash } from 'node:crypto';
import {
  Assistant,
  AssistantId,
  KeyedRecord,
  MAX_RECORD_BYTES,
  OrgId,
  complaintAboutId,
  type ErrorCode,
} from '@rekey/schema';
import { Pool } from 'undici';
import type { ApiKeys } from './api-keys.ts';
import { createByteRoom, withShare, type ByteRoom, type ByteShare } from './transport/byte-room.ts';
import { createConnector } from './transport/connector.ts';
import { exchange, type Exchange } from './transport/exchange.ts';
import type { Proxy } from './transport/proxy.ts';
import { parseRetryAfter, type RetryAfter } from './answers/retry-after.ts';
import { hasTwice, splitJsonArray } from './answers/split-json-array.ts';

/** An upstream record: its key, where it has one, and its text as it came. */
export interface UpstreamRecord {
  secretKey: string | undefined;
  /** It has a key, and stars or the like stand in its place. */
  masked?: true;
  /** Soft-deleted upstream. */
  deleted: boolean;
  json: string;
  /**
   * The paths at which it is not as documented; also `content-encoding` if that header was wrong. Its key is
   * in force all the same.
   */
  unexpected: string[];
  /** It was listed, and is longer than what can be read by itself or published (MAX_RECORD_BYTES). */
  tooLarge?: true;
}

/** Certainly not done: the key is what it was. */
export interface NotDone {
  outcome: 'not-done';
  code: ErrorCode;
  /** Whether a later attempt can succeed without anybody changing anything. */
  retry: boolean;
  retryAfterMs?: number;
  status?: number;
  reason: string;
}

/** Nobody can say whether the key changed, until it is read back. */
export interface Unknown {
  outcome: 'unknown';
  status?: number;
  /** Why a later POST would fare no better until an operator acts: a redirect, for example. */
  code?: ErrorCode;
  reason: string;
}

export type RotateOutcome =
  /**
   * `noted`: whether `updated_at` says that the record was changed since the POST left, by the clock of the
   * same answer; absent if that cannot be told.
   */
  | { outcome: 'done'; record: UpstreamRecord & { secretKey: string }; noted?: 'since' | 'before' }
  | NotDone
  | Unknown;

export type ReadOutcome =
  /**
   * `ageMs`: it comes from a cache, and shows what was so that long ago. `unchangedForMs`: by its
   * `updated_at` and the clock of the same answer, the record has not been changed for at least this time;
   * absent if that cannot be told.
   */
  | { outcome: 'read'; record: UpstreamRecord; ageMs?: number; unchangedForMs?: number }
  | { outcome: 'not-read'; code: ErrorCode; retryAfterMs?: number; status?: number; reason: string };

/** One page of an org's assistants. Its size is upstream's choice. */
export interface Page {
  /** Their ids are valid, as an id from a caller is. */
  records: (UpstreamRecord & { id: string })[];
  /**
   * A mark for each record that cannot be read or has no valid id. Equal marks mean equal records; nothing of
   * the record can be told from one.
   */
  unreadable: string[];
  /** How many assistants there are in all, according to upstream. It may be wrong. */
  total: number | undefined;
  /** It comes from a cache, and shows what was so that long ago. */
  ageMs?: number;
}

export type ListOutcome = { outcome: 'read'; page: Page } | (ReadOutcome & { outcome: 'not-read' });

/**
 * `share`: room for the text of an answer. A long one is decoded only when the share holds its length; close
 * the share when the record is no longer needed.
 */
export interface InventClient {
  /** POST rotate-secret-key. Not idempotent: never repeat it on `unknown`. Never rejects. */
  rotateSecretKey(
    target: Target,
    options?: { signal?: AbortSignal; sendBeforeMs?: number; share?: ByteShare | undefined },
  ): Promise<RotateOutcome>;
  /** GET one assistant with its key in force. Safe to repeat. Never rejects. */
  getAssistant(
    target: Target,
    options?: { signal?: AbortSignal; share?: ByteShare | undefined },
  ): Promise<ReadOutcome>;
  /**
   * GET a page of an org's assistants with their keys in force, or of those that upstream finds by a term.
   * Pages count from 1. Safe to repeat. Never rejects.
   */
  /**
   * `take`: records of a page, 100 if not given. RECORD_TOO_LARGE if the page is longer than 64 MiB: ask for
   * smaller ones.
   */
  listAssistants(
    orgId: string,
    page: number,
    options?: { signal?: AbortSignal; search?: string; take?: number },
  ): Promise<ListOutcome>;
  close(): Promise<void>;
}

/** For a look at the set-up. */
export interface Knock {
  /** GET of the base URL without an API key: its status, or why there is none. Never rejects. */
  knock(): Promise<number | string>;
}

export interface Target {
  orgId: string;
  assistantId: string;
}

export interface InventClientOptions {
  baseUrl: URL;
  apiKeys: ApiKeys;
  /** Deadline of one request, from its start to the last byte of the answer. */
  timeoutMs: number;
  /** At most so many requests in flight. */
  connections: number;
  /** Bytes of long answers that are received at once. 256 MiB if not given: 16 of the longest records. */
  receiveBytes?: number;
  /** Room for the pages of a list while they are decoded. */
  decoding?: ByteRoom;
  /** All requests go through it. */
  proxy?: Proxy | undefined;
  /**
   * Called if a request was refused for coming too soon (429): how long ago it left, and how long upstream
   * says to wait, with what was made of that.
   */
  onLimited?: (refused: {
    ageMs: number;
    retryAfterMs?: number;
    retryAfterNote?: NonNullable<RetryAfter['note']>;
  }) => void;
  /** Called where a request was answered with anything else, and how long ago it left. */
  onAnswered?: (request: { ageMs: number }) => void;
}

/**
 * Outcomes name no longer wait than this: how long upstream is left alone is the request budget's to say,
 * which tries in between.
 */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** As many records as one request can list. */
export const LIST_PAGE_SIZE = 100;
/** Records are 2 kB as a rule. Of those that are longest, a page holds four. */
const MAX_LIST_BYTES = 4 * MAX_RECORD_BYTES;

export const createInventClient = ({
  baseUrl,
  apiKeys,
  timeoutMs,
  connections,
  receiveBytes = 16 * MAX_RECORD_BYTES,
  decoding,
  proxy,
  onLimited,
  onAnswered,
}: InventClientOptions): InventClient & Knock => {
  const connector = createConnector({ timeoutMs: Math.min(timeoutMs, 10_000), proxy });
  const pool = new Pool(baseUrl.origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    connect: connector.connect,
  });
  const receiving = createByteRoom(receiveBytes);
  const basePath = baseUrl.pathname.replace(/\/$/, '');

  interface Options {
    signal?: AbortSignal;
    sendBeforeMs?: number;
    maxResponseBytes?: number;
    share?: ByteShare | undefined;
  }
  const call = async (
    method: 'GET' | 'POST',
    { orgId, assistantId }: { orgId: string; assistantId?: string },
    suffix: string,
    { maxResponseBytes = MAX_RECORD_BYTES, ...options }: Options,
  ) => {
    const apiKey = apiKeys(orgId);
    if (apiKey === undefined) return 'ORG_NOT_CONFIGURED';
    // The border has checked the ids; they are checked again where a slip would POST to another assistant.
    if (
      !OrgId.safeParse(orgId).success ||
      (assistantId !== undefined && !AssistantId.safeParse(assistantId).success)
    )
      return 'INVALID_ARGUMENT';
    const assistant = assistantId === undefined ? '' : `/${encodeURIComponent(assistantId)}`;
    const path = `${basePath}/orgs/${encodeURIComponent(orgId)}/assistants${assistant}${suffix}`;
    const headers = { ...commonHeaders, authorization: `Bearer ${apiKey}` };
    const startMs = performance.now();
    const result = await exchange(pool, {
      method,
      path,
      headers,
      timeoutMs,
      maxResponseBytes,
      receiving,
      ...options,
    });
    const ageMs = performance.now() - startMs;
    if (result.status === 429) onLimited?.({ ageMs, ...limitOf(result) });
    else if (result.status !== undefined) onAnswered?.({ ageMs });
    return result;
  };

  return {
    rotateSecretKey: async (target, options = {}) => {
      const startMs = performance.now();
      const result = await call('POST', target, '/rotate-secret-key', options);
      return typeof result === 'string'
        ? neverSent(result)
        : sortRotation(result, target.assistantId, baseUrl, performance.now() - startMs);
    },
    getAssistant: async (target, options = {}) => {
      const result = await call('GET', target, '', options);
      return typeof result === 'string'
        ? { outcome: 'not-read', code: result, reason: result }
        : sortRead(result, target.assistantId, baseUrl);
    },
    listAssistants: async (orgId, page, { search, take = LIST_PAGE_SIZE, ...options } = {}) => {
      const term = search === undefined ? '' : `&search=${encodeURIComponent(search)}`;
      return withShare(decoding, async (share) => {
        const result = await call('GET', { orgId }, `?page=${page}&take=${take}${term}`, {
          maxResponseBytes: MAX_LIST_BYTES,
          share,
          ...options,
        });
        return typeof result === 'string'
          ? { outcome: 'not-read', code: result, reason: result }
          : sortList(result, baseUrl);
      });
    },
    knock: async () => {
      const result = await exchange(pool, {
        method: 'GET',
        path: `${basePath}/`,
        headers: commonHeaders,
        timeoutMs,
        maxResponseBytes: MAX_RECORD_BYTES,
      });
      return result.status ?? (result as { reason: string }).reason;
    },
    close: async () => {
      await pool.close();
      await connector.close();
    },
  };
};

const commonHeaders = {
  accept: 'application/json',
  'accept-encoding': 'identity',
  'cache-control': 'no-cache',
  'user-agent': 'rekey',
};

const neverSent = (code: 'ORG_NOT_CONFIGURED' | 'INVALID_ARGUMENT'): NotDone => ({
  outcome: 'not-done',
  code,
  retry: false,
  reason: code,
});

/** The answers that say for certain that nothing was done, whatever their body. */
const refusals: Readonly<Record<number, ErrorCode>> = {
  400: 'UPSTREAM_REJECTED',
  401: 'UPSTREAM_UNAUTHENTICATED',
  403: 'UPSTREAM_FORBIDDEN',
  404: 'ASSISTANT_NOT_FOUND',
  429: 'UPSTREAM_RATE_LIMITED',
};

/**
 * Answers that may be others next time without anybody acting: of a proxy that waits too long, and of an
 * assistant that something else is at work on.
 */
const passing: ReadonlySet<number> = new Set([408, 409, 423, 425]);
/**
 * An answer that nothing but a change of the set-up will change: a redirect, which is not followed, or a
 * status that Invent does not document.
 */
const isUnexpected = (status: number): boolean =>
  status !== 200 && status < 500 && !refusals[status] && !passing.has(status);

/** Why an answer that is no refusal would be the same next time. */
const lastingCode = (result: Exchange): ErrorCode | undefined => {
  if (!result.whole && result.unreadable)
    return result.unreadable === 'ANSWER_TOO_LARGE' ? 'RECORD_TOO_LARGE' : 'ANSWER_UNREADABLE';
  return result.status !== undefined && isUnexpected(result.status) ? 'UPSTREAM_UNEXPECTED' : undefined;
};

/**
 * An answer in words for the log; of a redirect also to which origin, and nothing more: a path or a query may
 * hold a secret.
 */
const inWords = (result: Exchange, baseUrl: URL): string => {
  if (!result.whole && (result.status === undefined || result.status === 200)) return result.reason;
  const location = headerOf(result, 'location');
  const target =
    result.status! >= 300 && result.status! < 400 && location !== undefined
      ? URL.parse(location, baseUrl.href)
      : null;
  if (
    !target ||
    !['http:', 'https:'].includes(target.protocol) ||
    target.origin.length > MAX_ORIGIN_CHARACTERS
  )
    return `HTTP ${result.status}`;
  return `HTTP ${result.status}, a redirect to ${target.origin === baseUrl.origin ? 'the same host' : target.origin}`;
};
const MAX_ORIGIN_CHARACTERS = 270;

/**
 * Sorts what became of a rotate-secret-key POST.
 * Done: a whole 200 with this assistant's record and a key. Not done: no byte left, or a refusal. Unknown:
 * everything else.
 */
const sortRotation = (result: Exchange, assistantId: string, baseUrl: URL, tookMs = 0): RotateOutcome => {
  if (result.status !== undefined && refusals[result.status]) {
    const code = refusals[result.status]!;
    return {
      outcome: 'not-done',
      code,
      retry: code === 'UPSTREAM_RATE_LIMITED',
      status: result.status,
      reason: `HTTP ${result.status}`,
      ...retryAfter(result),
    };
  }
  if (!result.whole) {
    if (!result.sent)
      return {
        outcome: 'not-done',
        code: result.late ? 'SENT_TOO_LATE' : 'UPSTREAM_UNREACHABLE',
        retry: true,
        reason: result.reason,
      };
  }
  const code = lastingCode(result);
  if (!result.whole || result.status !== 200)
    return {
      outcome: 'unknown',
      reason: inWords(result, baseUrl),
      ...statusOf(result),
      ...(code && { code }),
    };
  if (ageOf(result).ageMs) return { outcome: 'unknown', reason: 'a 200 from a cache', status: 200 };
  const record = readRecord(result.body, assistantId);
  if (typeof record === 'string') return { outcome: 'unknown', reason: record, status: 200 };
  const { secretKey, masked } = record;
  if (secretKey === undefined)
    return {
      outcome: 'unknown',
      reason: masked ? 'a 200 with a masked secret key' : 'a 200 without a secret key',
      status: 200,
    };
  const { updatedMs, ...read } = record;
  return {
    outcome: 'done',
    record: { ...withEncoding(result, read), secretKey },
    ...notedBy(result, updatedMs, tookMs),
  };
};

/** The clocks of Invent's servers may differ by that much from one another, and from ours. */
const SERVERS_APART_MS = 250;
const CLOCKS_APART_MS = 60_000;
/**
 * Whether a record was changed since its POST left, `tookMs` before the answer was there: both by the clock
 * of the answer, whose `Date` is in whole seconds.
 */
const notedBy = (
  result: Exchange,
  updatedMs: number | undefined,
  tookMs: number,
): { noted?: 'since' | 'before' } => {
  const { unchangedForMs } = unchangedFor(result, updatedMs);
  return unchangedForMs === undefined ? {} : { noted: unchangedForMs > tookMs ? 'before' : 'since' };
};
const unchangedFor = (result: Exchange, updatedMs: number | undefined): { unchangedForMs?: number } => {
  const dateMs = Date.parse(headerOf(result, 'date') ?? '');
  if (updatedMs === undefined || !(Math.abs(dateMs - Date.now()) < CLOCKS_APART_MS)) return {};
  return { unchangedForMs: Math.max(dateMs - updatedMs - SERVERS_APART_MS, 0) };
};

const sortRead = (result: Exchange, assistantId: string, baseUrl: URL): ReadOutcome => {
  if (result.whole && result.status === 200) {
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
  }
  return notRead(result, baseUrl);
};

const sortList = (result: Exchange, baseUrl: URL): ListOutcome => {
  if (!result.whole || result.status !== 200) return notRead(result, baseUrl);
  const texts = splitJsonArray(result.body);
  if (texts === undefined)
    return {
      outcome: 'not-read',
      code: 'OUTCOME_UNKNOWN',
      status: 200,
      reason: 'a 200 that is not a JSON array',
    };
  const read = texts.map((text) => readRecord(text));
  const records = read
    .filter((record) => typeof record !== 'string')
    .map((record) =>
      Buffer.byteLength(record.json) > MAX_RECORD_BYTES ? { ...record, tooLarge: true as const } : record,
    );
  const unreadable = texts
    .filter((_, i) => typeof read[i] === 'string')
    .map((text) => hash('sha256', text, 'base64url'));
  return {
    outcome: 'read',
    page: { records, unreadable, total: readCount(headerOf(result, 'pagination-count')), ...ageOf(result) },
  };
};

const withEncoding = <R extends UpstreamRecord>(result: Exchange, record: R): R =>
  result.whole && result.misnamed
    ? { ...record, unexpected: [...record.unexpected, 'content-encoding'] }
    : record;

/** A whole number in plain digits; anything else counts as none. */
const readCount = (text: string | undefined): number | undefined => {
  const count = /^\d{1,16}$/.test(text ?? '') ? Number(text) : Number.NaN;
  return Number.isSafeInteger(count) ? count : undefined;
};

const notRead = (result: Exchange, baseUrl: URL): ReadOutcome & { outcome: 'not-read' } => {
  const code =
    (result.status !== undefined && refusals[result.status]) || lastingCode(result) || 'UPSTREAM_UNREACHABLE';
  return {
    outcome: 'not-read',
    code,
    reason: inWords(result, baseUrl),
    ...statusOf(result),
    ...retryAfter(result),
  };
};

const statusOf = ({ status }: Exchange) => (status === undefined ? {} : { status });

const headerOf = ({ headers }: Exchange, name: string): string | undefined => {
  const value = headers?.[name];
  return Array.isArray(value) ? value[0] : value;
};

const limitOf = (
  result: Exchange,
): { retryAfterMs?: number; retryAfterNote?: NonNullable<RetryAfter['note']> } => {
  const values = [result.headers?.['retry-after'] ?? []].flat();
  const asked = parseRetryAfter(values.length === 0 ? undefined : values.join(','), headerOf(result, 'date'));
  return asked === undefined
    ? {}
    : { retryAfterMs: asked.ms, ...(asked.note && { retryAfterNote: asked.note }) };
};
const retryAfter = (result: Exchange): { retryAfterMs?: number } => {
  const { retryAfterMs } = limitOf(result);
  return retryAfterMs === undefined ? {} : { retryAfterMs: Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) };
};

/** How old an answer was when it came, as the cache says that it comes from (RFC 9111, `Age` in seconds). */
const ageOf = (result: Exchange): { ageMs?: number } => {
  const text = headerOf(result, 'age');
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) > 0
    ? { ageMs: Number(text) * 1000 }
    : {};
};

/**
 * What stands in the place of a key that is not shown, or that was mangled on its way. No key has it: what
 * signs is printable and unbroken.
 */
const maskedKey = /[*\u2022\u2026\u25cf\ufffd\s\p{Cc}]|\.\.\./u;

/** The record in a text, or what is wrong with it, in words that quote nothing. */
const readRecord = (
  body: string,
  assistantId?: string,
): (UpstreamRecord & { id: string; updatedMs?: number }) | string => {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return 'a 200 that is not JSON';
  }
  const whole = Assistant.safeParse(json);
  const parsed = whole.success ? whole : KeyedRecord.safeParse(json);
  if (!parsed.success) return 'a 200 that is not an assistant';
  if (assistantId !== undefined && parsed.data.id !== assistantId) return 'a 200 with another assistant';
  if (hasTwice(body, 'secret_key')) return 'a record that names its secret key twice';
  // As strict as with callers: an id reaches URL paths, Redis keys and log lines.
  if (complaintAboutId(parsed.data.id) !== undefined) return 'a record with an invalid id';
  const unexpected = whole.success ? [] : whole.error.issues.map(({ path }) => path.join('.'));
  const { id, secret_key: secretKey, deleted, updated_at: updatedAt } = parsed.data;
  const updatedMs = typeof updatedAt === 'string' ? Date.parse(updatedAt) : Number.NaN;
  const masked = !!secretKey && maskedKey.test(secretKey);
  return {
    id,
    secretKey: masked ? undefined : secretKey || undefined,
    ...(masked && { masked }),
    deleted: deleted === true,
    json: body,
    unexpected,
    ...(Number.isFinite(updatedMs) && { updatedMs }),
  };
};
