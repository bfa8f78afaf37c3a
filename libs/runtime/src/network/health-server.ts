import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listenFailure } from './listen-failure.ts';

/** A prober connects now and then; whoever connects more often, or sends slowly, holds little. */
const MAX_CONNECTIONS = 1000;
const SLOWEST_REQUEST = { headersTimeout: 5000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 };

/**
 * Starts a plain HTTP server: GET /healthz answers 200 or 503, GET /metrics the Prometheus text format.
 * Rejects with a StartError that names the variable of the address if it cannot listen there.
 */
export const startHealthServer = async (
  { address, variable }: { address: string; variable: string },
  { healthy, metrics }: { healthy: () => Promise<boolean>; metrics: () => Promise<string> },
): Promise<{ address: string; close(): Promise<void> }> => {
  const server = createServer(SLOWEST_REQUEST, (request, response) => {
    const path = request.method === 'GET' ? request.url : '';
    if (path === '/metrics') {
      metrics().then(
        (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text),
        () => response.writeHead(500).end(),
      );
      return;
    }
    if (path !== '/healthz') {
      response.writeHead(404).end();
      return;
    }
    void healthy().then((ok) =>
      response
        .writeHead(ok ? 200 : 503, { 'content-type': 'text/plain' })
        .end(ok ? 'SERVING\n' : 'NOT_SERVING\n'),
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  const { hostname, port } = new URL(`http://${address}`);
  server.listen(Number(port || 80), hostname.replace(/^\[|\]$/g, ''));
  await once(server, 'listening').catch(async (error: unknown) => {
    throw await listenFailure(error, { address, variable });
  });
  const bound = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  let closing: Promise<void> | undefined;
  return { address: `${hostname}:${bound.port}`, close: () => (closing ??= close()) };
};
