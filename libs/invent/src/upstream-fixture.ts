import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { singleApiKey } from './api-keys.ts';
import { createInventClient, type InventClient, type InventClientOptions } from './client.ts';

export const closers: (() => unknown)[] = [];
/** Closes what a spec has opened. Call it after each spec. */
export const closeAll = async (): Promise<void> => {
  for (const close of closers.splice(0).toReversed()) await close();
};

const listen = async (server: Server): Promise<URL> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
};

/** An HTTP server. `requests` holds what it received. */
export const httpServer = async (answer: RequestListener) => {
  const requests: IncomingMessage[] = [];
  const server = createHttpServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { baseUrl: await listen(server), requests };
};

/** A plain TCP server, for answers that no HTTP server gives. */
export const tcpServer = async (onData: (socket: Socket, text: string) => void) => {
  const sockets = new Set<Socket>();
  const received: string[] = [];
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      received.push(data.toString());
      onData(socket, data.toString());
    });
  });
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { baseUrl: await listen(server), received, sockets };
};

export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await setTimeout(5);
};

export const clientOf = (baseUrl: URL, options: Partial<InventClientOptions> = {}): InventClient => {
  const client = createInventClient({
    baseUrl,
    apiKeys: singleApiKey('key-1'),
    timeoutMs: 2000,
    connections: 4,
    ...options,
  });
  closers.push(() => client.close());
  return client;
};

export const target = { orgId: 'org_1', assistantId: 'ast_1' };
export const record = (more: object = {}) =>
  JSON.stringify({
    id: 'ast_1',
    name: 'n',
    enabled: true,
    deleted: false,
    secret_key: 'sk_1',
    avatar_url: null,
    config: {},
    integrations: [],
    actions: [],
    created_at: null,
    updated_at: null,
    ...more,
  });
export const answering =
  (status: number, body = '{}', headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(body);
