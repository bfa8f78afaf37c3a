import { Assistant, AssistantId, KeyedRecord, OrgId, type ErrorCode } from '@rekey/schema';
import { Pool } from 'undici';
import type { ApiKeys } from './api-keys.ts';
import { exchange, type Exchange } from './exchange.ts';
import { parseRetryAfterMs } from './retry-after.ts';

/** An upstream record: its key, where it has one, and its text as it came. */
export interface UpstreamRecord {
  secretKey: string | undefined;
  json: string;
  /** The paths at which it is not as documented. Its key is in force all the same. */
  unexpected: string[];
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
  reason: string;
}

export type RotateOutcome = { outcome: 'done'; record: UpstreamRecord & { secretKey: string } } | NotDone | Unknown;

export type ReadOutcome =
  | { outcome: 'read'; record: UpstreamRecord }
  | { outcome: 'not-read'; code: ErrorCode; retryAfterMs?: number; status?: number; reason: string };

export interface InventClient {
  /** POST rotate-secret-key. Not idempotent: never repeat it on `unknown`. Never rejects. */
  rotateSecretKey(target: Target, options?: { signal?: AbortSignal; sendBeforeMs?: number }): Promise<RotateOutcome>;
  /** GET one assistant with its key in force. Safe to repeat. Never rejects. */
  getAssistant(target: Target, options?: { signal?: AbortSignal }): Promise<ReadOutcome>;
  close(): Promise<void>;
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
  maxResponseBytes?: number;
}

const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;

export const createInventClient = ({ baseUrl, apiKeys, timeoutMs, connections, maxResponseBytes = MAX_RESPONSE_BYTES }: InventClientOptions): InventClient => {
  const pool = new Pool(baseUrl.origin, { connections, pipelining: 1, allowH2: false, connect: { timeout: Math.min(timeoutMs, 10_000) } });
  const basePath = baseUrl.pathname.replace(/\/$/, '');

  const call = async (method: 'GET' | 'POST', target: Target, suffix: string, options: { signal?: AbortSignal; sendBeforeMs?: number }) => {
    const apiKey = apiKeys(target.orgId);
    if (apiKey === undefined) return 'ORG_NOT_CONFIGURED';
    // The border has checked the ids; they are checked again where a slip would POST to another assistant.
    if (!OrgId.safeParse(target.orgId).success || !AssistantId.safeParse(target.assistantId).success) return 'INVALID_ARGUMENT';
    const path = `${basePath}/orgs/${encodeURIComponent(target.orgId)}/assistants/${encodeURIComponent(target.assistantId)}${suffix}`;
    const headers = { authorization: `Bearer ${apiKey}`, accept: 'application/json', 'user-agent': 'rekey' };
    return exchange(pool, { method, path, headers, timeoutMs, maxResponseBytes, ...options });
  };

  return {
    rotateSecretKey: async (target, options = {}) => {
      const result = await call('POST', target, '/rotate-secret-key', options);
      return typeof result === 'string' ? neverSent(result) : sortRotation(result, target.assistantId);
    },
    getAssistant: async (target, options = {}) => {
      const result = await call('GET', target, '', options);
      return typeof result === 'string' ? { outcome: 'not-read', code: result, reason: result } : sortRead(result, target.assistantId);
    },
    close: () => pool.close(),
  };
};

const neverSent = (code: 'ORG_NOT_CONFIGURED' | 'INVALID_ARGUMENT'): NotDone => ({ outcome: 'not-done', code, retry: false, reason: code });

/** The answers that say for certain that nothing was done, whatever their body. */
const refusals: Readonly<Record<number, ErrorCode>> = {
  400: 'UPSTREAM_REJECTED',
  401: 'UPSTREAM_UNAUTHENTICATED',
  403: 'UPSTREAM_FORBIDDEN',
  404: 'ASSISTANT_NOT_FOUND',
  429: 'UPSTREAM_RATE_LIMITED',
};

/**
 * Sorts what became of a rotate-secret-key POST.
 * Done: a whole 200 with this assistant's record and a key. Not done: no byte left, or a refusal. Unknown: everything else.
 */
export const sortRotation = (result: Exchange, assistantId: string): RotateOutcome => {
  if (result.status !== undefined && refusals[result.status]) {
    const code = refusals[result.status]!;
    return { outcome: 'not-done', code, retry: code === 'UPSTREAM_RATE_LIMITED', status: result.status, reason: `HTTP ${result.status}`, ...retryAfter(result) };
  }
  if (!result.whole) {
    if (!result.sent) return { outcome: 'not-done', code: result.late ? 'SENT_TOO_LATE' : 'UPSTREAM_UNREACHABLE', retry: true, reason: result.reason };
    return { outcome: 'unknown', reason: result.reason, ...statusOf(result) };
  }
  if (result.status !== 200) return { outcome: 'unknown', reason: `HTTP ${result.status}`, status: result.status };
  const record = readRecord(result.body, assistantId);
  if (typeof record === 'string') return { outcome: 'unknown', reason: record, status: 200 };
  const { secretKey } = record;
  if (secretKey === undefined) return { outcome: 'unknown', reason: 'a 200 without a secret key', status: 200 };
  return { outcome: 'done', record: { ...record, secretKey } };
};

export const sortRead = (result: Exchange, assistantId: string): ReadOutcome => {
  if (result.whole && result.status === 200) {
    const record = readRecord(result.body, assistantId);
    return typeof record === 'string' ? { outcome: 'not-read', code: 'OUTCOME_UNKNOWN', status: 200, reason: record } : { outcome: 'read', record };
  }
  const code = (result.status !== undefined && refusals[result.status]) || 'UPSTREAM_UNREACHABLE';
  const reason = result.whole ? `HTTP ${result.status}` : result.reason;
  return { outcome: 'not-read', code, reason, ...statusOf(result), ...retryAfter(result) };
};

const statusOf = ({ status }: Exchange) => (status === undefined ? {} : { status });

const retryAfter = ({ headers }: Exchange) => {
  const one = (name: string) => {
    const value = headers?.[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const retryAfterMs = parseRetryAfterMs(one('retry-after'), one('date'), Date.now());
  return retryAfterMs === undefined ? {} : { retryAfterMs };
};

/** The record in a body, or what is wrong with it, in words that quote nothing. */
const readRecord = (body: string, assistantId: string): UpstreamRecord | string => {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return 'a 200 that is not JSON';
  }
  const whole = Assistant.safeParse(json);
  const parsed = whole.success ? whole : KeyedRecord.safeParse(json);
  if (!parsed.success) return 'a 200 that is not an assistant';
  if (parsed.data.id !== assistantId) return 'a 200 with another assistant';
  const unexpected = whole.success ? [] : whole.error.issues.map(({ path }) => path.join('.'));
  return { secretKey: parsed.data.secret_key || undefined, json: body, unexpected };
};
