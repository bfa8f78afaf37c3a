import type { Redis } from 'ioredis';
import type { Logger } from '../logging/logger.ts';

export interface MemoryWatch {
  /** The share of `maxmemory` in use at the last check; 0 if there is no limit, or no check succeeded. */
  usedShare(): number;
  close(): void;
}

const CHECK_EVERY_MS = 1000;
/**
 * From the first share on, no new work is accepted; from the second on, no POST is sent. Work in flight is
 * always finished.
 */
export const STOP_ACCEPTING_AT = 0.9;
export const STOP_POSTING_AT = 0.95;

/** Reads the memory use of Redis every second, and logs when it crosses the threshold. */
export const watchMemory = (
  redis: Redis,
  { threshold, logger, consequence }: { threshold: number; logger: Logger; consequence: string },
): MemoryWatch => {
  let usedShare = 0;
  const check = async () => {
    if (redis.status !== 'ready') return;
    const info = await redis.info('memory');
    const read = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    const limit = read('maxmemory');
    const now = limit === 0 ? 0 : read('used_memory') / limit;
    const used = now.toFixed(2);
    if (now >= threshold && usedShare < threshold)
      logger.event('redis_memory_low', { used }, `Redis is nearly out of memory: ${consequence}`);
    if (now < threshold && usedShare >= threshold) logger.event('redis_memory_recovered', { used });
    usedShare = now;
  };
  const timer = setInterval(() => void check().catch(() => {}), CHECK_EVERY_MS);
  void check().catch(() => {});
  return { usedShare: () => usedShare, close: () => clearInterval(timer) };
};
