import { setTimeout as sleep } from 'node:timers/promises';
import { createTcpProxy, startRedis, type RedisServer, type TcpProxy } from '@rekey/testing';
import { Redis } from 'ioredis';
import { createRedisConnections, type RedisConnections } from './connections.ts';
import type { RedisStatusListener } from './status-listener.ts';

/** A Redis behind a proxy, and what the connections to it report. */
export interface Stage {
  readonly server: RedisServer;
  readonly proxy: TcpProxy;
  /** A connection past the proxy. */
  readonly admin: Redis;
  /** The connections through the proxy. */
  readonly connections: RedisConnections;
  /** What the listener received, a line for each call. */
  readonly reported: string[];
  /** Further connections, which `close` closes. */
  connectionsTo(url: string, options?: { acceptReplicas?: boolean }): RedisConnections;
  /** A plain connection, which `close` closes. */
  open(url: string): Redis;
  /** Another Redis, which `close` ends. */
  start(...args: string[]): Promise<RedisServer>;
  /** Ends the started Redis with the stage. */
  own(server: RedisServer): RedisServer;
  /** Directs the address of the proxy to another port. */
  redirect(port: number): Promise<void>;
  until(isSo: () => boolean | Promise<boolean>, withinMs?: number): Promise<void>;
  ready(redis: Redis): Promise<Redis>;
  /** Makes the Redis a replica, unnoticed by its clients, and waits until it follows its primary. */
  demote(): Promise<RedisServer>;
  /** A figure of `INFO stats`. */
  stat(name: string): Promise<number>;
  close(): Promise<void>;
}

export const openStage = async (): Promise<Stage> => {
  const server = await startRedis();
  let proxy = await createTcpProxy({ port: server.port });
  const admin = new Redis(server.url);
  const reported: string[] = [];
  const opened: Redis[] = [admin];
  const servers: RedisServer[] = [server];
  const listener = recordingListener(reported);

  const connectionsTo: Stage['connectionsTo'] = (url, options) => {
    const made = createRedisConnections(url, { listener, ...options });
    const connect: RedisConnections['connect'] = (how) => {
      const redis = made.connect(how);
      opened.push(redis);
      return redis;
    };
    return { ...made, connect };
  };
  const until: Stage['until'] = async (isSo, withinMs = 15_000) => {
    for (const endMs = performance.now() + withinMs; !(await isSo()); await sleep(5))
      if (performance.now() > endMs) throw new Error(`never so: ${isSo}; reported: ${reported.join(' | ')}`);
  };
  const own = (other: RedisServer) => {
    servers.push(other);
    return other;
  };
  const start: Stage['start'] = async (...args) => own(await startRedis({ args }));
  return {
    server,
    get proxy() {
      return proxy;
    },
    admin,
    reported,
    connections: connectionsTo(`redis://127.0.0.1:${proxy.port}`),
    connectionsTo,
    open: (url) => {
      const redis = new Redis(url);
      opened.push(redis);
      return redis;
    },
    start,
    own,
    redirect: async (port) => {
      const listenPort = proxy.port;
      await proxy.close();
      proxy = await createTcpProxy({ port, listenPort });
    },
    until,
    ready: async (redis) => {
      await until(() => redis.status === 'ready');
      return redis;
    },
    demote: async () => {
      const other = await start('--repl-diskless-sync-delay', '0');
      await admin.replicaof('127.0.0.1', other.port);
      await until(async () => /master_link_status:up/.test(await admin.info('replication')));
      return other;
    },
    stat: async (name) => Number(new RegExp(`${name}:(\\d+)`).exec(await admin.info('stats'))![1]),
    close: async () => {
      for (const redis of opened) redis.disconnect();
      await proxy.close();
      for (const one of servers) await one.dispose();
    },
  };
};

const recordingListener = (reported: string[]): RedisStatusListener => ({
  onUnavailable: (_connection, reason, error) => reported.push(`${reason}: ${error?.message ?? ''}`),
  onAvailable: () => reported.push('available'),
  onRefused: (error, atStart) =>
    reported.push(`${atStart ? 'refused at start' : 'refused'}: ${error.message}`),
});
