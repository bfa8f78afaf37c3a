import type { Redis } from 'ioredis';

/** Redis time, in ms since 1970. */
export const redisNowMs = async (redis: Redis): Promise<number> => {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
};
