import type { ServerHttp2Session } from 'node:http2';

export interface StreamLimits {
  /** The streams that a new connection may have open. */
  first: number;
  /** The most that one connection may have open. */
  most: number;
  /** While all connections together have so many open, no connection is allowed more than `mostIfMany`. */
  many: number;
  mostIfMany: number;
}

export interface StreamGrants {
  /** A connection has begun. */
  open(session: ServerHttp2Session): void;
  /** The number of open streams of a connection has changed. */
  count(session: ServerHttp2Session, count: number): void;
}

/**
 * Allows each connection few streams at first, and more while it uses them: one connection in each round of
 * the event loop, and only while few calls wait for their turn. Node makes the streams of everything that it
 * can read in one round, so a connection that may have a thousand at once holds up all others. If it is lost,
 * Node also ends all of them in one turn: while many are open, each connection may have fewer. A client keeps
 * the calls for which it has no stream yet.
 */
export const grantStreams = (
  { first, most, many, mostIfMany }: StreamLimits,
  isBusy: () => boolean,
): StreamGrants => {
  const allowed = new WeakMap<ServerHttp2Session, number>();
  const using = new WeakMap<ServerHttp2Session, number>();
  /** Connections that use what they may have, the longest waiting first. */
  const waiting = new Set<ServerHttp2Session>();
  /** Those that would be allowed more if there were fewer open streams. */
  const held = new Set<ServerHttp2Session>();
  let scheduled = false;
  let open = 0;
  const mostNow = (): number => (open < many ? most : Math.min(mostIfMany, most));

  const grantNext = (): void => {
    scheduled = false;
    const [session] = waiting;
    if (session !== undefined && !isBusy()) {
      waiting.delete(session);
      grant(session);
    }
    if (waiting.size > 0) schedule();
  };

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(grantNext);
  };

  const grant = (session: ServerHttp2Session): void => {
    // A client that has not confirmed the last change cannot use another one.
    if (session.destroyed || session.closed || session.pendingSettingsAck) return;
    // Twice as many if no other connection wants more: a single client soon has all that it may have.
    const before = allowed.get(session)!;
    const more = Math.min(waiting.size === 0 ? before * 2 : before + first, mostNow());
    if (more <= before) return;
    allowed.set(session, more);
    session.settings({ maxConcurrentStreams: more });
  };

  const consider = (session: ServerHttp2Session): void => {
    const mayHave = allowed.get(session) ?? most;
    if (mayHave >= most || (using.get(session) ?? 0) < mayHave - first / 2) return;
    if (mayHave >= mostNow()) {
      held.add(session);
      return;
    }
    waiting.add(session);
    schedule();
  };

  const considerHeld = (): void => {
    const sessions = [...held];
    held.clear();
    for (const session of sessions) consider(session);
  };

  const setUsing = (session: ServerHttp2Session, count: number): void => {
    open += count - (using.get(session) ?? 0);
    using.set(session, count);
    if (held.size > 0 && open < many) considerHeld();
  };

  return {
    open: (session) => {
      allowed.set(session, Math.min(first, most));
      session.on('localSettings', () => consider(session));
      session.once('close', () => {
        waiting.delete(session);
        held.delete(session);
        setUsing(session, 0);
      });
    },
    count: (session, count) => {
      setUsing(session, count);
      consider(session);
    },
  };
};
