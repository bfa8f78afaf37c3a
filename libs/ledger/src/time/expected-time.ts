import type { Redis } from 'ioredis';

/** What a process that watches the clock of a Redis expects of it. */
export interface ExpectedTime {
  /**
   * What commands are told, behind the prefix: see now_us in prelude.lua. Empty as long as nothing is
   * expected.
   */
  argument(): string;
  /** Of what Redis says that the time is (ms): the moment that counts. */
  correct(redisMs: number): number;
}

/**
 * By connection: what Redis says of the time is the same for all who ask over it, whichever part of the
 * ledger they are.
 */
const watched = new WeakMap<Redis, ExpectedTime>();

export const expectedBy = (redis: Redis): ExpectedTime | undefined => watched.get(redis);
export const expectOf = (redis: Redis, expected: ExpectedTime): void => {
  watched.set(redis, expected);
};
