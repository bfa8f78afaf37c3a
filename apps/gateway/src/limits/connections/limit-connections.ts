import { constants, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressConnections } from '../../quotas/address-connections.ts';
import type { StreamGrants } from '../grant-streams.ts';

export interface ConnectionLimits {
  open: number;
  /** PING and SETTINGS of one connection. Some clients measure the link with a PING for each read. */
  controlFramesPerSecond: number;
}

export interface OpenConnections {
  count(): number;
  /** Resolves when those that a limit has ended are closed: grpc-js would wait for them for ever. */
  ended(): Promise<void>;
}

/** NGHTTP2_ERR_FLOODED, which Node does not export. */
const FLOODED = -904;

/** Ends a connection that sends more control frames than any client needs: each has to be answered. */
const limitControlFrames = (
  session: ServerHttp2Session,
  perSecond: number,
  onLimit: (limit: string) => void,
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
    session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
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

  const ending = new Set<ServerHttp2Session>();
  const end = (session: ServerHttp2Session): void => {
    forget(session);
    ending.add(session);
    session.once('close', () => ending.delete(session));
    session.destroy();
  };

  const onSession = (session: ServerHttp2Session): void => {
    calls.set(session, 0);
    idle.add(session);
    grants.open(session);
    session.once('close', () => forget(session));
    session.on('stream', (stream) => {
      changeCalls(session, 1);
      stream.once('close', () => changeCalls(session, -1));
    });
    limitControlFrames(session, limits.controlFramesPerSecond, onLimit);
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
    ended: async () => {
      await Promise.all(
        [...ending].map((session) => new Promise((resolve) => session.once('close', resolve))),
      );
    },
  };
};
