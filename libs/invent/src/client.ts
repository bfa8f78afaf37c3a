import { AssistantId, MAX_RECORD_BYTES, OrgId } from '@rekey/schema';
import { Pool } from 'undici';
import { limitOf } from './answers/answer-headers.ts';
import { classifyList, classifyRead, classifyRotation } from './answers/classify.ts';
import type { ListOutcome, NotDone, ReadOutcome, RotateOutcome } from './answers/outcome.ts';
import type { RetryAfter } from './answers/retry-after.ts';
import type { ApiKeys } from './api-keys.ts';
import { createByteRoom, withShare, type ByteRoom, type ByteShare } from './transport/byte-room.ts';
import { createConnector } from './transport/connector.ts';
import { exchange, type Exchange } from './transport/exchange.ts';
import type { Proxy } from './transport/proxy.ts';

/**
 * `share`: room for the text of an answer. A long answer is decoded only when the share holds its length.
 * Close the share when the record is no longer needed.
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
   * GET a page of an org's assistants with their keys in force, or of those that match a search term. Pages
   * count from 1. `take` is the page size, 100 by default. RECORD_TOO_LARGE if the page is longer than 64
   * MiB: request smaller pages. Safe to repeat. Never rejects.
   */
  listAssistants(
    orgId: string,
    page: number,
    options?: { signal?: AbortSignal; search?: string; take?: number },
  ): Promise<ListOutcome>;
  close(): Promise<void>;
}

/** For checks of the set-up. */
interface Probe {
  /** GET of the base URL without an API key: its status, or why there is none. Never rejects. */
  probe(): Promise<number | string>;
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
  /** The most requests in flight. */
  connections: number;
  /** The most bytes of long answers received at once. Default: 256 MiB, 16 of the longest records. */
  receiveBytes?: number;
  /** Room for the pages of a list while they are decoded. */
  decoding?: ByteRoom;
  /** All requests go through it. */
  proxy?: Proxy | undefined;
  /**
   * Called when upstream answers 429: the age of the request, the pause that upstream asks for, and how that
   * was read.
   */
  onLimited?: (refused: {
    ageMs: number;
    retryAfterMs?: number;
    retryAfterNote?: NonNullable<RetryAfter['note']>;
  }) => void;
  /** Called when upstream answers anything else, with the age of the request. */
  onAnswered?: (request: { ageMs: number }) => void;
}

/** The most records that one request can list. */
export const LIST_PAGE_SIZE = 100;
/** Records are usually 2 kB. Of the longest ones, a page holds four. */
const MAX_LIST_BYTES = 4 * MAX_RECORD_BYTES;
const CONNECT_WITHIN_MS = 10_000;

export const createInventClient = (options: InventClientOptions): InventClient & Probe => {
  const { baseUrl, timeoutMs, decoding } = options;
  const connector = createConnector({
    timeoutMs: Math.min(timeoutMs, CONNECT_WITHIN_MS),
    proxy: options.proxy,
  });
  const pool = new Pool(baseUrl.origin, {
    connections: options.connections,
    pipelining: 1,
    allowH2: false,
    connect: connector.connect,
  });
  const call = createCaller(pool, options);

  return {
    rotateSecretKey: async (target, callOptions = {}) => {
      const startMs = performance.now();
      const result = await call('POST', target, '/rotate-secret-key', callOptions);
      return typeof result === 'string'
        ? neverSent(result)
        : classifyRotation(result, target.assistantId, baseUrl, performance.now() - startMs);
    },
    getAssistant: async (target, callOptions = {}) => {
      const result = await call('GET', target, '', callOptions);
      return typeof result === 'string'
        ? { outcome: 'not-read', code: result, reason: result }
        : classifyRead(result, target.assistantId, baseUrl);
    },
    listAssistants: async (orgId, page, { search, take = LIST_PAGE_SIZE, ...callOptions } = {}) => {
      const term = search === undefined ? '' : `&search=${encodeURIComponent(search)}`;
      return withShare(decoding, async (share) => {
        const result = await call('GET', { orgId }, `?page=${page}&take=${take}${term}`, {
          maxResponseBytes: MAX_LIST_BYTES,
          share,
          ...callOptions,
        });
        return typeof result === 'string'
          ? { outcome: 'not-read', code: result, reason: result }
          : classifyList(result, baseUrl);
      });
    },
    probe: async () => {
      const result = await exchange(pool, {
        method: 'GET',
        path: `${basePathOf(baseUrl)}/`,
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

interface CallOptions {
  signal?: AbortSignal;
  sendBeforeMs?: number;
  maxResponseBytes?: number;
  share?: ByteShare | undefined;
}
type NeverSent = 'ORG_NOT_CONFIGURED' | 'INVALID_ARGUMENT';
type Caller = (
  method: 'GET' | 'POST',
  target: { orgId: string; assistantId?: string },
  suffix: string,
  options: CallOptions,
) => Promise<Exchange | NeverSent>;

/** Sends requests to the path of an org or assistant, each with the API key of its org. */
const createCaller = (
  pool: Pool,
  {
    baseUrl,
    apiKeys,
    timeoutMs,
    receiveBytes = 16 * MAX_RECORD_BYTES,
    onLimited,
    onAnswered,
  }: InventClientOptions,
): Caller => {
  const receiving = createByteRoom(receiveBytes);
  const basePath = basePathOf(baseUrl);
  return async (
    method,
    { orgId, assistantId },
    suffix,
    { maxResponseBytes = MAX_RECORD_BYTES, ...options },
  ) => {
    const apiKey = apiKeys(orgId);
    if (apiKey === undefined) return 'ORG_NOT_CONFIGURED';
    // Ids are validated when they come in. They are validated again here because a bug would POST to another
    // assistant.
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
};

const basePathOf = (baseUrl: URL): string => baseUrl.pathname.replace(/\/$/, '');

const commonHeaders = {
  accept: 'application/json',
  'accept-encoding': 'identity',
  'cache-control': 'no-cache',
  'user-agent': 'rekey',
};

const neverSent = (code: NeverSent): NotDone => ({ outcome: 'not-done', code, retry: false, reason: code });
