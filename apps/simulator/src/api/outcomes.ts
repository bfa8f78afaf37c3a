import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../faults/fault.ts';
import type { View } from '../faults/faults.ts';
import { skewedNowMs } from '../views/response-views.ts';
import { refuse, send, type ResponseHeaders } from './respond.ts';

/** What a request asks for: its effect, and the answer as of then. */
interface Work {
  act?: (by?: 'request' | 'denied') => void;
  body: () => string;
  headers?: ResponseHeaders;
}

/** Statuses that tell a caller that nothing was done. */
const isRefusal = (status = 500): boolean => [400, 401, 403, 404, 429].includes(status);

/** Performs a request and answers it, or does what the fault says instead. */
export const answer = async (
  response: ServerResponse,
  fault: Fault | undefined,
  views: readonly View[],
  { act = () => {}, body, headers }: Work,
): Promise<void> => {
  switch (fault?.kind) {
    case undefined:
      act();
      return send(response, 200, body(), headers);
    case 'failBefore':
      return fail(response, fault, views);
    case 'failAfter':
      act(isRefusal(fault.status) ? 'denied' : 'request');
      return fail(response, fault, views);
    case 'loseConnectionBefore':
      return void response.destroy();
    case 'loseResponseAfterCommit':
      act();
      return void response.destroy();
    case 'hangBefore':
      // Never answered and never done, however long the caller waits.
      return;
    case 'hangAfterCommit':
      act();
      return;
    case 'truncateBody':
      act();
      return truncate(response, fault, body(), headers);
    case 'commitLate':
      response.destroy();
      await sleep(fault.delayMs);
      act();
      return;
    case 'garble':
      act();
      return send(response, fault.status ?? 200, fault.body, headers);
    case 'staleAnswer':
      if (fault.takesEffect) act();
      return send(response, 200, body(), headers);
    case 'nullKey':
    case 'staleRead':
    case 'laggingRead':
      return send(response, 200, body(), headers);
  }
};

const fail = (response: ServerResponse, fault: Fault, views: readonly View[]): void => {
  if (fault.location !== undefined) response.setHeader('location', fault.location);
  const retryAfter =
    fault.retryAfterDateMs === undefined
      ? fault.retryAfter
      : new Date(skewedNowMs(views) + fault.retryAfterDateMs).toUTCString();
  refuse(response, fault.status ?? 500, retryAfter);
};

/** Sends half of the body, then cuts the connection. */
const truncate = (
  response: ServerResponse,
  { status = 200 }: Fault,
  body: string,
  headers: ResponseHeaders | undefined,
): void => {
  const whole = Buffer.from(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': whole.length,
    ...headers,
  });
  response.write(whole.subarray(0, whole.length / 2), () => response.destroy());
};
