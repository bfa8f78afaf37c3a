import { constants, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { attempt, statusOf, type CallContext, type OnThrown, type Turns } from '@rekey/rpc';

export interface TurnLimits {
  /** How many calls may wait for their turn. */
  waitingTurns: number;
  /** Whether calls of a path begin in turn with all others, so that a flood of them delays nothing else. */
  takesTurns(path: string): boolean;
}

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** A stream that fails before its turn has no other listener. */
const ignore = (): void => {};

/** Ends a call that grpc-js could not even begin. */
const endBroken = (stream: ServerHttp2Stream, path: string): void => {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  const { code, details, metadata } = statusOf(undefined, { path } as CallContext, () => {});
  const headers = {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-status': code,
    'grpc-message': encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
  stream.respond(headers, { endStream: true });
};

/**
 * Lets grpc-js begin the calls of a server that listens in slices. One read of a connection can bring a
 * thousand calls, and the reads of all connections come in one round of the event loop: what grpc-js makes
 * for each call would keep everything else from being heard for seconds. A call that waits for its turn holds
 * nothing but its stream.
 */
export const takeStreamTurns = (
  http2Servers: readonly Http2Server[],
  turns: Turns,
  { takesTurns }: Pick<TurnLimits, 'takesTurns'>,
  onLimit: (limit: string) => void,
  onThrown: OnThrown = () => {},
): void => {
  for (const http2Server of http2Servers) {
    const listeners = http2Server.listeners('stream') as OnStream[];
    http2Server.removeAllListeners('stream');
    const begin: OnStream = (stream, headers) => {
      attempt(
        () => {
          for (const listener of listeners) listener.call(http2Server, stream, headers);
        },
        (thrown) => {
          attempt(() => endBroken(stream, String(headers[':path'])), onThrown);
          onThrown(thrown);
        },
      );
    };
    http2Server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      stream.on('error', ignore);
      const takesTurn = attempt(() => takesTurns(String(headers[':path'])), onThrown) ?? true;
      if (!takesTurn) return begin(stream, headers);
      const isAccepted = turns.take(() => {
        // It may have ended before its turn.
        if (stream.destroyed || stream.closed) return;
        const hasEnded = stream.readableEnded;
        begin(stream, headers);
        // Node has told that to nobody: a request without a message ends as soon as it has arrived.
        if (hasEnded) stream.emit('end');
      });
      if (isAccepted) return;
      onLimit('turns');
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
    });
  }
};

/** What grpc-js keeps to itself: the HTTP/2 servers that it has made. */
export const http2ServersOf = (server: Server): Http2Server[] => [
  ...(server as unknown as { http2Servers: Map<Http2Server, unknown> }).http2Servers.keys(),
];
