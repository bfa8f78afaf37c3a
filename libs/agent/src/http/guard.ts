import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from '@rekey/schema';
import { Refusal } from './answer.ts';

/** Refuses a request that may not be answered. Throws a Refusal. */
export type Guard = (request: IncomingMessage, needsToken: boolean) => void;

/** The permissions of the socket decide who can connect. */
export const socketGuard: Guard = () => {};

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Every user and every web page of the machine can connect to loopback. A page of another site can neither
 * send the header nor leave out `Origin` without a preflight request, which is refused, and a name that was
 * made to point to loopback is in `Host`.
 */
export const loopbackGuard = (token: string): Guard => {
  const expected = digestOf(`Bearer ${token}`);
  return ({ headers }, needsToken) => {
    const { host = '', origin, authorization = '' } = headers;
    if (!isLoopbackHost(host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')))
      throw new Refusal(403, 'FOREIGN_HOST', 'the Host header must name this machine, such as 127.0.0.1');
    if (origin !== undefined)
      throw new Refusal(
        403,
        'FOREIGN_ORIGIN',
        'requests of web pages are refused: there is an Origin header',
      );
    if (!needsToken) return;
    if (headers['x-rekey-agent'] !== '1')
      throw new Refusal(403, 'HEADER_MISSING', 'send the header X-Rekey-Agent: 1');
    if (!timingSafeEqual(digestOf(authorization), expected))
      throw new Refusal(401, 'UNAUTHENTICATED', 'send the token of token_file as Authorization: Bearer', {
        'www-authenticate': 'Bearer',
      });
  };
};
