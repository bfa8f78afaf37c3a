import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { isRedisUnavailable } from './connections/connections.ts';

export interface ReplicaOptions {
  /** How many replicas have to confirm; 0 asks none, and opens no connection. */
  replicas: number;
  withinMs: number;
  /** Opens another connection to the same Redis, which fails fast. It is closed by `close`. */
  connect: () => Redis;
  /** A key that this process alone writes. */
  mark: string;
}

export interface ReplicaConfirmation {
  /**
   * Resolves with true if enough replicas hold everything that the first connection has been answered before
   * the call. Never rejects because Redis is away.
   */
  confirm(): Promise<boolean>;
  close(): void;
}

const becomesReady = (redis: Redis, withinMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    if (redis.status === 'ready') return resolve(true);
    const settle = (isReady: boolean) => () => {
      clearTimeout(timer);
      redis.off('ready', onReady);
      resolve(isReady);
    };
    const onReady = settle(true);
    const timer = setTimeout(settle(false), withinMs);
    redis.once('ready', onReady);
  });

/** The mark is written anew by each confirmation, and only has to outlive it. */
const MARK_TTL_MS = 60_000;

/**
 * Waits for replicas (`WAIT`) on a connection of its own: Redis takes no other command of a connection that
 * waits, and a replica that is gone makes each wait take its whole time.
 *
 * `WAIT` counts the replicas that have confirmed the writes of its own connection. So a mark is written there
 * first. Replication is one stream: whoever has the mark has everything that Redis had done before it, for
 * any connection. Three things could make that untrue, and each gives false:
 * - the mark went to another Redis than the writes, such as after a failover that only one of the connections
 *   has seen: the first connection has to read the mark;
 * - the first connection was made anew meanwhile, so that it reads a mark in a Redis that may never have had
 *   the writes: it must not have been closed;
 * - the second one was made anew between mark and `WAIT`, which would then wait for nothing: both leave
 *   together, and are not sent again.
 *
 * Calls that come while one is under way share the next, however many they are: none waits for more than two.
 */
export const createReplicaConfirmation = (
  redis: Redis,
  { replicas, withinMs, connect, mark }: ReplicaOptions,
): ReplicaConfirmation => {
  if (replicas === 0) return { confirm: async () => true, close: () => {} };
  const own = connect();
  let closed = 0;
  redis.on('close', () => (closed += 1));
  let running: Promise<boolean> | undefined;
  let next: Promise<boolean> | undefined;

  /** Writes the mark and waits for replicas to have it. */
  const wait = async (token: string): Promise<boolean> => {
    if (!(await becomesReady(own, withinMs))) return false;
    try {
      const replies = await own
        .pipeline()
        .set(mark, token, 'PX', MARK_TTL_MS)
        .wait(replicas, withinMs)
        .exec();
      for (const [error] of replies ?? []) if (error) throw error;
      return Number(replies?.[1]?.[1] ?? 0) >= replicas;
    } catch (error) {
      if (!isRedisUnavailable(error)) throw error;
      // It does not answer, or a failover has left it at a replica.
      if (own.status === 'ready') own.disconnect(true);
      return false;
    }
  };

  const isMarked = (token: string): Promise<boolean> =>
    redis.get(mark).then(
      (found) => found === token,
      (error: unknown) => {
        if (isRedisUnavailable(error)) return false;
        throw error;
      },
    );

  const ask = async (): Promise<boolean> => {
    const token = randomUUID();
    return (await wait(token)) && isMarked(token);
  };

  const start = (): Promise<boolean> => {
    next = undefined;
    running = ask().finally(() => (running = undefined));
    return running;
  };

  const shared = (): Promise<boolean> => {
    if (!running) return start();
    next ??= running.then(start, start);
    return next;
  };

  return {
    confirm: async () => {
      const closedBefore = closed;
      return (await shared()) && closed === closedBefore;
    },
    close: () => own.disconnect(),
  };
};
