import type { Duplex } from 'node:stream';

/** Not 101: it ends HTTP on the connection. */
const INFORMATIONAL = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r\n]/;
/** The bytes that distinguish an informational answer. A final answer is longer. */
const TELLING_BYTES = 'HTTP/1.1 100 '.length;
/** A bare LF also ends a line, and empty lines before a status line are ignored (RFC 9112 §2.2). */
const HEAD_END = /\r?\n\r?\n/;
const CR = 0x0d;
const LF = 0x0a;
/** The longest head that undici accepts. */
const MAX_HEAD_BYTES = 16_384;

/**
 * Skips informational answers (RFC 9110 §15.2) before the final answer. A server or a proxy may send
 * `100 Continue` unrequested, and undici then breaks the connection.
 *
 * It replaces `read` and `write` rather than piping through another stream: undici reads with `read()`, and
 * everything else stays as it is. It requires one request at a time on a connection: the first bytes after a
 * write begin an answer.
 */
export const skipInformational = <S extends Duplex>(socket: S): S => {
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let atStart = true;
  let buffered: Buffer = Buffer.alloc(0);

  /** Whether the buffered bytes begin the final answer; undefined while that is unknown. */
  const beginsAnswer = (): true | undefined => {
    for (;;) {
      const start = buffered.findIndex((byte) => byte !== CR && byte !== LF);
      buffered = buffered.subarray(start === -1 ? buffered.length : start);
      if (buffered.length < TELLING_BYTES) return undefined;
      if (!INFORMATIONAL.test(buffered.toString('latin1', 0, TELLING_BYTES))) return true;
      const end = HEAD_END.exec(buffered.toString('latin1', 0, MAX_HEAD_BYTES));
      if (!end) return buffered.length > MAX_HEAD_BYTES || undefined;
      buffered = buffered.subarray(end.index + end[0].length);
    }
  };

  socket.write = ((...args: unknown[]) => {
    atStart = true;
    return write(...args);
  }) as S['write'];
  socket.read = (size?: number) => {
    const chunk: unknown = read(size);
    if (!atStart || !Buffer.isBuffer(chunk)) return chunk;
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    if (!beginsAnswer()) return socket.read(size);
    const answer = buffered;
    atStart = false;
    buffered = Buffer.alloc(0);
    return answer;
  };
  return socket;
};

/** Ends `skipInformational` on a connection that no longer carries HTTP answers. */
export const readAsIs = <S extends Duplex>(socket: S): S => {
  Reflect.deleteProperty(socket, 'read');
  Reflect.deleteProperty(socket, 'write');
  return socket;
};
