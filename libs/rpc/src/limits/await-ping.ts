import type { Http2Session } from 'node:http2';

interface Pings {
  /** Whether one is on its way. */
  isSent: boolean;
  /** Those who wait for the next one. */
  readonly waiting: (() => void)[];
}

const pingsOf = new WeakMap<Http2Session, Pings>();

const send = (session: Http2Session, pings: Pings): void => {
  const asked = pings.waiting.splice(0);
  const onAnswered = (): void => {
    pings.isSent = false;
    for (const answered of asked) answered();
    if (pings.waiting.length > 0) send(session, pings);
  };
  pings.isSent = true;
  // It throws if the connection has ended.
  if (session.destroyed) onAnswered();
  else session.ping(onAnswered);
};

/**
 * Calls back when the caller has answered a ping that is sent after now, or its connection has ended. By
 * then, whatever it had sent before that has arrived.
 */
export const awaitPing = (session: Http2Session, answered: () => void): void => {
  const pings = pingsOf.get(session) ?? { isSent: false, waiting: [] };
  pingsOf.set(session, pings);
  pings.waiting.push(answered);
  if (!pings.isSent) send(session, pings);
};
