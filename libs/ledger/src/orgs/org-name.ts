import { ORG_ALIAS } from '@rekey/schema';
import type { Redis } from 'ioredis';
import type { Keys } from '../keys.ts';

/** Which org `c` stands for, as far as the ledger knows; `c` itself until then. */
export const readOrgName = async (redis: Redis, keys: Pick<Keys, 'ledger'>): Promise<string> =>
  (await redis.hget(keys.ledger, 'alias')) ?? ORG_ALIAS;
