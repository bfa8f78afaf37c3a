import { expect, it } from '@jest/globals';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { readOrgsWithoutIndex } from './orgs-without-index.ts';

const keys = ledgerKeys('spec');
let redis: Redis;
useRedis((url) => (redis = new Redis(url)));

const indexed = async (...orgIds: string[]) => {
  for (const orgId of orgIds) await redis.zadd(keys.assistants(orgId), 1, 'ast_1');
};

it('finds an org that has no index of assistants, unless its last sweep found none', async () => {
  await redis.sadd(keys.orgs, 'org_a', 'org_b', 'org_new', 'org_empty', 'c');
  await redis.hset(keys.known, { org_a: 8, org_b: 2, org_empty: 0 });
  await indexed('org_a');
  expect((await readOrgsWithoutIndex({ redis, keys })).toSorted()).toEqual(['org_b', 'org_new']);
});

it('finds an org that is missing among the orgs', async () => {
  await redis.sadd(keys.orgs, 'org_a');
  await redis.hset(keys.known, { org_a: 8, org_b: 2, org_c: 1, org_empty: 0, org_odd: 'x' });
  await indexed('org_a', 'org_b');
  expect((await readOrgsWithoutIndex({ redis, keys })).toSorted()).toEqual(['org_b', 'org_c']);
});

it('returns a few of those that another client has invented', async () => {
  const invented = Array.from({ length: 5000 }, (_, i) => `org_${i}`);
  await redis.sadd(keys.orgs, ...invented);
  await redis.hset(keys.known, ...invented.flatMap((orgId) => [`${orgId}_too`, '1']));
  expect(await readOrgsWithoutIndex({ redis, keys })).toHaveLength(20);
});

it('names the key of what sweeps knew if it is of another type', async () => {
  await redis.set(keys.known, 'x');
  await redis.sadd(keys.orgs, 'org_a');
  expect(await readOrgsWithoutIndex({ redis, keys })).toEqual(['org_a']);
  expect(await redis.hkeys(keys.damaged)).toEqual([keys.known]);
});
