import { beforeEach, describe, expect, it } from '@jest/globals';
import type { BulkSpec, RekeyError } from '@rekey/schema';
import { useRedis } from '@rekey/testing/redis-fixture';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { openLedger, type Ledger } from '../open-ledger.ts';

const COUNTS = '{spec}:request-counts';
const HOUR_MS = 3_600_000;
let redis: Redis;
let ledger: Ledger;
let made = 0;
useRedis((url) => (redis = new Redis(url)));
beforeEach(() => {
  ledger = openLedger(redis, { prefix: 'spec' });
});

const idOf = (kind: string) => `${kind}_${String((made += 1)).padStart(26, '0')}`;
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: RekeyError) => error.code,
  );
const rotate = (requestId?: string, assistantId = 'ast_1') =>
  codeOf(
    ledger.rotations.accept(idOf('rot'), {
      orgId: 'org_1',
      assistantId,
      reason: '',
      ...(requestId !== undefined && { requestId }),
    }),
  );
const bulkSpec: BulkSpec = {
  orgId: 'org_1',
  reason: '',
  selection: { kind: 'org' },
  urgent: false,
  validateOnly: false,
  maxFailures: { percent: 5 },
};
const createBulk = (spec: Partial<BulkSpec> = {}) => {
  const id = idOf('blk');
  return codeOf(ledger.bulks.create(id, { ...bulkSpec, ...spec }, ledger.bulks.draft(id)));
};
const policy = {
  orgId: 'org_1',
  reason: '',
  everyDays: 90,
  window: { cron: '0 3 * * *', timeZone: 'UTC', lengthMs: HOUR_MS },
  maxFailures: { percent: 1 },
};
const createPolicy = (requestId: string) =>
  codeOf(ledger.policies.create(idOf('pol'), { ...policy, requestId }, undefined));

const hourNow = async () => Math.floor((Number((await redis.time())[0]) * 1000) / HOUR_MS);
const full = async () => redis.hset(COUNTS, String((await hourNow()) - 1), 5_000_000);

describe('request ids', () => {
  it('are counted, each once, also those of a rotation that is queued already', async () => {
    const requestId = randomUUID();
    for (const id of [requestId, requestId, randomUUID(), undefined])
      expect(await rotate(id)).toBe('resolved');
    expect(await createBulk({ requestId: randomUUID() })).toBe('resolved');
    expect(await createPolicy(randomUUID())).toBe('resolved');
    const hour = String(await hourNow());
    expect(await redis.hgetall(COUNTS)).toEqual({ hour, total: '4', [hour]: '4' });
  });

  it('are limited, of all kinds together; a known one, or none, is not refused', async () => {
    const known = randomUUID();
    await rotate(known);
    await redis.del(COUNTS);
    await full();
    const keys = await redis.keys('*');
    expect(await rotate(randomUUID(), 'ast_2')).toBe('TOO_MANY_REQUEST_IDS');
    expect(await rotate(randomUUID())).toBe('TOO_MANY_REQUEST_IDS');
    expect(await createBulk({ requestId: randomUUID() })).toBe('TOO_MANY_REQUEST_IDS');
    expect(await createPolicy(randomUUID())).toBe('TOO_MANY_REQUEST_IDS');
    expect((await redis.keys('*')).toSorted()).toEqual(keys.toSorted());
    expect(await rotate(known)).toBe('resolved');
    expect(await rotate(undefined, 'ast_2')).toBe('resolved');
    expect(await createBulk()).toBe('resolved');
  });

  it('never keep a policy from its window', async () => {
    await full();
    const ofPolicy = { kind: 'org', policyId: 'pol_1' } as const;
    expect(await createBulk({ requestId: randomUUID(), selection: ofPolicy })).toBe('resolved');
  });

  it('count no longer after a day', async () => {
    const hour = await hourNow();
    await redis.hset(COUNTS, {
      [hour - 25]: 5_000_000,
      [hour + 30]: 5_000_000,
      nonsense: 'x',
      hour: hour - 1,
    });
    expect(await rotate(randomUUID())).toBe('resolved');
    expect(await redis.hgetall(COUNTS)).toEqual({ hour: String(hour), total: '1', [hour]: '1' });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['another type', () => redis.set(COUNTS, 'x')],
    ['no numbers', async () => redis.hset(COUNTS, { hour: await hourNow(), total: 'nan', x: '1e400' })],
    ['thousands of fields', () => redis.hset(COUNTS, ...Array.from({ length: 9000 }, (_, i) => `f${i}`))],
  ])('are counted anew if another client has left %s', async (_what, spoil) => {
    await spoil();
    expect(await rotate(randomUUID())).toBe('resolved');
    expect(await redis.hgetall(COUNTS)).toMatchObject({ total: '1' });
  });
});

describe('open bulk rotations', () => {
  it('are limited, apart from those of policies', async () => {
    for (let i = 0; i < 999; i += 1) await redis.zadd('{spec}:bulks', 0, `blk_${i}`);
    expect(await createBulk()).toBe('resolved');
    expect(await createBulk()).toBe('TOO_MANY_BULKS');
    expect(await createBulk({ selection: { kind: 'org', policyId: 'pol_1' } })).toBe('resolved');
    for (let i = 0; i < 5; i += 1) await redis.zadd('{spec}:bulks:ended', 1, `blk_${i}`);
    expect(await createBulk()).toBe('resolved');
  });

  it('have a limited number of assistants together; those that cannot be read count nothing', async () => {
    await redis.zadd('{spec}:bulks', 0, 'blk_large', 0, 'blk_spoilt', 0, 'blk_nonsense');
    await redis.set('{spec}:bulk:blk_spoilt', 'x');
    await redis.hset('{spec}:bulk:blk_nonsense', 'total', 'x');
    await redis.hset('{spec}:bulk:blk_large', 'total', 9_999_999);
    const withIds = async (ids: string[]) => {
      const id = idOf('blk');
      const draft = ledger.bulks.draft(id);
      await draft.add(ids);
      return codeOf(ledger.bulks.create(id, { ...bulkSpec, selection: { kind: 'ids' } }, draft));
    };
    const keys = await redis.keys('*');
    expect(await withIds(['a', 'b'])).toBe('TOO_MANY_BULKS');
    expect((await redis.keys('*')).toSorted()).toEqual(keys.toSorted());
    expect(await withIds(['a'])).toBe('resolved');
  });
});
