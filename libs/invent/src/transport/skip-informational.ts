import type { Duplex } from 'node:stream';

/** 101 is none: it ends HTTP on the connection. */
const INFORMATIONAL = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r\n]/;
/** As much as tells one from an answer, which is longer than that. */
const TELLING_BYTES = 'HTTP/1.1 100 '.length;
/** A bare LF ends a line as well, and empty lines before a status line do not count (RFC 9112 §2.2). */
const HEAD_END = /\r?\n\r?\n/;
const CR = 0x0d;
const LF = 0x0a;
/** As long as undici takes a head to be. */
const MAX_HEAD_BYTES = 16_384;

/**
 * Leaves out the informational answers (RFC 9110 §15.2) that come before an answer. A server, or a proxy
 * before it, may send `100 Continue` unasked, and undici breaks the connection on it.
 *
 * `read` and `write` are replaced, and no stream is put between: undici reads with `read()`, and this stays
 * out of the way of everything else. Holds for connections with one request at a time: what comes first after
 * a write begins an answer.
 */
export const skipInformational = <S extends Duplex>(socket: S): S => {
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let atBegin = true;
  let kept: Buffer = Buffer.alloc(0);

  /** Whether the bytes that are kept begin the answer; undefined while that cannot be told. */
  const beginsAnswer = (): true | undefined => {
    for (;;) {
      const begin = kept.findIndex((byte) => byte !== CR && byte !== LF);
      kept = kept.subarray(begin === -1 ? kept.length : begin);
      if (kept.length < TELLING_BYTES) return undefined;
      if (!INFORMATIONAL.test(kept.toString('latin1', 0, TELLING_BYTES))) return true;
      const end = HEAD_END.exec(kept.toString('latin1', 0, MAX_HEAD_BYTES));
      if (!end) return kept.length > MAX_HEAD_BYTES || undefined;
      kept = kept.subarray(end.index + end[0].length);
    }
  };

  socket.write = ((...args: unknown[]) => {
    atBegin = true;
    return write(...args);
  }) as S['write'];
  socket.read = (size?: number) => {
    const chunk: unknown = read(size);
    if (!atBegin || !Buffer.isBuffer(chunk)) return chunk;
    kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
    if (!beginsAnswer()) return socket.read(size);
    const answer = kept;
    atBegin = false;
    kept = Buffer.alloc(0);
    return answer;
  };
  return socket;
};

/** Ends `skipInformational` for a connection that no longer carries HTTP answers. */
export const readAsIs = <S extends Duplex>(socket: S): S => {
  Reflect.deleteProperty(socket, 'read');
  Reflect.deleteProperty(socket, 'write');
  return socket;
};
