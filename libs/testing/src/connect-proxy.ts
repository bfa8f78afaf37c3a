import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** An HTTP proxy on 127.0.0.1 that opens tunnels (CONNECT) and forwards no other request. */
export interface ConnectProxy {
  readonly port: number;
  /** `HOST:PORT` of each CONNECT, in order. */
  readonly targets: string[];
  /** The headers of each CONNECT, in order. */
  readonly headers: IncomingMessage['headers'][];
  /** The other requests, which it answers with 405. */
  readonly forwarded: string[];
  close(): Promise<void>;
}

export interface ConnectProxyOptions {
  /** The port of 127.0.0.1 to connect to for a target; the port in the target by default. */
  portOf?: (target: string) => number;
  /** Answers every CONNECT with this status, and opens no tunnel; `silent`: never answers. */
  refuseWith?: number | 'silent';
}

export const createConnectProxy = async ({
  portOf = (target) => Number(/\d+$/.exec(target)![0]),
  refuseWith,
}: ConnectProxyOptions = {}): Promise<ConnectProxy> => {
  const sockets = new Set<Socket>();
  const [targets, headers, forwarded]: [string[], IncomingMessage['headers'][], string[]] = [[], [], []];
  const server = createServer((request, response) => {
    forwarded.push(`${request.method} ${request.url}`);
    response.writeHead(405).end();
  });
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  };
  server.on('connection', track);
  server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
    targets.push(request.url!);
    headers.push(request.headers);
    if (refuseWith === 'silent') return;
    if (refuseWith !== undefined)
      return void client.end(`HTTP/1.1 ${refuseWith} Refused\r\ncontent-length: 0\r\n\r\n`);
    const upstream = connect({ host: '127.0.0.1', port: portOf(request.url!) });
    track(upstream);
    upstream.on('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      client.pipe(upstream);
      upstream.pipe(client);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      one.on('close', () => other.destroy());
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    targets,
    headers,
    forwarded,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
