import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Keys } from '@rekey/subscriber';
import { Refusal } from './answer.ts';

/** Server-sent events, without keys. */
export interface EventStreams {
  /** Throws a Refusal. */
  open(response: ServerResponse): void;
  readonly size: number;
  close(): void;
}

const SIGN_OF_LIFE_MS = 15_000;
/** A client that does not read is disconnected at this number of bytes. */
const MAX_UNREAD_BYTES = 1024 * 1024;

export const createEventStreams = (keys: Keys, max: number): EventStreams => {
  const open = new Map<Socket, ServerResponse>();
  const write = (text: string): void => {
    for (const [socket, response] of open) {
      if (response.writableLength > MAX_UNREAD_BYTES) socket.destroy();
      else response.write(text);
    }
  };
  /** JSON has no line ends: an id cannot begin another event. */
  const send = (event: string, data: object): void => {
    if (open.size > 0) write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  forward(keys, send);
  const living = setInterval(() => write(': alive\n\n'), SIGN_OF_LIFE_MS).unref();
  return {
    open: (response) => {
      if (open.size >= max)
        throw new Refusal(503, 'TOO_MANY_STREAMS', `there are ${max} event streams already`, {
          'retry-after': '5',
        });
      // A response behind another one of its connection has no `close`: the connection has.
      const { socket } = response.req;
      if (open.has(socket))
        throw new Refusal(409, 'STREAM_OPEN', 'this connection has an event stream already');
      open.set(socket, response);
      socket.once('close', () => open.delete(socket));
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      // What a client missed before this is in the state of each assistant.
      response.write(`event: open\ndata: ${JSON.stringify({ keys: keys.size })}\n\n`);
    },
    get size() {
      return open.size;
    },
    close: () => {
      clearInterval(living);
      for (const response of open.values()) response.end();
    },
  };
};

interface Named {
  assistantId: string;
  orgId: string;
  version: number;
}
const named = ({ assistantId, orgId, version }: Named) => ({
  assistant_id: assistantId,
  org_id: orgId,
  version,
});

const forward = (keys: Keys, send: (event: string, data: object) => void): void => {
  keys.on('key', (key) => send('key', { ...named(key), uncertain: key.uncertain }));
  keys.on('removed', (one) => send('removed', { ...named(one), removal: one.removal }));
  keys.on('uncertain', (one) => send('uncertain', named(one)));
  keys.on('certain', (one) => send('certain', named(one)));
  keys.on('unreadable', (one) => send('unreadable', named(one)));
  keys.on('stale', ({ behindMs }) => send('stale', { age_ms: Math.round(behindMs) }));
  keys.on('fresh', ({ behindMs }) => send('fresh', { age_ms: Math.round(behindMs) }));
  keys.on('revoked', ({ reason }) => send('revoked', { reason }));
};
