import type { ServerResponse } from 'node:http';
import { encodeBody } from './encode-body.ts';

export type ResponseHeaders = Record<string, number | string>;

export const send = (
  response: ServerResponse,
  status: number,
  body: string,
  headers: ResponseHeaders = {},
): void => {
  const bytes = encodeBody(Buffer.from(body), String(response.getHeader('content-encoding') ?? ''));
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers })
    .end(bytes);
};

export const refuse = (response: ServerResponse, status: number, retryAfter?: string): void => {
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
  send(response, status, JSON.stringify({ statusCode: status }));
};
