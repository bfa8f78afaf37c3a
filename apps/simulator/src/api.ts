import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Faults } from './faults.ts';
import { renderRecord } from './record.ts';
import type { RequestLimit } from './request-limit.ts';
import type { World } from './world.ts';

/** What the API was asked, for tests to count. */
export interface Counts {
  rotate: number;
  get: number;
  list: number;
  /** Answered 429. */
  limited: number;
  /** Answered 401 or 403. */
  refused: number;
  /** How often a rotate request for an assistant came while another was at work. */
  concurrentRotates: number;
}

export interface ApiOptions {
  world: World;
  faults: Faults;
  limit: RequestLimit;
  counts: Counts;
  latencyMs: number;
  /** How a 429 says when to come again. */
  retryAfter: 'seconds' | 'date' | 'none';
}

const MAX_TAKE = 100;

/** Invent's API as far as Rekey uses it: rotate, GET and LIST of assistants, bearer keys, the alias `c`, the request limit. */
export const createApi = (options: ApiOptions): Server => {
  const { world, faults, limit, counts, latencyMs } = options;
  const atWork = new Set<string>();

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path, query = ''] = (request.url ?? '').split('?') as [string, string?];
    const waitMs = limit.take(request.socket.remoteAddress ?? '', performance.now());
    if (waitMs > 0) {
      counts.limited += 1;
      const seconds = Math.ceil(waitMs / 1000);
      if (options.retryAfter === 'seconds') response.setHeader('retry-after', seconds);
      if (options.retryAfter === 'date') response.setHeader('retry-after', new Date(Date.now() + seconds * 1000).toUTCString());
      return refuse(response, 429);
    }
    if (latencyMs > 0) await sleep(latencyMs);

    const access = world.orgsOf(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    const route = readRoute(request.method ?? '', path);
    if (!access || !route) {
      if (!access) counts.refused += 1;
      return refuse(response, access ? 404 : 401);
    }
    const orgId = route.orgId === 'c' ? access.own : route.orgId;
    if (!world.orgExists(orgId)) return refuse(response, 404);
    if (!access.may.has(orgId)) {
      counts.refused += 1;
      return refuse(response, 403);
    }
    counts[route.on] += 1;
    if (route.on === 'list') return list(orgId, new URLSearchParams(query), response);
    if (world.find(route.assistantId)?.orgId !== orgId) return refuse(response, 404);
    if (route.on === 'get') return answer(route.assistantId, response, faults.next('get', route.assistantId), () => {});
    if (atWork.has(route.assistantId)) counts.concurrentRotates += 1;
    atWork.add(route.assistantId);
    try {
      await answer(route.assistantId, response, faults.next('rotate', route.assistantId), () => world.rotate(route.assistantId));
    } finally {
      atWork.delete(route.assistantId);
    }
  };

  const list = (orgId: string, query: URLSearchParams, response: ServerResponse): void => {
    const fault = faults.next('list', undefined);
    if (fault) return refuse(response, fault.status ?? 500, fault.retryAfter);
    const page = Number(query.get('page') ?? 1);
    const take = Number(query.get('take') ?? MAX_TAKE);
    if (!Number.isInteger(page) || page < 1 || !Number.isInteger(take) || take < 1 || take > MAX_TAKE) return refuse(response, 400);
    const term = query.get('search')?.toLowerCase();
    const all = world.assistantIds(orgId);
    const found = term ? all.filter((id) => `support assistant ${id}`.includes(term)) : all;
    const records = found.slice((page - 1) * take, page * take).map((id) => renderRecord(id, world.find(id)!));
    response.setHeader('pagination-count', found.length);
    response.setHeader('pagination-page', page);
    response.setHeader('pagination-take', take);
    send(response, 200, JSON.stringify(records));
  };

  /** Does what was asked and answers the record, or what the fault makes of that. */
  const answer = async (assistantId: string, response: ServerResponse, fault: Fault | undefined, act: () => void): Promise<void> => {
    const record = () => JSON.stringify(renderRecord(assistantId, world.find(assistantId)!));
    switch (fault?.kind) {
      case undefined:
        act();
        return send(response, 200, record());
      case 'failBefore':
        return refuse(response, fault.status ?? 500, fault.retryAfter);
      case 'failAfter':
        act();
        return refuse(response, fault.status ?? 500, fault.retryAfter);
      case 'loseConnectionBefore':
        return void response.destroy();
      case 'loseResponseAfterCommit':
        act();
        return void response.destroy();
      case 'hangBefore':
        return void (await gone(response));
      case 'hangAfterCommit':
        act();
        return void (await gone(response));
      case 'truncateBody': {
        act();
        const body = Buffer.from(record());
        response.writeHead(fault.status ?? 200, { 'content-type': 'application/json', 'content-length': body.length });
        response.write(body.subarray(0, body.length / 2), () => response.destroy());
        return;
      }
      case 'commitLate':
        response.destroy();
        await sleep(fault.delayMs);
        act();
        return;
      case 'garble':
        act();
        return send(response, fault.status ?? 200, fault.body);
      case 'nullKey':
        return send(response, 200, JSON.stringify({ ...JSON.parse(record()), secret_key: null }));
      case 'staleRead':
        return send(response, 200, JSON.stringify({ ...JSON.parse(record()), secret_key: world.find(assistantId)!.previousKey }));
    }
  };

  const server = createServer((request, response) => {
    request.resume();
    handle(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  return server;
};

type Route = { on: 'rotate' | 'get'; orgId: string; assistantId: string } | { on: 'list'; orgId: string };

const readRoute = (method: string, path: string): Route | undefined => {
  const [root, orgs, org, assistants, assistant, action, ...more] = path.split('/').map(decode);
  if (root !== '' || orgs !== 'orgs' || !org || assistants !== 'assistants' || more.length > 0) return undefined;
  if (assistant === undefined) return method === 'GET' ? { on: 'list', orgId: org } : undefined;
  if (action === undefined) return method === 'GET' ? { on: 'get', orgId: org, assistantId: assistant } : undefined;
  return method === 'POST' && action === 'rotate-secret-key' ? { on: 'rotate', orgId: org, assistantId: assistant } : undefined;
};

const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

const gone = (response: ServerResponse) => new Promise((resolve) => response.once('close', resolve));

const send = (response: ServerResponse, status: number, body: string): void => {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
};

const refuse = (response: ServerResponse, status: number, retryAfter?: string): void => {
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
  send(response, status, JSON.stringify({ statusCode: status }));
};
