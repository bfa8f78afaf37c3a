import type { Redis } from 'ioredis';
import { isRedisFull } from './redis-errors.ts';

const MARK_TTL_MS = 60_000;

/**
 * Writes a mark, and returns why Redis does not accept writes at present; undefined if it accepted the mark
 * in time. `mark` is a key that this process alone writes. A Redis without free memory counts as healthy:
 * `watchMemory` handles that.
 */
export const probeWrite = async (
  redis: Redis,
  mark: string,
  withinMs: number,
): Promise<Error | undefined> => {
  if (redis.status !== 'ready') return new Error(`the connection is not ready (${redis.status})`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Error>((resolve) => {
    const expire = () => resolve(new Error(`Redis has not answered a write within ${withinMs} ms`));
    timer = setTimeout(expire, withinMs);
  });
  const written = redis.set(mark, '', 'PX', MARK_TTL_MS).then(
    () => undefined,
    (error: Error) => (isRedisFull(error) ? undefined : error),
  );
  return Promise.race([written, late]).finally(() => clearTimeout(timer));
};

const PROBE_EVERY_MS = 1000;
const ANSWER_WITHIN_MS = 1000;

/**
 * Calls back with why Redis accepts no write, and with undefined while it does: every second, and at once
 * when the connection is lost or made.
 */
export const watchWrites = (
  redis: Redis,
  mark: string,
  onProbed: (fault: Error | undefined) => void,
): { close(): void } => {
  let closed = false;
  const onClose = () => onProbed(new Error('the connection was closed'));
  redis.on('close', onClose);
  let timer: NodeJS.Timeout | undefined;
  const check = async () => {
    timer = undefined;
    try {
      const fault = await probeWrite(redis, mark, ANSWER_WITHIN_MS);
      if (!closed) onProbed(fault);
    } finally {
      if (!closed) timer = setTimeout(check, PROBE_EVERY_MS);
    }
  };
  const onReady = () => {
    if (!timer) return;
    clearTimeout(timer);
    void check();
  };
  redis.on('ready', onReady);
  timer = setTimeout(check, PROBE_EVERY_MS);
  if (redis.status === 'ready') onReady();
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
      redis.off('close', onClose);
      redis.off('ready', onReady);
    },
  };
};
