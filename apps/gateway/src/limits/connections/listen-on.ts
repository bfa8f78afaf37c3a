import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { isLoopbackHost } from '@rekey/schema';

/**
 * One round of the event loop accepts one connection from each socket that listens: libuv does not accept in
 * a loop. With a single socket, each connection of a flood would wait for a round of its own. The kernel
 * distributes new connections among the sockets of a port.
 */
const SOCKETS = process.platform === 'linux' ? 32 : 1;
/**
 * Connections that the kernel holds for each socket until this process accepts them, if
 * `net.core.somaxconn` allows as many. Beyond it, the kernel drops packets, and a client sends them again
 * after 200 ms, or after a second.
 */
const BACKLOG = 256;

export interface Listener {
  port: number;
  /** Accepts no further connections. */
  close(): void;
}

type Resolve = (host: string) => Promise<{ address: string }[]>;
const resolveAll: Resolve = (host) => lookup(host, { all: true });

/** Whoever listens on loopback may need no access file: then no other machine may reach it. */
const refuseOthers = (hostname: string, hosts: readonly { address: string }[]): void => {
  const other = hosts.find(
    ({ address }) => !isLoopbackHost(address.includes(':') ? `[${address}]` : address),
  );
  if (isLoopbackHost(hostname) && other !== undefined)
    throw Object.assign(new Error(`${hostname} resolves to ${other.address}, which is not on loopback`), {
      code: 'NOT_LOOPBACK',
    });
};

const listen = async (
  options: { host: string; port: number; reusePort: boolean },
  onConnection?: (socket: Socket) => void,
): Promise<Server> => {
  const server = createServer(onConnection);
  server.listen({ ...options, backlog: BACKLOG });
  await once(server, 'listening');
  return server;
};

/** The sockets of a port share it with each other, and would with a second gateway: it has to be free. */
const refusePortInUse = async (host: string, port: number): Promise<void> => {
  if (port === 0) return;
  const server = await listen({ host, port, reusePort: false });
  server.close();
  await once(server, 'close');
};

const closeAll = (servers: readonly Server[]): void => {
  for (const server of servers) server.close();
};

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** The sockets of one address: fewer where the system or Node cannot share a port. */
const listenOnSockets = async (
  host: string,
  port: number,
  onConnection: (socket: Socket) => void,
): Promise<Server[]> => {
  await refusePortInUse(host, port);
  const first = await listen({ host, port, reusePort: SOCKETS > 1 }, onConnection).catch(() =>
    listen({ host, port, reusePort: false }, onConnection),
  );
  const others = { host, port: portOf(first), reusePort: true };
  const servers = [first];
  while (servers.length < SOCKETS) {
    const next = await listen(others, onConnection).catch(() => undefined);
    if (next === undefined) break;
    servers.push(next);
  }
  return servers;
};

/**
 * Listens on every address of the host of `HOST:PORT`. Rejects only if it can listen on none of them. grpc-js
 * would listen with a backlog of 511.
 */
export const listenOn = async (
  address: string,
  onConnection: (socket: Socket) => void,
  resolve: Resolve = resolveAll,
): Promise<Listener> => {
  const { hostname, port } = new URL(`http://${address}`);
  const hosts = await resolve(hostname.replace(/^\[|\]$/g, '')).catch(() => {
    throw new Error(`Name resolution failed for ${hostname}`);
  });
  refuseOthers(hostname, hosts);
  const servers: Server[] = [];
  let bound = Number(port || 80);
  let failure: unknown;
  for (const { address: host } of hosts) {
    try {
      servers.push(...(await listenOnSockets(host, bound, onConnection)));
      bound = portOf(servers[0]!);
    } catch (error) {
      failure ??= error;
    }
  }
  if (servers.length === 0) throw failure;
  return { port: bound, close: () => closeAll(servers) };
};
