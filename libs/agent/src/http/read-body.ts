import type { IncomingMessage } from 'node:http';
import { Refusal } from './answer.ts';

const MAX_BODY_BYTES = 64 * 1024;
const tooLarge = () => new Refusal(413, 'BODY_TOO_LARGE', `the body is longer than ${MAX_BODY_BYTES} bytes`);

/** Calls back with the body, or with why it is refused. Never keeps more than the limit. */
export const readBody = (
  request: IncomingMessage,
  onBody: (body: Buffer) => void,
  onRefused: (refusal: Refusal) => void,
): void => {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return onRefused(tooLarge());
  let first: Buffer | undefined;
  let more: Buffer[] | undefined;
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      request.removeAllListeners('data').removeAllListeners('end');
      return onRefused(tooLarge());
    }
    if (!first) first = chunk;
    else (more ??= [first]).push(chunk);
  });
  request.on('end', () => onBody(more ? Buffer.concat(more, bytes) : (first ?? Buffer.alloc(0))));
  // Half a request: there is nobody to answer.
  request.on('error', () => {});
};
