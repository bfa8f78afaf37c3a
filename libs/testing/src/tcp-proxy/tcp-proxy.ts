import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { freePort } from '../processes/free-port.ts';
import { createHooks } from './hooks.ts';
import { createLink, pause, reset, resume, type Link } from './link.ts';

export interface TcpProxy {
  /** The port that it listens on, on 127.0.0.1. */
  readonly port: number;
  /** Resets all connections on both sides; new ones are accepted. */
  cut(): void;
  /**
   * While on, connections stay open, but no further byte passes either way, and new connections get nothing.
   * The close of a side is not passed on either. When off again, the held bytes flow, even those of a side
   * that has ended since: so a command of a process that died long ago still reaches its target.
   */
  stall(on: boolean): void;
  /**
   * From now on no byte of the currently open connections passes either way, and neither side is notified, as
   * if a router had forgotten them. New connections work. `cut` and `close` still reset them.
   */
  strand(): void;
  /** From now on each connection passes at most this many bytes per second each way, like a slow network. */
  throttle(bytesPerSecond: number): void;
  /** While on, new connections are refused (ECONNREFUSED), and the existing ones have been cut. */
  refuse(on: boolean): void;
  /**
   * Calls `act` once, when `pattern` (or one of several) appears in the bytes of one client connection, even
   * if it is split over chunks.
   * - before: drops the chunk that completes the pattern.
   * - after: forwards the chunk, and what the client sends next (the rest of a long command); drops the first
   *   bytes that the target sends from then on. A connection that ends before them leaves the hook armed.
   * - held: forwards the chunk, and what the client sends next; holds the target's bytes while `act` runs,
   *   and forwards them afterwards. The connection survives.
   *
   * While `act` runs, that connection is blocked, except for what the client still sends with `after`: that
   * reaches the target, so that `act` can wait for the effect of the matched command. Then the connection is
   * destroyed (not with `held`). Other connections continue. Resolves after that; rejects if `act` does. A
   * hook that never matches, or whose proxy is closed, never settles.
   *
   * A Redis client pipelines, so a chunk is not a command. With `before`, earlier commands in the same chunk
   * are dropped too, those of earlier chunks have reached Redis, and a command that was cut in two never
   * runs. With `after`, the first bytes may answer an earlier command: Redis has certainly executed the
   * matched one only if no other command was pending on that connection, or if `act` waits for its effect.
   * Redis has also received what follows it in the chunk.
   */
  once(
    pattern: string | Buffer | readonly string[],
    when: 'before' | 'after' | 'held',
    act: () => void | Promise<void>,
  ): Promise<void>;
  /** Cuts all connections and stops listening. */
  close(): Promise<void>;
}

interface TcpProxyOptions {
  /** The target's host; 127.0.0.1 by default. */
  host?: string;
  /** The target's port. */
  port: number;
  /** The port to listen on, on 127.0.0.1; a free one by default. */
  listenPort?: number;
}

const RELISTEN_AFTER_MS = 20;

/** How the proxy treats all links at present. */
interface Traffic {
  stalled: boolean;
  bytesPerSecond: number;
}

/** A TCP proxy that simulates network faults. It passes bytes unchanged, and parses nothing. */
export const createTcpProxy = async ({
  host = '127.0.0.1',
  port: targetPort,
  listenPort,
}: TcpProxyOptions): Promise<TcpProxy> => {
  const links = new Set<Link>();
  const traffic: Traffic = { stalled: false, bytesPerSecond: Infinity };
  const resumeUnlessStalled = (link: Link): void => {
    if (!traffic.stalled) resume(link);
  };
  const hooks = createHooks(resumeUnlessStalled);
  const cut = (): void => links.forEach(reset);

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const target = connect({ host, port: targetPort, allowHalfOpen: true });
    const link = createLink(client, target);
    const relay = createRelay(link, traffic, {
      resume: () => resumeUnlessStalled(link),
      onClosed: () => links.delete(link),
    });
    links.add(link);
    if (traffic.stalled) pause(link);
    relay(client, target, (chunk) => hooks.passesToTarget(link, chunk));
    relay(target, client, () => hooks.passesToClient(link));
    if (listener.refusing()) reset(link);
  });
  const listener = await listen(server, listenPort ?? (await freePort()));
  const refuse = (on: boolean): void => {
    if (listener.refuse(on) && on) cut();
  };

  return {
    port: listener.port,
    cut,
    stall: (on) => {
      traffic.stalled = on;
      for (const link of links) {
        if (on) pause(link);
        else if (link.broken && !link.stranded) reset(link);
        else resume(link);
      }
    },
    strand: () => {
      for (const link of links) {
        link.stranded = true;
        pause(link);
      }
    },
    throttle: (rate) => {
      traffic.bytesPerSecond = rate;
    },
    refuse,
    once: (pattern, when, act) =>
      new Promise((settle) => {
        const patterns = typeof pattern === 'string' || Buffer.isBuffer(pattern) ? [pattern] : pattern;
        hooks.arm({ patterns: patterns.map((one) => Buffer.from(one as string)), when, act, settle });
      }),
    close: () => {
      refuse(true);
      return listener.close();
    },
  };
};

type Relay = (from: Socket, to: Socket, passes: (chunk: Buffer) => boolean) => void;

/** Returns a function that forwards what one side of a link sends to the other, as far as `passes` allows. */
const createRelay = (
  link: Link,
  traffic: Traffic,
  { resume: resumeLink, onClosed }: { resume: () => void; onClosed: () => void },
): Relay => {
  /** Stops reading from a side until the bytes of this chunk have had their time. */
  const slowDown = (from: Socket, bytes: number): void => {
    link.throttled.add(from);
    from.pause();
    const continueReading = () => {
      link.throttled.delete(from);
      resumeLink();
    };
    setTimeout(continueReading, (bytes / traffic.bytesPerSecond) * 1000).unref();
  };
  return (from, to, passes) => {
    from.setNoDelay(true);
    from.on('data', (chunk: Buffer) => {
      if (passes(chunk) && !to.write(chunk)) from.pause();
      if (traffic.bytesPerSecond < Infinity) slowDown(from, chunk.length);
    });
    to.on('drain', resumeLink);
    from.on('end', () => link.stranded || to.end());
    // `close` says that there was an error.
    from.on('error', () => {});
    from.on('close', (failed: boolean) => {
      if (failed) link.broken = true;
      if (failed && !traffic.stalled && !link.stranded) reset(link);
      if (to.destroyed) onClosed();
    });
  };
};

interface Listener {
  readonly port: number;
  refusing(): boolean;
  /** Stops or starts listening on the port; false if there is nothing to change. */
  refuse(on: boolean): boolean;
  close(): Promise<void>;
}

const listen = async (server: Server, wantedPort: number): Promise<Listener> => {
  let port = wantedPort;
  let refusing = false;
  let relisten: NodeJS.Timeout | undefined;
  let closing: Promise<void> | undefined;
  const start = () => server.listen(port, '127.0.0.1');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    start();
  });
  port = (server.address() as AddressInfo).port;
  // While the port was free, the system may have assigned it to an outgoing connection of another process.
  server.on('error', () => {
    relisten = setTimeout(() => !refusing && start(), RELISTEN_AFTER_MS);
  });
  return {
    port,
    refusing: () => refusing,
    refuse: (on) => {
      if (on === refusing || closing) return false;
      refusing = on;
      clearTimeout(relisten);
      if (on) server.close();
      else start();
      return true;
    },
    close: () => (closing ??= new Promise((resolve) => server.close(() => resolve()))),
  };
};
