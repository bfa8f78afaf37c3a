import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { isLoopbackHost } from '@rekey/schema';

/**
 * Connections that the kernel holds until this process accepts them, if `net.core.somaxconn` allows as many.
 * Beyond it, the kernel drops packets, and a client sends them again after 200 ms, or after a second.
 */
const BACKLOG = 4096;

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
    const server = createServer(onConnection);
    server.listen({ host, port: bound, backlog: BACKLOG });
    await once(server, 'listening').then(
      () => {
        servers.push(server);
        bound = (server.address() as AddressInfo).port;
      },
      (error: unknown) => (failure ??= error),
    );
  }
  if (servers.length === 0) throw failure;
  return {
    port: bound,
    close: () => {
      for (const server of servers) server.close();
    },
  };
};
