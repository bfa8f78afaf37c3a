import { expect, it } from '@jest/globals';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { readOrgIds } from './org-ids.ts';

const keys = ledgerKeys('spec');
let redis: Redis;
useRedis((url) => (redis = new Redis(url)));

const add = async (count: number) => {
  for (let from = 0; from < count; from += 1000)
    await redis.sadd(keys.orgs, ...Array.from({ length: 1000 }, (_, i) => `org_${from + i}`));
};

it('reads every org once, of thousands too', async () => {
  expect(await readOrgIds({ redis, keys })).toEqual([]);
  await redis.sadd(keys.orgs, 'org_a', '__proto__');
  expect((await readOrgIds({ redis, keys })).toSorted()).toEqual(['__proto__', 'org_a']);
  await add(5000);
  expect(new Set(await readOrgIds({ redis, keys })).size).toBe(5002);
});

it('reads a limited number of a set that another client has filled', async () => {
  await add(120_000);
  expect(await readOrgIds({ redis, keys })).toHaveLength(100_000);
});
