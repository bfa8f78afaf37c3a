import type { IncomingMessage, ServerResponse } from 'node:http';

/** An answer without a body of its own: why a request is refused. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  readonly headers: Record<string, string>;
  constructor(status: number, reason: string, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.headers = headers;
  }
}

export const sendJson = (
  response: ServerResponse,
  status: number,
  json: string,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
    // An answer may hold a key or a hash.
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(json);
};

export const refuse = (
  request: IncomingMessage,
  response: ServerResponse,
  { status, reason, message, headers, extra }: Refusal & { extra?: object },
): void => {
  // What is left of a body is not worth reading.
  const close: Record<string, string> = request.complete ? {} : { connection: 'close' };
  const json = JSON.stringify({ error: { reason, message }, ...extra });
  sendJson(response, status, json, { ...headers, ...close });
};
