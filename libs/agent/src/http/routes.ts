import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AgentKeys } from '../keys/agent-keys.ts';
import type { Report } from '../report/report.ts';
import { Refusal, refuse, sendJson } from './answer.ts';
import type { EventStreams } from './event-streams.ts';
import type { Guard } from './guard.ts';
import { readBody } from './read-body.ts';
import type { RequestCounts } from './request-counts.ts';
import { userHashAnswer } from './user-hash.ts';

interface RoutesDeps {
  keys: AgentKeys;
  /** Whether GET /v1/assistants/{id} answers with keys. */
  serveKeys: boolean;
  streams: EventStreams;
  report: Report;
  counts: RequestCounts;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const ASSISTANTS = '/v1/assistants/';
const USER_HASH = '/user-hash';

export const createRoutes = (deps: RoutesDeps, guard: Guard): Handler => {
  const { keys, counts } = deps;
  const fail = (route: string, request: IncomingMessage, response: ServerResponse, error: unknown): void => {
    const refusal =
      error instanceof Refusal ? error : new Refusal(500, 'INTERNAL', 'the request could not be answered');
    counts.add(route, refusal.status);
    if (!response.headersSent) refuse(request, response, refusal);
    else response.destroy();
  };
  const answerUserHash = (id: string, request: IncomingMessage, response: ServerResponse): void => {
    readBody(
      request,
      (body) => {
        try {
          const json = userHashAnswer(keys, idOf(id), body);
          counts.add('user-hash', 200);
          sendJson(response, 200, json);
        } catch (error) {
          fail('user-hash', request, response, error);
        }
      },
      (refusal) => fail('user-hash', request, response, refusal),
    );
  };

  return (request, response) => {
    const url = request.url ?? '';
    const isOpen = url === '/healthz' || url === '/metrics';
    try {
      guard(request, response, !isOpen);
      if (url.startsWith(ASSISTANTS) && url.endsWith(USER_HASH)) {
        requireMethod(request, 'POST');
        return answerUserHash(url.slice(ASSISTANTS.length, -USER_HASH.length), request, response);
      }
      answerOthers(deps, url, request, response);
    } catch (error) {
      fail(routeOf(url), request, response, error);
    }
  };
};

const answerOthers = (
  { keys, serveKeys, streams, report, counts }: RoutesDeps,
  url: string,
  request: IncomingMessage,
  response: ServerResponse,
): void => {
  const route = routeOf(url);
  if (route === 'other') throw new Refusal(404, 'NOT_FOUND', 'there is no such path');
  requireMethod(request, 'GET');
  if (route === 'events') {
    streams.open(response);
    counts.add(route, 200);
    return;
  }
  if (route === 'metrics') {
    counts.add(route, 200);
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(report.metrics());
    return;
  }
  if (route === 'healthz') {
    const { isHealthy, json } = report.health();
    counts.add(route, isHealthy ? 200 : 503);
    return sendJson(response, isHealthy ? 200 : 503, json);
  }
  if (!serveKeys)
    throw new Refusal(403, 'KEYS_NOT_SERVED', 'this agent does not serve keys (http.serve_keys)');
  const { assistantId, orgId, version, secretKey, uncertain, updatedAt } = keys.get(
    idOf(url.slice(ASSISTANTS.length)),
  );
  const fields = { assistant_id: assistantId, org_id: orgId, version, secret_key: secretKey, uncertain };
  const json = JSON.stringify({ ...fields, updated_at: updatedAt });
  counts.add(route, 200);
  sendJson(response, 200, `${json.slice(0, -1)},${keys.ageFields()}}`);
};

/** Few, whatever callers ask for: they are labels of metrics. */
const routeOf = (url: string): string => {
  if (url.startsWith(ASSISTANTS)) return url.endsWith(USER_HASH) ? 'user-hash' : 'assistant';
  return ROUTES.get(url) ?? 'other';
};
const ROUTES = new Map([
  ['/v1/events', 'events'],
  ['/healthz', 'healthz'],
  ['/metrics', 'metrics'],
]);

const requireMethod = ({ method }: IncomingMessage, allowed: string): void => {
  if (method !== allowed)
    throw new Refusal(405, 'METHOD_NOT_ALLOWED', `the method must be ${allowed}`, { allow: allowed });
};

/** The id in a path, percent-encoded or not. One with a `/`, or longer than any id, is refused. */
const idOf = (part: string): string => {
  if (!part.includes('%')) {
    if (part === '' || part.length > 256 || /[/?#]/.test(part)) throw badId();
    return part;
  }
  try {
    const id = decodeURIComponent(part);
    if (part.length <= 3 * 256 && !/[/?#]/.test(part)) return id;
  } catch {
    // Refused below.
  }
  throw badId();
};
const badId = (): Refusal =>
  new Refusal(400, 'INVALID_ARGUMENT', 'the path must contain the id of an assistant, percent-encoded');
