import type { Redis } from 'ioredis';
import { expectedBy } from './expected-time.ts';

/** Redis time, in ms since 1970; the expected time, if its clock is watched and has jumped. */
export const redisNowMs = async (redis: Redis): Promise<number> => {
  const [seconds, microseconds] = await redis.time();
  const nowMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  return expectedBy(redis)?.correct(nowMs) ?? nowMs;
};
