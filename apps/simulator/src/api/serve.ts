import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { View } from '../faults/faults.ts';
import { createPasses } from '../views/page-views.ts';
import { showRecord } from '../views/record-views.ts';
import { headersOf, informationalOf } from '../views/response-views.ts';
import type { ApiOptions } from './api-options.ts';
import type { Asking } from './asking.ts';
import { listAssistants } from './list-assistants.ts';
import { openOrg } from './org.ts';
import { answer } from './outcomes.ts';
import { currentRecord, recordBefore } from './records.ts';
import { refuse } from './respond.ts';
import type { Route } from './route.ts';

type Serve = (
  route: Route | undefined,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
) => Promise<void>;

/** Returns a function that serves one request: authorization, views, then the operation. */
export const createServing = (options: ApiOptions): Serve => {
  const { world, faults, counts, latencyMs } = options;
  const passes = createPasses();
  return async (route, query, request, response) => {
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
    prepare(response, views, asksAnew);
    const org = openOrg(world, access, route.orgId, views);
    if (org === 403 || org === 404) {
      if (org === 403) counts.refused += 1;
      return refuse(response, org);
    }
    counts[route.on] += 1;
    const asking: Asking = { views, asksAnew, orgIds, org };
    return route.on === 'list'
      ? listAssistants(options, asking, { orgId: named, query, passes }, response)
      : serveAssistant(options, asking, route, response);
  };
};

/** Sends what precedes any answer: headers that the views set, and informational answers. */
const prepare = (response: ServerResponse, views: readonly View[], asksAnew: boolean): void => {
  for (const [name, value] of Object.entries(headersOf(views, asksAnew))) response.setHeader(name, value);
  for (const status of informationalOf(views)) {
    if (status === 100) response.writeContinue();
    else response.writeEarlyHints({ link: '</style.css>; rel=preload' });
  }
};

/** Reads or rotates one assistant. */
const serveAssistant = async (
  { world, faults }: ApiOptions,
  { views, asksAnew, orgIds, org }: Asking,
  { on, assistantId }: Exclude<Route, { on: 'list' }>,
  response: ServerResponse,
): Promise<void> => {
  if (!org.has(assistantId)) return refuse(response, 404);
  const fault = faults.next(on, assistantId, orgIds);
  const before = fault?.kind === 'staleAnswer' ? recordBefore(world, assistantId, fault) : undefined;
  return answer(response, fault, views, {
    act: (by = 'request') => on === 'rotate' && world.rotate(assistantId, by),
    body: () => {
      const record = before ?? currentRecord(world, assistantId, fault);
      return JSON.stringify(showRecord(world, views, assistantId, record, asksAnew));
    },
  });
};
