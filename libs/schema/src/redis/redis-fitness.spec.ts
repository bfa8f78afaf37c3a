import { describe, expect, it } from '@jest/globals';
import { unfitRedis } from './redis-fitness.ts';

const unfit = (facts: Record<string, string>) => unfitRedis((field) => facts[field]);

describe('unfitRedis', () => {
  it.each([
    {},
    { redis_version: '7.0.0', redis_mode: 'standalone', cluster_enabled: '0' },
    { redis_version: '7.2.4', valkey_version: '8.1.0' },
    { redis_version: '10.0' },
    { redis_version: 'unstable' },
  ])('accepts %j', (facts) => {
    expect(unfit(facts)).toBeUndefined();
  });

  it.each([
    [{ redis_version: '7.0.15', redis_mode: 'cluster', cluster_enabled: '1' }, 'Redis Cluster'],
    [{ redis_version: '7.0.15', cluster_enabled: '1' }, 'Redis Cluster'],
    [{ redis_version: '7.0.15', redis_mode: 'sentinel' }, 'Sentinel'],
    [{ redis_version: '6.2.14' }, 'is Redis 6.2.14: Rekey needs Redis 7.0 or later'],
    [{ redis_version: '5.0.7' }, 'is Redis 5.0.7'],
  ])('rejects %j', (facts, complaint) => {
    expect(unfit(facts)).toContain(complaint);
  });
});
