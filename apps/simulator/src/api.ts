import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeBody } from './encode-body.ts';
import type { Fault, Faults, View } from './faults.ts';
import { openOrg, type Org } from './orgs.ts';
import { renderRecord } from './record.ts';
import type { RequestLimit } from './request-limit.ts';
import {
  createPasses,
  failureOf,
  headersOf,
  informationalOf,
  recordOf,
  showPage,
  showRecord,
  skewedNowMs,
} from './views.ts';
import { preciseNowMs, type World } from './world.ts';

/** What the API was asked, for tests to count. */
export interface Counts {
  rotate: number;
  get: number;
  list: number;
  /** Answered 429. */
  limited: number;
  /** Answered 401 or 403. */
  refused: number;
  /**
   * How often a rotate request for an assistant came while another was at work, or was still to take effect
   * (commitLate).
   */
  concurrentRotates: number;
}

export interface ApiOptions {
  /** Called where a rotate request comes while another for the same assistant is at work. */
  onConcurrent?: (assistantId: string) => void;
  world: World;
  faults: Faults;
  limit: RequestLimit;
  counts: Counts;
  latencyMs: number;
  /** How a 429 says when to come again. */
  retryAfter: 'seconds' | 'date' | 'none';
}

const MAX_TAKE = 100;

/**
 * Invent's API as far as Rekey uses it: rotate, GET and LIST of assistants, bearer keys, the alias `c`, the
 * request limit.
 */
export const createApi = (options: ApiOptions): Server => {
  const { world, faults, limit, counts, latencyMs } = options;
  /** How many rotate requests for an assistant are at work. */
  const atWork = new Map<string, number>();

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path, query = ''] = (request.url ?? '').split('?') as [string, string?];
    const waitMs = limit.take(request.socket.remoteAddress ?? '', performance.now());
    if (waitMs > 0) {
      counts.limited += 1;
      const seconds = Math.ceil(waitMs / 1000);
      if (options.retryAfter === 'seconds') response.setHeader('retry-after', seconds);
      if (options.retryAfter === 'date')
        response.setHeader('retry-after', new Date(Date.now() + seconds * 1000).toUTCString());
      return refuse(response, 429);
    }
    const route = readRoute(request.method ?? '', path);
    const serving = serve(route, new URLSearchParams(query), request, response);
    return route?.on === 'rotate' ? countConcurrent(route.assistantId, serving) : serving;
  };

  /**
   * At work from its arrival until nothing more comes of it: also where its caller is gone, and the change
   * comes late.
   */
  const countConcurrent = async (assistantId: string, rotating: Promise<void>): Promise<void> => {
    const others = atWork.get(assistantId) ?? 0;
    if (others > 0) {
      counts.concurrentRotates += 1;
      options.onConcurrent?.(assistantId);
    }
    atWork.set(assistantId, others + 1);
    try {
      await rotating;
    } finally {
      const left = atWork.get(assistantId)! - 1;
      if (left > 0) atWork.set(assistantId, left);
      else atWork.delete(assistantId);
    }
  };

  const serve = async (
    route: Route | undefined,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    if (latencyMs > 0) await sleep(latencyMs);
    const access = world.orgsOf(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    if (!access || !route) {
      if (!access) counts.refused += 1;
      return refuse(response, access ? 404 : 401);
    }
    const named = route.orgId === 'c' ? access.own : route.orgId;
    const assistantId = route.on === 'list' ? undefined : route.assistantId;
    const orgIds = [route.orgId, named];
    const views = faults.views({ on: route.on, assistantId, orgIds });
    const asksAnew = /no-cache|no-store/.test(request.headers['cache-control'] ?? '');
    for (const [name, value] of Object.entries(headersOf(views, asksAnew))) response.setHeader(name, value);
    for (const status of informationalOf(views)) {
      if (status === 100) response.writeContinue();
      else response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    }
    const org = openOrg(world, access, route.orgId, views);
    if (org === 403 || org === 404) {
      if (org === 403) counts.refused += 1;
      return refuse(response, org);
    }
    counts[route.on] += 1;
    const asked: Asking = { views, asksAnew, orgIds, org };
    if (route.on === 'list') return list(named, asked, query, response);
    const { on } = route;
    if (!org.has(route.assistantId)) return refuse(response, 404);
    const fault = faults.next(on, assistantId, orgIds);
    const before = fault?.kind === 'staleAnswer' ? recordBefore(route.assistantId, fault) : undefined;
    return answer(response, fault, views, {
      act: (by = 'request') => on === 'rotate' && world.rotate(route.assistantId, by),
      body: () =>
        JSON.stringify(
          showRecord(world, views, route.assistantId, before ?? show(route.assistantId, fault), asksAnew),
        ),
    });
  };

  const passes = createPasses();
  const list = async (
    orgId: string,
    { views, asksAnew, orgIds, org }: Asking,
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> => {
    const page = Number(query.get('page') ?? 1);
    const take = Number(query.get('take') ?? MAX_TAKE);
    if (!Number.isInteger(page) || page < 1 || !Number.isInteger(take) || take < 1 || take > MAX_TAKE)
      return refuse(response, 400);
    const term = query.get('search')?.toLowerCase();
    const all = org.ids;
    const found = term ? all.filter((id) => `support assistant ${id}`.includes(term)) : all;
    const fault = faults.next('list', undefined, orgIds);
    const failure = failureOf(views, { page, take });
    if (failure !== undefined) return refuse(response, failure);
    const shown = showPage(views, found, { page, take }, passes.next(orgId, page));
    return answer(response, fault, views, {
      headers: shown.headers,
      body: () =>
        JSON.stringify(
          shown.records.map(({ id, otherKey }) => showListed(id, otherKey, fault, views, asksAnew)),
        ),
    });
  };

  const showListed = (
    id: string,
    otherKey: boolean,
    fault: Fault | undefined,
    views: readonly View[],
    asksAnew: boolean,
  ): Record<string, unknown> => {
    // The usual case, with one look at the world.
    if (views.length === 0) return show(id, fault);
    const record = otherKey || !world.find(id) ? recordOf(world, id, otherKey) : show(id, fault);
    return showRecord(world, views, id, record, asksAnew);
  };

  /** The record from before a rotate takes effect, or from still more changes ago. */
  const recordBefore = (assistantId: string, { changesBack }: Fault): Record<string, unknown> => {
    const record = renderRecord(assistantId, world.find(assistantId)!);
    if (changesBack === 0) return record;
    const then = (world.history.get(assistantId) ?? []).at(-1 - changesBack);
    return then
      ? { ...record, secret_key: then.secretKey, deleted: then.deleted, updated_at: then.updatedAt }
      : record;
  };

  /** The record as it is, or as the fault has it seen. */
  const show = (assistantId: string, fault: Fault | undefined): Record<string, unknown> => {
    const state = world.find(assistantId)!;
    const record = renderRecord(assistantId, state);
    switch (fault?.kind) {
      case 'nullKey':
        return { ...record, secret_key: null };
      case 'staleRead':
        return { ...record, secret_key: state.previousKey };
      case 'laggingRead': {
        const then = world.asOf(assistantId, preciseNowMs() - fault.delayMs);
        return then
          ? { ...record, secret_key: then.secretKey, deleted: then.deleted, updated_at: then.updatedAt }
          : record;
      }
      default:
        return record;
    }
  };

  /** Does what was asked and answers it, or what the fault makes of that. */
  const answer = async (
    response: ServerResponse,
    fault: Fault | undefined,
    views: readonly View[],
    { act = () => {}, body, headers }: Work,
  ): Promise<void> => {
    const retryAfter =
      fault?.retryAfterDateMs === undefined
        ? fault?.retryAfter
        : new Date(skewedNowMs(views) + fault.retryAfterDateMs).toUTCString();
    switch (fault?.kind) {
      case undefined:
        act();
        return send(response, 200, body(), headers);
      case 'failBefore':
        if (fault.location !== undefined) response.setHeader('location', fault.location);
        return refuse(response, fault.status ?? 500, retryAfter);
      case 'failAfter':
        act(isRefusal(fault.status) ? 'denied' : 'request');
        if (fault.location !== undefined) response.setHeader('location', fault.location);
        return refuse(response, fault.status ?? 500, retryAfter);
      case 'loseConnectionBefore':
        return void response.destroy();
      case 'loseResponseAfterCommit':
        act();
        return void response.destroy();
      case 'hangBefore':
        // Nothing more comes of it, however long its caller waits.
        return;
      case 'hangAfterCommit':
        act();
        return;
      case 'truncateBody': {
        act();
        const whole = Buffer.from(body());
        response.writeHead(fault.status ?? 200, {
          'content-type': 'application/json',
          'content-length': whole.length,
          ...headers,
        });
        response.write(whole.subarray(0, whole.length / 2), () => response.destroy());
        return;
      }
      case 'commitLate':
        response.destroy();
        await sleep(fault.delayMs);
        act();
        return;
      case 'garble':
        act();
        return send(response, fault.status ?? 200, fault.body, headers);
      case 'staleAnswer':
        if (fault.takesEffect) act();
        return send(response, 200, body(), headers);
      case 'nullKey':
      case 'staleRead':
      case 'laggingRead':
        return send(response, 200, body(), headers);
    }
  };

  const server = createServer((request, response) => {
    request.resume();
    handle(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  return server;
};

/** What a caller has to take for the word that nothing was done. */
const isRefusal = (status = 500): boolean => [400, 401, 403, 404, 429].includes(status);

/**
 * How a request is seen: the views that hit it, whether it passes by caches, the names of its org, and the
 * org that stands behind them.
 */
interface Asking {
  views: readonly View[];
  asksAnew: boolean;
  orgIds: readonly string[];
  org: Org;
}

/** What a request asks for: its effect, and the answer to it as of then. */
interface Work {
  act?: (by?: 'request' | 'denied') => void;
  body: () => string;
  headers?: Record<string, number | string>;
}

type Route = { on: 'rotate' | 'get'; orgId: string; assistantId: string } | { on: 'list'; orgId: string };

const readRoute = (method: string, path: string): Route | undefined => {
  const [root, orgs, org, assistants, assistant, action, ...more] = path.split('/').map(decode);
  if (root !== '' || orgs !== 'orgs' || !org || assistants !== 'assistants' || more.length > 0)
    return undefined;
  if (assistant === undefined) return method === 'GET' ? { on: 'list', orgId: org } : undefined;
  if (action === undefined)
    return method === 'GET' ? { on: 'get', orgId: org, assistantId: assistant } : undefined;
  return method === 'POST' && action === 'rotate-secret-key'
    ? { on: 'rotate', orgId: org, assistantId: assistant }
    : undefined;
};

const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

const send = (
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, number | string> = {},
): void => {
  const bytes = encodeBody(Buffer.from(body), String(response.getHeader('content-encoding') ?? ''));
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers })
    .end(bytes);
};

const refuse = (response: ServerResponse, status: number, retryAfter?: string): void => {
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
  send(response, status, JSON.stringify({ statusCode: status }));
};
