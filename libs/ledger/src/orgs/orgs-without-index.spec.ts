import { expect, it } from '@jest/globals';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { readOrgsWithoutIndex } from './orgs-without-index.ts';

const keys = ledgerKeys('spec');
let redis: Redis;
useRedis((url) => (redis = new Redis(url)));

it('finds an org that had assistants and is missing in an index', async () => {
  await redis.hset(keys.known, { org_a: 8, org_b: 2, org_c: 3, org_empty: 0, org_odd: 'x' });
  for (const orgId of ['org_a', 'org_c']) await redis.zadd(keys.assistants(orgId), 1, 'ast_1');
  await redis.sadd(keys.orgs, 'org_a', 'org_b');
  expect((await readOrgsWithoutIndex({ redis, keys })).toSorted()).toEqual(['org_b', 'org_c']);
});

it('returns a few of those that another client has invented', async () => {
  const invented = Array.from({ length: 5000 }, (_, i) => [`org_${i}`, '1']).flat();
  await redis.hset(keys.known, ...invented);
  expect(await readOrgsWithoutIndex({ redis, keys })).toHaveLength(20);
});

it('finds none, and names the key, if it is of another type', async () => {
  await redis.set(keys.known, 'x');
  expect(await readOrgsWithoutIndex({ redis, keys })).toEqual([]);
  expect(await redis.hkeys(keys.damaged)).toEqual([keys.known]);
});
