import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** Destroys all connections, both sides with a RST; new ones are accepted. */
  cut(): void;
  /**
   * While on: connections stay open, but no further byte passes either way, and new connections get nothing.
   * That a side has closed is not passed on either. When off again, the held bytes flow, also those of a side
   * that has ended since: so a command of a process that is long dead still reaches its target.
   */
  stall(on: boolean): void;
  /**
   * From now on no byte of the connections that are open now passes either way, and nobody is told, as when a
   * machine on the way has forgotten them. New connections work. `cut` and `close` still break them off.
   */
  strand(): void;
  /**
   * From now on each connection passes no more than this many bytes a second each way, as a slow network
   * does.
   */
  throttle(bytesPerSecond: number): void;
  /** While on: new connections are refused (ECONNREFUSED), and the old ones have been cut. */
  refuse(on: boolean): void;
  /**
   * Calls `act` once, when `pattern` is seen in the bytes that one client connection sends, or one of
   * several, also when it is split over chunks.
   * - before: the chunk that completes the pattern is dropped.
   * - after: the chunk is forwarded, and so is what the client sends next (the rest of a long command); the
   *   first bytes that the target sends from then on are dropped. A connection that ends before them leaves
   *   the hook armed.
   * - held: the chunk is forwarded, and so is what the client sends next; what the target sends is held back
   *   while `act` works, and reaches the client then. The connection lives on.
   *
   * While `act` works, that connection stands still, but for what the client still sends with `after`: that
   * reaches the target, so that `act` can wait for what the matched command does. Then it is destroyed (not
   * with `held`). Other connections go on. Resolves after that; rejects when `act` does. A hook that is never
   * hit, or whose proxy is closed, never settles.
   *
   * A Redis client pipelines, so a chunk is not a command. With `before`, earlier commands in the same chunk
   * are dropped too, those of earlier chunks have reached Redis, and a command that was cut in two never
   * runs. With `after`, the first bytes may answer an earlier command: Redis has done the matched one for
   * certain only where no other awaited its answer on that connection, or where `act` waits for what it does.
   * It has also been sent whatever follows it in the chunk.
   */
  once(
    pattern: string | Buffer | readonly string[],
    when: 'before' | 'after' | 'held',
    act: () => void | Promise<void>,
  ): Promise<void>;
  /** Cuts all connections and stops listening. */
  close(): Promise<void>;
}

export interface TcpProxyOptions {
  /** The target's; 127.0.0.1 where not given. */
  host?: string;
  /** The target's. */
  port: number;
  /** On 127.0.0.1; a free one where not given. */
  listenPort?: number;
}

interface Hook {
  /** Any of them. */
  patterns: Buffer[];
  when: 'before' | 'after' | 'held';
  act: () => void | Promise<void>;
  settle: (acted: Promise<void>) => void;
}

/** One client's connection and the one that was made to the target for it. */
interface Link {
  client: Socket;
  target: Socket;
  /** A hook acts on it: no byte passes. */
  held: boolean;
  /** No byte passes any more. */
  stranded: boolean;
  /** A hook of the kind `after` acts on it: what the target sends is dropped. */
  muted: boolean;
  /** A hook of the kind `held` acts on it: what the target sends is not read. */
  heldBack: boolean;
  /** Sides whose bytes came faster than `throttle` allows: they are not read for a while. */
  throttled: Set<Socket>;
  /** One side broke off; the other has not been told while the proxy stalls. */
  broken: boolean;
  /** The last bytes that the client sent, in which a pattern may have begun. Empty while no hook is armed. */
  tail: Buffer;
  /** The hook whose pattern was forwarded, and which waits for an answer. */
  awaiting: Hook | undefined;
}

const NOTHING = Buffer.alloc(0);
const RELISTEN_AFTER_MS = 20;

/** A TCP proxy that makes faults on the wire. It passes bytes as they are, and parses nothing. */
export const createTcpProxy = async ({
  host = '127.0.0.1',
  port: targetPort,
  listenPort = 0,
}: TcpProxyOptions): Promise<TcpProxy> => {
  const links = new Set<Link>();
  const armed = new Set<Hook>();
  let stalled = false;
  let bytesPerSecond = Infinity;
  let refusing = false;
  let port = listenPort;
  let relisten: NodeJS.Timeout | undefined;
  let closing: Promise<void> | undefined;

  const pause = ({ client, target }: Link): void => {
    client.pause();
    target.pause();
  };
  const resume = (link: Link): void => {
    if (stalled || link.held || link.stranded) return;
    const { client, target, throttled } = link;
    if (!target.writableNeedDrain && !throttled.has(client)) client.resume();
    if (!client.writableNeedDrain && !throttled.has(target) && !link.heldBack) target.resume();
  };
  const reset = ({ client, target }: Link): void => {
    for (const socket of [client, target]) {
      // A RST needs a connection; before there is one it would wait for it.
      // And one that is being shut down is not reset by libuv: its handle is lost, and Node waits for it for
      // ever when it exits.
      if (socket.connecting || socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  };
  const cut = (): void => links.forEach(reset);

  const fire = (link: Link, hook: Hook): void => {
    armed.delete(hook);
    switch (hook.when) {
      case 'before':
        link.held = true;
        pause(link);
        break;
      case 'after':
        link.muted = true;
        break;
      case 'held':
        link.heldBack = true;
        link.target.pause();
    }
    const end = () => {
      if (hook.when !== 'held') return reset(link);
      link.heldBack = false;
      resume(link);
    };
    const acting = async (): Promise<void> => {
      try {
        await hook.act();
      } finally {
        end();
      }
    };
    hook.settle(acting());
  };

  const passesToTarget = (link: Link, chunk: Buffer): boolean => {
    if (armed.size === 0) {
      link.tail = NOTHING;
      return true;
    }
    const seen = link.tail.length === 0 ? chunk : Buffer.concat([link.tail, chunk]);
    const isIn = (pattern: Buffer): boolean => {
      const couldBeginAt = link.tail.length - (pattern.length - 1);
      return seen.includes(pattern, Math.max(0, couldBeginAt));
    };
    const hits = [...armed].filter(({ patterns }) => patterns.some(isIn));
    const longest = Math.max(...[...armed].flatMap(({ patterns }) => patterns.map(({ length }) => length)));
    // Copied: a slice would keep the whole chunk in memory.
    link.tail = Buffer.from(seen.subarray(Math.max(0, seen.length - (longest - 1))));

    const before = hits.find(({ when }) => when === 'before');
    if (before) {
      fire(link, before);
      return false;
    }
    const held = hits.find(({ when }) => when === 'held');
    if (held) {
      fire(link, held);
      return true;
    }
    const waits = link.awaiting !== undefined && armed.has(link.awaiting);
    if (!waits) link.awaiting = hits[0];
    return true;
  };
  const passesToClient = (link: Link): boolean => {
    const { awaiting } = link;
    if (link.muted) return false;
    if (!awaiting || !armed.has(awaiting)) return true;
    fire(link, awaiting);
    return false;
  };

  /** Reads no more from a side until the bytes of this chunk have had their time. */
  const slowDown = (link: Link, from: Socket, bytes: number): void => {
    link.throttled.add(from);
    from.pause();
    setTimeout(
      () => {
        link.throttled.delete(from);
        resume(link);
      },
      (bytes / bytesPerSecond) * 1000,
    ).unref();
  };

  const forward = (link: Link, from: Socket, to: Socket, passes: (chunk: Buffer) => boolean): void => {
    from.setNoDelay(true);
    from.on('data', (chunk: Buffer) => {
      if (passes(chunk) && !to.write(chunk)) from.pause();
      if (bytesPerSecond < Infinity) slowDown(link, from, chunk.length);
    });
    to.on('drain', () => resume(link));
    from.on('end', () => link.stranded || to.end());
    // What went wrong is told by `close`.
    from.on('error', () => {});
    from.on('close', (failed: boolean) => {
      if (failed) link.broken = true;
      if (failed && !stalled && !link.stranded) reset(link);
      if (to.destroyed) links.delete(link);
    });
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const target = connect({ host, port: targetPort, allowHalfOpen: true });
    const link: Link = {
      client,
      target,
      held: false,
      stranded: false,
      muted: false,
      heldBack: false,
      throttled: new Set(),
      broken: false,
      tail: NOTHING,
      awaiting: undefined,
    };
    links.add(link);
    if (stalled) pause(link);
    forward(link, client, target, (chunk) => passesToTarget(link, chunk));
    forward(link, target, client, () => passesToClient(link));
    if (refusing) reset(link);
  });
  const listen = () => server.listen(port, '127.0.0.1');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    listen();
  });
  port = (server.address() as AddressInfo).port;
  // While nothing listened, the system may have lent the port to somebody's outgoing connection.
  server.on('error', () => {
    relisten = setTimeout(() => !refusing && listen(), RELISTEN_AFTER_MS);
  });

  const refuse = (on: boolean): void => {
    if (on === refusing || closing) return;
    refusing = on;
    clearTimeout(relisten);
    if (!on) return void listen();
    server.close();
    cut();
  };

  return {
    port,
    cut,
    stall: (on) => {
      stalled = on;
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
      bytesPerSecond = rate;
    },
    refuse,
    once: (pattern, when, act) =>
      new Promise((settle) => {
        const patterns = (
          Array.isArray(pattern) ? (pattern as readonly string[]) : [pattern as string | Buffer]
        ).map((one) => Buffer.from(one as string));
        armed.add({ patterns, when, act, settle });
      }),
    close: () => {
      refuse(true);
      closing ??= new Promise((resolve) => server.close(() => resolve()));
      return closing;
    },
  };
};
