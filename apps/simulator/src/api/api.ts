import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ApiOptions } from './api-options.ts';
import { followRotates } from './concurrent-rotates.ts';
import { refuse } from './respond.ts';
import { readRoute } from './route.ts';
import { createServing } from './serve.ts';

/**
 * The part of Invent's API that Rekey uses: rotate, GET and LIST of assistants, bearer keys, the alias `c`,
 * and the request limit.
 */
export const createApi = (options: ApiOptions): Server => {
  const { limit, counts } = options;
  const serve = createServing(options);
  const follow = followRotates((assistantId) => {
    counts.concurrentRotates += 1;
    options.onConcurrent?.(assistantId);
  });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path, query = ''] = (request.url ?? '').split('?') as [string, string?];
    const waitMs = limit.take(request.socket.remoteAddress ?? '', performance.now());
    if (waitMs > 0) {
      counts.limited += 1;
      return refuse(response, 429, retryAfterOf(options.retryAfter, waitMs));
    }
    const route = readRoute(request.method ?? '', path);
    const serving = serve(route, new URLSearchParams(query), request, response);
    return route?.on === 'rotate' ? follow(route.assistantId, serving) : serving;
  };

  const server = createServer((request, response) => {
    request.resume();
    handle(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  return server;
};

const retryAfterOf = (form: ApiOptions['retryAfter'], waitMs: number): string | undefined => {
  const seconds = Math.ceil(waitMs / 1000);
  switch (form) {
    case 'seconds':
      return String(seconds);
    case 'date':
      return new Date(Date.now() + seconds * 1000).toUTCString();
    case 'none':
      return undefined;
  }
};
