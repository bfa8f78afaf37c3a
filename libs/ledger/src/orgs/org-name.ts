import { ORG_ALIAS } from '@rekey/schema';
import type { Redis } from 'ioredis';
import type { Keys } from '../keys.ts';

/** The org that `c` stands for; `c` itself until the ledger knows it. */
export const readOrgName = async (redis: Redis, keys: Pick<Keys, 'ledger'>): Promise<string> =>
  (await redis.hget(keys.ledger, 'alias')) ?? ORG_ALIAS;
