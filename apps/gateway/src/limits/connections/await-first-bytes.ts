import type { Socket } from 'node:net';
import { takeTurns, type OnThrown } from '@rekey/rpc';

interface ArrivalLimits {
  /** How many connections may be open that have not begun. */
  open: number;
  /** How long a connection may stay without sending anything. */
  withinMs: number;
}

export interface Arrivals {
  add(socket: Socket): void;
  /** How many connections have not begun. */
  count(): number;
  /** Ends them. */
  close(): void;
}

/** Whoever closes a connection before it has begun needs no answer. */
const ignore = (): void => {};

const beginOrEnd = (socket: Socket, begin: (socket: Socket) => void): void => {
  // Node reads the first bytes in the next tick, and throws if a limit has closed the session by then.
  process.nextTick(() => {
    if (socket.destroyed || socket.writableEnded) socket.read();
  });
  try {
    begin(socket);
  } catch (error) {
    // Nothing else would end it.
    socket.destroy();
    throw error;
  }
};

/**
 * Begins connections when their first bytes have arrived, in slices. HTTP/2 and TLS make so much for each
 * connection that a flood of those on which nothing happens would keep new ones from being accepted. If too
 * many have not begun, the oldest ends, of those that are silent if there are any: an honest client sends its
 * first bytes at once.
 */
export const awaitFirstBytes = (
  { open, withinMs }: ArrivalLimits,
  begin: (socket: Socket) => void,
  onLimit: (limit: string) => void,
  onThrown?: OnThrown,
): Arrivals => {
  /** When each was accepted, the oldest first. */
  const silent = new Map<Socket, number>();
  /** Those that have sent something and wait for their turn, the oldest first. */
  const ready = new Set<Socket>();
  const turns = takeTurns(Infinity, onThrown);
  let timer: NodeJS.Timeout | undefined;

  const forget = (socket: Socket): void => {
    silent.delete(socket);
    ready.delete(socket);
  };

  const end = (socket: Socket): void => {
    forget(socket);
    onLimit('handshakes');
    socket.destroy();
  };

  const endSilent = (): void => {
    timer = undefined;
    const nowMs = performance.now();
    for (const [socket, sinceMs] of silent) {
      if (nowMs - sinceMs < withinMs) return checkIn(withinMs - (nowMs - sinceMs));
      end(socket);
    }
  };

  const checkIn = (ms: number): void => {
    timer ??= setTimeout(endSilent, Math.ceil(ms)).unref();
  };

  const start = (socket: Socket): void => {
    // It may have ended before its turn.
    if (!ready.delete(socket) || socket.destroyed) return;
    beginOrEnd(socket, begin);
  };

  const onBytes = (socket: Socket): void => {
    silent.delete(socket);
    // So a connection ends that has sent nothing.
    if (socket.readableLength === 0) {
      socket.destroy();
      return;
    }
    ready.add(socket);
    turns.take(() => start(socket));
  };

  return {
    add: (socket) => {
      silent.set(socket, performance.now());
      socket.on('error', ignore);
      socket.once('close', () => forget(socket));
      socket.once('readable', () => onBytes(socket));
      checkIn(withinMs);
      if (silent.size + ready.size <= open) return;
      const [oldest = socket] = silent.size > 1 ? silent.keys() : ready;
      end(oldest);
    },
    count: () => silent.size + ready.size,
    close: () => {
      for (const socket of [...silent.keys(), ...ready]) socket.destroy();
    },
  };
};
