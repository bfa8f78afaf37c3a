import type { Redis } from 'ioredis';
import { blockingMs, type Command } from './answer-deadline.ts';

const CLOSE_AFTER_MS = 2000;
const CHECK_EVERY_MS = 100;
/** An answer proves for this long that Redis responds: PING is sent at this interval. */
const PING_EVERY_MS = 500;

export interface CloseUnresponsiveOptions {
  /** True while closing would lose results. */
  hasUnsavedResults?: () => boolean;
  afterMs?: number;
}

/**
 * Checks the open connections from now on, and closes each on which Redis has not responded for `afterMs`.
 */
export const closeUnresponsive = (
  open: () => Iterable<Redis>,
  { hasUnsavedResults = () => false, afterMs = CLOSE_AFTER_MS }: CloseUnresponsiveOptions = {},
): void => {
  const checks = new Map<Redis, () => Responsiveness>();
  const silentMs = new Map<Redis, number>();
  const checkOf = (redis: Redis): (() => Responsiveness) => {
    const check = checks.get(redis) ?? createResponseCheck(redis);
    checks.set(redis, check);
    return check;
  };
  const check = () => {
    const states = [...open()].map((redis) => ({ redis, state: checkOf(redis)() }));
    const someRespond = states.some(({ state }) => state === 'responding');
    for (const { redis, state } of states) {
      // PING cannot pass a blocking command: the other connections decide.
      const responds = state === 'responding' || (state === 'blocked' && someRespond);
      silentMs.set(redis, responds ? 0 : (silentMs.get(redis) ?? 0) + CHECK_EVERY_MS);
    }
    if (hasUnsavedResults()) return;
    for (const { redis } of states) {
      if (silentMs.get(redis)! < afterMs) continue;
      redis.disconnect();
      // Otherwise it would wait for Redis to close its side.
      redis.stream?.destroy();
    }
  };
  setInterval(check, CHECK_EVERY_MS).unref();
};

type Responsiveness = 'responding' | 'silent' | 'blocked';

/**
 * Returns a function, to be called every CHECK_EVERY_MS, that says whether Redis responds on a connection. It
 * sends PING unless a blocking command is in flight.
 */
const createResponseCheck = (redis: Redis): (() => Responsiveness) => {
  let bytesRead = redis.stream?.bytesRead;
  let provenForMs = 0;
  let pinged: Redis['stream'] | undefined;
  return () => {
    if (redis.status !== 'ready') return 'silent';
    const { stream } = redis;
    provenForMs = stream.bytesRead === bytesRead ? provenForMs - CHECK_EVERY_MS : PING_EVERY_MS;
    bytesRead = stream.bytesRead;
    if (provenForMs > 0) return 'responding';
    const front = redis.commandQueue.peekFront()?.command as Command | undefined;
    if (front !== undefined && blockingMs(front) !== undefined) return 'blocked';
    if (pinged !== stream) {
      pinged = stream;
      redis
        .ping()
        .catch(() => {})
        .finally(() => (pinged = undefined));
    }
    return 'silent';
  };
};
