import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A plain HTTP server with one path: GET /healthz answers 200 or 503. For processes that serve nothing else. */
export const startHealthServer = async (address: string, healthy: () => Promise<boolean>): Promise<{ address: string; close(): Promise<void> }> => {
  const server = createServer((request, response) => {
    if (request.url !== '/healthz' || request.method !== 'GET') {
      response.writeHead(404).end();
      return;
    }
    void healthy().then((ok) => response.writeHead(ok ? 200 : 503, { 'content-type': 'text/plain' }).end(ok ? 'SERVING\n' : 'NOT_SERVING\n'));
  });
  const { hostname, port } = new URL(`http://${address}`);
  server.listen(Number(port || 80), hostname.replace(/^\[|\]$/g, ''));
  await once(server, 'listening');
  const bound = server.address() as AddressInfo;
  return {
    address: `${hostname}:${bound.port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
