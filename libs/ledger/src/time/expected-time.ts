import type { Redis } from 'ioredis';

/** What a process that watches the clock of a Redis expects. */
export interface ExpectedTime {
  /** What commands are told, after the prefix: see time/lua/now.lua. Empty while nothing is expected. */
  argument(): string;
  /** The moment that counts, for a time that Redis says (ms). */
  correct(redisMs: number): number;
}

/** By connection: all parts of the ledger that use a connection read the same time. */
const watched = new WeakMap<Redis, ExpectedTime>();

export const expectedBy = (redis: Redis): ExpectedTime | undefined => watched.get(redis);
export const expectOf = (redis: Redis, expected: ExpectedTime): void => {
  watched.set(redis, expected);
};
