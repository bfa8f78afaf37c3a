import { constants, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { AddressConnections } from '../../quotas/address-connections.ts';
import type { StreamGrants } from '../grant-streams.ts';

export interface ConnectionLimits {
  open: number;
  /** PING and SETTINGS of one connection. Some clients measure the link with a PING for each read. */
  controlFramesPerSecond: number;
}

export interface OpenConnections {
  count(): number;
  /** How many calls they have open. */
  calls(): number;
  /** Resolves when those that a limit has ended are closed: grpc-js would never stop waiting. */
  ended(): Promise<void>;
}

/**
 * How long a connection that was ended may take to close. HTTP/2 waits until what it has written has left,
 * which never happens if the other end does not read it.
 */
const CLOSES_WITHIN_MS = 500;

/** Closes what is below a session, which allows nobody to destroy its own socket. */
const cutterOf = ({ socket }: Partial<Pick<ServerHttp2Session, 'socket'>>): (() => void) => {
  if (socket === undefined) return () => {};
  // oxlint-disable-next-line no-underscore-dangle -- the name is Node's
  const { _parent: belowTls } = socket as unknown as { _parent?: Socket | null };
  return belowTls ? () => void belowTls.destroy() : (socket as Socket).resetAndDestroy;
};

interface Endings {
  /** While a session has a socket: one that is destroyed has none. */
  prepare(session: ServerHttp2Session): void;
  end(session: ServerHttp2Session, code?: number): void;
  /** Resolves when all that were ended are closed. */
  ended(): Promise<void>;
}

const createEndings = (): Endings => {
  const cutters = new WeakMap<ServerHttp2Session, () => void>();
  const ending = new Set<ServerHttp2Session>();
  return {
    prepare: (session) => void cutters.set(session, cutterOf(session)),
    end: (session, code) => {
      ending.add(session);
      const cutting = setTimeout(cutters.get(session)!, CLOSES_WITHIN_MS).unref();
      session.once('close', () => {
        clearTimeout(cutting);
        ending.delete(session);
      });
      session.destroy(undefined, code);
    },
    ended: async () => {
      await Promise.all(
        [...ending].map((session) => new Promise((resolve) => session.once('close', resolve))),
      );
    },
  };
};

/** NGHTTP2_ERR_FLOODED, which Node does not export. */
const FLOODED = -904;

/** Ends a connection that sends more control frames than any client needs: each has to be answered. */
const limitControlFrames = (
  session: ServerHttp2Session,
  perSecond: number,
  onLimit: (limit: string) => void,
  end: (session: ServerHttp2Session, code: number) => void,
): void => {
  let frames = 0;
  let sinceMs = 0;
  const count = () => {
    const nowMs = performance.now();
    if (nowMs - sinceMs >= 1000) {
      sinceMs = nowMs;
      frames = 0;
    }
    frames += 1;
    if (frames <= perSecond || session.destroyed) return;
    onLimit('control-frames');
    end(session, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  };
  session.on('ping', count);
  session.on('remoteSettings', count);
  // nghttp2 ends a connection that is owed more answers than it holds, often before this has counted them.
  session.on('error', ({ errno }: NodeJS.ErrnoException) => {
    if (errno === FLOODED) onLimit('control-frames');
  });
};

/**
 * Bounds the connections of a server that listens. If there are too many, the one ends that has been without
 * a call for the longest time; a client connects again with its next call. Only if all have open calls, the
 * new connection ends. So it is with too many of one address, among themselves.
 */
export const limitConnections = (
  http2Servers: readonly Http2Server[],
  limits: ConnectionLimits,
  grants: StreamGrants,
  onLimit: (limit: string) => void,
  addresses?: AddressConnections,
): OpenConnections => {
  const calls = new Map<ServerHttp2Session, number>();
  /** Connections without a call, the longest idle first. */
  const idle = new Set<ServerHttp2Session>();

  const changeCalls = (session: ServerHttp2Session, by: 1 | -1): void => {
    const before = calls.get(session);
    if (before === undefined) return;
    calls.set(session, before + by);
    if (by > 0) grants.count(session, before + by);
    if (before + by > 0) idle.delete(session);
    else idle.add(session);
  };

  const forget = (session: ServerHttp2Session): void => {
    calls.delete(session);
    idle.delete(session);
    addresses?.close(session);
  };

  const endings = createEndings();
  const end = (session: ServerHttp2Session, code?: number): void => {
    forget(session);
    endings.end(session, code);
  };

  const onSession = (session: ServerHttp2Session): void => {
    calls.set(session, 0);
    endings.prepare(session);
    idle.add(session);
    grants.open(session);
    session.once('close', () => forget(session));
    // One function for all streams, without `once`, which takes 200 bytes of each.
    const onStreamEnd = (): void => changeCalls(session, -1);
    session.on('stream', (stream) => {
      changeCalls(session, 1);
      stream.on('close', onStreamEnd);
    });
    limitControlFrames(session, limits.controlFramesPerSecond, onLimit, end);
    const ofAddress = addresses?.open(session) ?? [];
    if (ofAddress.length > 0) end(ofAddress.find((one) => idle.has(one)) ?? session);
    if (calls.size <= limits.open) return;
    const [victim = session] = idle;
    onLimit('connections');
    end(victim);
  };

  for (const http2Server of http2Servers) http2Server.on('session', onSession);
  return {
    count: () => calls.size,
    calls: () => [...calls.values()].reduce((sum, open) => sum + open, 0),
    ended: endings.ended,
  };
};
