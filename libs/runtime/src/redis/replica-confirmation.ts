import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { isRedisUnavailable } from './redis-errors.ts';

interface ReplicaOptions {
  /** The number of replicas that have to confirm; 0 waits for none, and opens no connection. */
  replicas: number;
  withinMs: number;
  /** Opens another connection to the same Redis, with `onDisconnect: 'fail'`. `close` closes it. */
  connect: () => Redis;
  /** A key that this process alone writes. */
  mark: string;
}

export interface ReplicaConfirmation {
  /**
   * Resolves with true if enough replicas hold everything that the first connection was answered before the
   * call. Never rejects because Redis is unavailable.
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

/** Each confirmation writes the mark, which only has to outlive it. */
const MARK_TTL_MS = 60_000;

/**
 * Waits for replicas (`WAIT`) on a second connection: Redis runs no other command of a connection that waits,
 * and with a missing replica each wait takes its whole time.
 *
 * `WAIT` counts the replicas that have confirmed the writes of its own connection, so this writes a mark
 * there first. Replication is one stream: a replica that has the mark has everything that Redis executed
 * before it, for any connection. Three cases would break that, and each returns false:
 * - The mark went to another Redis than the writes, for example after a failover that only one connection has
 *   seen. Therefore the first connection has to read the mark.
 * - The first connection reconnected meanwhile, and reads the mark in a Redis that may never have had the
 *   writes. Therefore it must not have closed.
 * - The second connection reconnected between mark and `WAIT`, which would then wait for nothing. Therefore
 *   both are sent together, and never resent.
 *
 * All calls during a confirmation share the next one, so that no call waits for more than two.
 */
export const createReplicaConfirmation = (
  redis: Redis,
  { replicas, withinMs, connect, mark }: ReplicaOptions,
): ReplicaConfirmation => {
  if (replicas === 0) return { confirm: async () => true, close: () => {} };
  const second = connect();
  let closed = 0;
  redis.on('close', () => (closed += 1));
  /** The confirmation that was begun or waits, and the one that has not begun. */
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<boolean> | undefined;

  /** Writes the mark and waits for replicas to have it. */
  const wait = async (token: string): Promise<boolean> => {
    if (!(await becomesReady(second, withinMs))) return false;
    try {
      const replies = await second
        .pipeline()
        .set(mark, token, 'PX', MARK_TTL_MS)
        .wait(replicas, withinMs)
        .exec();
      for (const [error] of replies ?? []) if (error) throw error;
      return Number(replies?.[1]?.[1] ?? 0) >= replicas;
    } catch (error) {
      if (!isRedisUnavailable(error)) throw error;
      // It does not answer, or a failover has left it at a replica.
      if (second.status === 'ready') second.disconnect(true);
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

  /** Each begins when the one before has ended: the mark is that of one alone. */
  const begin = (): Promise<boolean> => {
    next = undefined;
    return ask();
  };

  const shared = (): Promise<boolean> => {
    if (!next) {
      next = last.then(begin);
      last = next.catch(() => {});
    }
    return next;
  };

  return {
    confirm: async () => {
      const closedBefore = closed;
      return (await shared()) && closed === closedBefore;
    },
    close: () => second.disconnect(),
  };
};
