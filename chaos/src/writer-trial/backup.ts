import type { Redis } from 'ioredis';

/** A copy of everything in a Redis, as an operator keeps it. */
export interface Backup {
  restore(): Promise<void>;
}

export const takeBackup = async (redis: Redis): Promise<Backup> => {
  const keys = await redis.keys('*');
  const copies: { key: string; dump: Buffer; ttlMs: number }[] = [];
  for (const key of keys) {
    const [dump, ttlMs] = await Promise.all([redis.dumpBuffer(key), redis.pttl(key)]);
    if (dump) copies.push({ key, dump, ttlMs: Math.max(ttlMs, 0) });
  }
  return {
    restore: async () => {
      const commands = redis.multi().flushall();
      for (const { key, dump, ttlMs } of copies) commands.restore(key, ttlMs, dump);
      await commands.exec();
    },
  };
};
