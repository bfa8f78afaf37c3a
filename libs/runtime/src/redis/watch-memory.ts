import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';

export interface MemoryWatch {
  /**
   * The share of `maxmemory` that was in use when Redis was last asked; 0 where there is no limit, or it
   * could not be asked.
   */
  usedShare(): number;
  close(): void;
}

const ASK_EVERY_MS = 1000;
/**
 * From this share on nothing new is accepted; from the next on no POST leaves. What is under way is always
 * finished.
 */
export const STOP_ACCEPTING_AT = 0.9;
export const STOP_POSTING_AT = 0.95;

/** Asks Redis every second how full it is, and says when that changes what is done. */
export const watchMemory = (
  redis: Redis,
  { threshold, logger, consequence }: { threshold: number; logger: Logger; consequence: string },
): MemoryWatch => {
  let used = 0;
  const ask = async () => {
    if (redis.status !== 'ready') return;
    const info = await redis.info('memory');
    const read = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    const limit = read('maxmemory');
    const now = limit === 0 ? 0 : read('used_memory') / limit;
    if (now >= threshold && used < threshold)
      logger.error({ used: now.toFixed(2) }, `Redis is nearly out of memory: ${consequence}`);
    if (now < threshold && used >= threshold) logger.info({ used: now.toFixed(2) }, 'Redis has memory again');
    used = now;
  };
  const timer = setInterval(() => void ask().catch(() => {}), ASK_EVERY_MS);
  void ask().catch(() => {});
  return { usedShare: () => used, close: () => clearInterval(timer) };
};
