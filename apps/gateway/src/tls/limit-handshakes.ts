import type { Http2Server } from 'node:http2';
import type { Socket } from 'node:net';

export interface HandshakeLimits {
  /** How many connections may be without a finished TLS handshake. */
  open: number;
  /** How long a handshake may take. */
  withinMs: number;
}

/** The same for the connection and for the TLS connection above it, which Node does not lead back to it. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/**
 * Bounds connections that have not finished their TLS handshake: HTTP/2, and the limits of its connections,
 * begin only after it. If there are too many, the oldest ends: an honest client is done within moments.
 */
export const limitHandshakes = (
  http2Servers: readonly Http2Server[],
  { open, withinMs }: HandshakeLimits,
  onLimit: (limit: string) => void,
): void => {
  /** The oldest first. */
  const pending = new Map<string, Socket>();
  const end = (socket: Socket): void => {
    onLimit('handshakes');
    socket.destroy();
  };
  const onConnection = (socket: Socket): void => {
    const peer = peerOf(socket);
    pending.set(peer, socket);
    const timer = setTimeout(() => {
      if (pending.get(peer) === socket) end(socket);
    }, withinMs);
    timer.unref();
    socket.once('close', () => {
      clearTimeout(timer);
      if (pending.get(peer) === socket) pending.delete(peer);
    });
    if (pending.size <= open) return;
    const [[oldest, victim]] = pending as unknown as [[string, Socket]];
    pending.delete(oldest);
    end(victim);
  };
  for (const http2Server of http2Servers) {
    http2Server.on('connection', onConnection);
    http2Server.on('secureConnection', (socket: Socket) => pending.delete(peerOf(socket)));
  }
};
