import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isLoopbackHost } from '@rekey/schema';
import { Refusal } from './answer.ts';

/** Refuses a request that may not be answered. Throws a Refusal. */
export type Guard = (request: IncomingMessage, response: ServerResponse, needsToken: boolean) => void;

/** The permissions of the socket decide who can connect. */
export const socketGuard: Guard = () => {};

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Every user and every web page of the machine can connect to loopback. A page of another site can neither
 * send the header nor leave out `Origin` without a preflight request, which is refused, and a name that was
 * made to point to loopback is in `Host`. A connection is kept for those alone who show the token.
 */
export const loopbackGuard = (token: string, onProven: (socket: Socket) => void): Guard => {
  const expected = digestOf(`Bearer ${token}`);
  return ({ headers, socket }, response, needsToken) => {
    const refusal = foreignRefusal(headers) ?? (needsToken ? tokenRefusal(headers, expected) : undefined);
    if (needsToken && !refusal) onProven(socket);
    else response.setHeader('connection', 'close');
    if (refusal) throw refusal;
  };
};

const foreignRefusal = ({ host = '', origin }: IncomingHttpHeaders): Refusal | undefined => {
  if (!isLoopbackHost(host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')))
    return new Refusal(403, 'FOREIGN_HOST', 'the Host header must name this machine, such as 127.0.0.1');
  return origin === undefined
    ? undefined
    : new Refusal(403, 'FOREIGN_ORIGIN', 'requests of web pages are refused: there is an Origin header');
};

const tokenRefusal = (headers: IncomingHttpHeaders, expected: Buffer): Refusal | undefined => {
  if (headers['x-rekey-agent'] !== '1')
    return new Refusal(403, 'HEADER_MISSING', 'send the header X-Rekey-Agent: 1');
  return timingSafeEqual(digestOf(headers.authorization ?? ''), expected)
    ? undefined
    : new Refusal(401, 'UNAUTHENTICATED', 'send the token of token_file as Authorization: Bearer', {
        'www-authenticate': 'Bearer',
      });
};
