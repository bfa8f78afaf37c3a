import type { Redis } from 'ioredis';
import { ledgerKeys, type Keys } from './keys.ts';
import { createRunner, type RunCommand } from './scripts/run.ts';

/** What all aggregates of a ledger share. */
export interface Connection {
  redis: Redis;
  keys: Keys;
  run: RunCommand;
}

/** `prefix`: without the braces. */
export const connectLedger = (redis: Redis, prefix: string): Connection => {
  const keys = ledgerKeys(prefix);
  return { redis, keys, run: createRunner(redis, keys.prefix) };
};
