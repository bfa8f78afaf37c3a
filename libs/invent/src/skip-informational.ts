import type { Duplex } from 'node:stream';

/** 101 is none: it ends HTTP on the connection. */
const INFORMATIONAL = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r]/;
/** As much as tells one from an answer, which is longer than that. */
const TELLING_BYTES = 'HTTP/1.1 100 '.length;
const HEAD_END = '\r\n\r\n';
/** As long as undici takes a head to be. */
const MAX_HEAD_BYTES = 16_384;

/**
 * Leaves out the informational answers (RFC 9110 §15.2) that come before an answer. A server, or a proxy before it, may send `100 Continue` unasked, and undici
 * breaks the connection on it.
 *
 * `read` and `write` are replaced, and no stream is put between: undici reads with `read()`, and this stays out of the way of everything else. Holds for
 * connections with one request at a time: what comes first after a write begins an answer.
 */
export const skipInformational = <S extends Duplex>(socket: S): S => {
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let atBegin = true;
  let kept: Buffer = Buffer.alloc(0);

  /** Whether the bytes that are kept begin the answer; undefined while that cannot be told. */
  const beginsAnswer = (): true | undefined => {
    while (kept.length >= TELLING_BYTES) {
      if (!INFORMATIONAL.test(kept.toString('latin1', 0, TELLING_BYTES))) return true;
      const end = kept.indexOf(HEAD_END);
      if (end === -1) return kept.length > MAX_HEAD_BYTES || undefined;
      kept = kept.subarray(end + HEAD_END.length);
    }
    return undefined;
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
