import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { listenFailure } from '@rekey/runtime';
import { once } from 'node:events';

export interface Listener {
  /** Where it listens, for people. */
  readonly address: string;
  readonly connections: number;
  /** Connections beyond the limit, and those that were closed for others because they had shown no token. */
  readonly refused: number;
  /** The client of a connection has shown the token. */
  prove(socket: Socket): void;
  /** Answers the requests that have arrived, and no others. */
  close(withinMs: number): Promise<void>;
}

const LIMITS = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 60_000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16 * 1024,
};
const MAX_HEADERS = 100;
const BUSY_BODY =
  '{"error":{"reason":"TOO_MANY_CONNECTIONS","message":"max_connections has been reached"}}\n';
const BUSY =
  'HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n' +
  `connection: close\r\ncontent-length: ${Buffer.byteLength(BUSY_BODY)}\r\n\r\n${BUSY_BODY}`;

/** Connections whose clients have shown no token may be this share of all. */
const UNPROVEN_SHARE = 1 / 4;

interface ServerLimits {
  maxConnections: number;
  /** Everyone can connect: without the token, a connection only lasts until others need its place. */
  needsToken: boolean;
}

export const startServer = async (
  handler: RequestListener,
  { maxConnections, needsToken }: ServerLimits,
  listen: (server: Server) => Promise<string>,
): Promise<Listener> => {
  const server = createServer(LIMITS, handler);
  server.maxHeadersCount = MAX_HEADERS;
  const sockets = new Set<Socket>();
  /** In the order in which they came. */
  const unproven = new Set<Socket>();
  const maxUnproven = Math.ceil(maxConnections * UNPROVEN_SHARE);
  let refused = 0;
  const makeRoom = (): void => {
    if (unproven.size < maxUnproven && sockets.size < maxConnections) return;
    for (const oldest of unproven) {
      refused += 1;
      forget(oldest);
      oldest.destroy();
      return;
    }
  };
  const forget = (socket: Socket): void => {
    sockets.delete(socket);
    unproven.delete(socket);
  };
  const [accept] = server.listeners('connection') as [(socket: Socket) => void];
  server.removeListener('connection', accept);
  server.on('connection', (socket) => {
    makeRoom();
    if (sockets.size >= maxConnections) {
      refused += 1;
      socket.on('error', () => {});
      socket.end(BUSY, () => socket.destroy());
      return;
    }
    sockets.add(socket);
    if (needsToken) unproven.add(socket);
    socket.once('close', () => forget(socket));
    accept.call(server, socket);
  });
  const address = await listen(server);
  const close = async (withinMs: number): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    // Connections that become idle only now.
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    const late = setTimeout(() => server.closeAllConnections(), withinMs);
    await closed;
    clearTimeout(late);
    clearInterval(idle);
  };
  let closing: Promise<void> | undefined;
  return {
    address,
    get connections() {
      return sockets.size;
    },
    get refused() {
      return refused;
    },
    prove: (socket) => void unproven.delete(socket),
    close: (withinMs) => (closing ??= close(withinMs)),
  };
};

/** Listens on HOST:PORT. Rejects with a StartError. */
export const listenOnLoopback = async (server: Server, address: string): Promise<string> => {
  const { hostname, port } = new URL(`http://${address}`);
  server.listen(Number(port || 80), hostname.replace(/^\[|\]$/g, ''));
  await once(server, 'listening').catch(async (error: unknown) => {
    throw await listenFailure(error, { address, variable: 'http.loopback.address' });
  });
  const bound = server.address();
  return typeof bound === 'object' && bound ? `${hostname}:${bound.port}` : address;
};
