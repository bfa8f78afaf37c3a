import type { IncomingMessage } from 'node:http';
import { Refusal } from './answer.ts';

const MAX_BODY_BYTES = 64 * 1024;
const tooLarge = () => new Refusal(413, 'BODY_TOO_LARGE', `the body is longer than ${MAX_BODY_BYTES} bytes`);

/** `body`, of which `used` bytes count, and a chunk. A list of one-byte chunks would take far more memory. */
const extended = (body: Buffer, used: number, chunk: Buffer): Buffer => {
  const needed = used + chunk.length;
  const larger = body.length >= needed ? body : Buffer.alloc(Math.max(2 * body.length, needed));
  if (larger !== body) body.copy(larger, 0, 0, used);
  chunk.copy(larger, used);
  return larger;
};

/** Calls back with the body, or with why it is refused. Never keeps more than the limit. */
export const readBody = (
  request: IncomingMessage,
  onBody: (body: Buffer) => void,
  onRefused: (refusal: Refusal) => void,
): void => {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return onRefused(tooLarge());
  let body: Buffer = Buffer.alloc(0);
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      request.removeAllListeners('data').removeAllListeners('end');
      return onRefused(tooLarge());
    }
    body = bytes === chunk.length ? chunk : extended(body, bytes - chunk.length, chunk);
  });
  request.on('end', () => onBody(body.subarray(0, bytes)));
  // Half a request: there is nobody to answer.
  request.on('error', () => {});
};
