import type { Socket } from 'node:net';

/** An action that `once` of the proxy has armed. */
export interface Hook {
  /** Any of them triggers it. */
  patterns: Buffer[];
  when: 'before' | 'after' | 'held';
  act: () => void | Promise<void>;
  settle: (acted: Promise<void>) => void;
}

/** A client's connection, and the connection to the target that belongs to it. */
export interface Link {
  client: Socket;
  target: Socket;
  /** A hook acts on it: no byte passes. */
  held: boolean;
  /** No byte passes any more. */
  stranded: boolean;
  /** An `after` hook acts on it: the target's bytes are dropped. */
  muted: boolean;
  /** A `held` hook acts on it: the target's bytes are not read. */
  heldBack: boolean;
  /** Sides that sent faster than `throttle` allows: they are not read for a while. */
  throttled: Set<Socket>;
  /** One side was reset; the other does not know while the proxy stalls. */
  broken: boolean;
  /** The client's last bytes, in which a pattern may have started. Empty while no hook is armed. */
  tail: Buffer;
  /** The hook whose pattern was forwarded, and which waits for an answer. */
  awaiting: Hook | undefined;
}

export const NO_BYTES = Buffer.alloc(0);

export const createLink = (client: Socket, target: Socket): Link => ({
  client,
  target,
  held: false,
  stranded: false,
  muted: false,
  heldBack: false,
  throttled: new Set(),
  broken: false,
  tail: NO_BYTES,
  awaiting: undefined,
});

export const pause = ({ client, target }: Link): void => {
  client.pause();
  target.pause();
};

/** Reads again from each side that nothing holds. Not to be called while the proxy stalls. */
export const resume = (link: Link): void => {
  if (link.held || link.stranded) return;
  const { client, target, throttled } = link;
  if (!target.writableNeedDrain && !throttled.has(client)) client.resume();
  if (!client.writableNeedDrain && !throttled.has(target) && !link.heldBack) target.resume();
};

export const reset = ({ client, target }: Link): void => {
  for (const socket of [client, target]) {
    // A RST needs a connection: before there is one, `resetAndDestroy` would wait for it. libuv does not
    // reset a connection that is being shut down: its handle is lost, and Node waits for it forever at exit.
    if (socket.connecting || socket.writableEnded) socket.destroy();
    else socket.resetAndDestroy();
  }
};
