import { beforeEach, describe, expect, it } from '@jest/globals';
import { MAX_POLICIES, type PolicySpec, type RekeyError } from '@rekey/schema';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { openLedger } from '../open-ledger.ts';
import type { Policies } from './policies.ts';

let redis: Redis;
let policies: Policies;
let made = 0;
useRedis((url) => (redis = new Redis(url)));
beforeEach(() => {
  policies = openLedger(redis, { prefix: 'spec' }).policies;
});

const HOUR_MS = 3_600_000;
const REQUEST_ID = '6f1c2f0e-0000-4000-8000-000000000001';
const nextId = () => `pol_${String((made += 1)).padStart(26, '0')}`;
const spec = (more: Partial<PolicySpec> = {}): PolicySpec => ({
  orgId: 'org_1',
  reason: 'audit',
  everyDays: 90,
  window: { cron: '0 2 * * *', timeZone: 'Europe/Berlin', lengthMs: HOUR_MS },
  maxFailures: { percent: 5 },
  ...more,
});
const create = async (more: Partial<PolicySpec> = {}, ids?: string[]) =>
  (await policies.create(nextId(), spec(more), ids)).policy;
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: RekeyError) => error.code,
  );
const everything = async () => (await redis.keys('*')).toSorted();

describe('create', () => {
  it('records a policy of the whole org', async () => {
    const { created, policy } = await policies.create(nextId(), spec(), undefined);
    expect(created).toBe(true);
    expect(policy).toEqual({
      id: policy.id,
      ...spec(),
      requestedBy: 'local',
      paused: false,
      createdMs: expect.any(Number),
      updatedMs: policy.createdMs,
    });
    expect(await policies.get(policy.id)).toEqual(policy);
  });

  it('records a policy for named assistants, more than Lua takes at once', async () => {
    const ids = Array.from({ length: 10_000 }, (_, i) => `ast_${i}`);
    const policy = await create({ maxFailures: { count: 3 } }, ids);
    expect(policy).toMatchObject({ assistantCount: 10_000, maxFailures: { count: 3 } });
    expect((await policies.members(policy.id, ids)).every(Boolean)).toBe(true);
  });

  it('returns the first policy for a repeated request, in any order of the assistants', async () => {
    const first = await create({ requestId: REQUEST_ID }, ['a', 'b']);
    expect(first.requestId).toBe(REQUEST_ID);
    expect(await policies.create(nextId(), spec({ requestId: REQUEST_ID }), ['b', 'a'])).toEqual({
      created: false,
      policy: first,
    });
    expect(await policies.list()).toEqual([first]);
  });

  it.each([
    ['another term', { everyDays: 30 }, ['a']],
    ['other assistants', {}, ['a', 'b']],
    ['the whole org', {}, undefined],
  ])('refuses a request id that was used with other arguments: %s', async (_what, more, ids) => {
    await create({ requestId: REQUEST_ID }, ['a']);
    expect(await codeOf(create({ requestId: REQUEST_ID, ...more }, ids))).toBe('REQUEST_ID_REUSED');
    expect(await policies.list()).toHaveLength(1);
  });

  it('refuses a request id whose policy was deleted', async () => {
    await policies.delete((await create({ requestId: REQUEST_ID })).id);
    expect(await codeOf(create({ requestId: REQUEST_ID }))).toBe('REQUEST_ID_SPENT');
  });

  it('creates no more than the limit, and keeps no request id of a refused policy', async () => {
    for (let i = 0; i < MAX_POLICIES; i += 1) await redis.zadd('{spec}:policies', 0, nextId());
    expect(await codeOf(create({ requestId: REQUEST_ID }, ['a']))).toBe('TOO_MANY_POLICIES');
    expect(await everything()).toEqual(['{spec}:policies']);
  });
});

describe('the assistants that all policies name together', () => {
  const own = (bytes: string) => redis.hmget(`{spec}:policy:${bytes}`, 'assistants', 'bytes');

  it.each([
    ['a million', { assistants: '999999' }],
    ['64 MiB of ids', { assistants: '10', bytes: String(64 * 1024 * 1024 - 1) }],
  ])('are limited to %s; a refused policy leaves nothing', async (_what, fields) => {
    const { id } = await create({}, ['a']);
    expect(await own(id)).toEqual(['1', '1']);
    await redis.hset(`{spec}:policy:${id}`, fields);
    const before = await everything();
    expect(await codeOf(create({ requestId: REQUEST_ID }, ['b', 'c']))).toBe('POLICIES_TOO_LARGE');
    expect(await everything()).toEqual(before);
    expect(await codeOf(create())).toBe('resolved');
    await policies.delete(id);
    expect(await codeOf(create({ requestId: REQUEST_ID }, ['b', 'c']))).toBe('resolved');
  });

  it('count 32 bytes an id of a policy from an earlier version, and nothing for a spoilt one', async () => {
    const [old, spoilt] = [await create({}, ['a']), await create({}, ['a'])];
    await redis.hdel(`{spec}:policy:${old.id}`, 'bytes');
    await redis.del(`{spec}:policy:${spoilt.id}`);
    await redis.set(`{spec}:policy:${spoilt.id}`, 'spoilt');
    const { id } = await create({}, ['a']);
    await redis.hset(`{spec}:policy:${id}`, 'bytes', 64 * 1024 * 1024 - 33);
    expect(await codeOf(create({}, ['b']))).toBe('resolved');
    expect(await codeOf(create({}, ['b']))).toBe('POLICIES_TOO_LARGE');
  });
});

describe('list', () => {
  it('returns all policies, newest first, or those of one org', async () => {
    const [a, b] = [await create(), await create({ orgId: 'org_2' })];
    expect(await policies.list()).toEqual([b, a]);
    expect(await policies.list({ orgId: 'org_1' })).toEqual([a]);
  });

  it('leaves out entries that cannot be read, which get reports', async () => {
    const [a, b, c] = [await create(), await create(), await create()];
    await redis.hset(`{spec}:policy:${b.id}`, 'created', 'yesterday');
    await redis.set(`{spec}:policy:${c.id}`, '');
    expect(await policies.list()).toEqual([a]);
    expect(await codeOf(policies.get(b.id))).toBe('LEDGER_CORRUPT');
  });
});

describe('list, of an index that another client has filled', () => {
  it.each(['a', 'z'])('reads a bounded number of entries, beside ids that begin with %s', async (start) => {
    const policy = await create();
    const ids = Array.from({ length: 30_000 }, (_, i) => `${start}${i}`);
    await redis.zadd('{spec}:policies', ...ids.flatMap((id) => [0, id]));
    await redis.config('RESETSTAT');
    expect(await policies.list()).toEqual(start === 'a' ? [policy] : []);
    expect(await redis.info('commandstats')).toMatch(/^cmdstat_hgetall:calls=10000,/m);
  });
});

describe('members', () => {
  it('are the named assistants, or all', async () => {
    const named = await create({}, ['a', 'c']);
    expect(await policies.members(named.id, ['a', 'b', 'c'])).toEqual([true, false, true]);
    expect(await policies.members(named.id, [])).toEqual([]);
    expect(await policies.members((await create()).id, ['a', 'b'])).toEqual([true, true]);
  });
});

describe('setPaused', () => {
  it('pauses and resumes, and can be repeated', async () => {
    const { id } = await create();
    for (const paused of [true, true, false, false]) {
      expect(await policies.setPaused(id, paused)).toMatchObject({ id, paused });
      expect(await policies.get(id)).toMatchObject({ paused });
    }
  });
});

describe('update', () => {
  it('changes only the given fields, and keeps the terms and the last window', async () => {
    const policy = await create({}, ['ast_1']);
    await policies.begin(policy.id, 1000);
    await policies.noteBulk(policy.id, 1000, 'blk_1');
    const before = await redis.hgetall(`{spec}:policy:${policy.id}`);
    const updated = await policies.update(policy, {
      everyDays: 30,
      window: { timeZone: 'UTC' },
      maxFailures: { count: 0 },
    });
    expect(updated).toMatchObject({
      ...policy,
      everyDays: 30,
      window: { ...policy.window, timeZone: 'UTC' },
      maxFailures: { count: 0 },
      lastDueMs: 1000,
      lastBulkId: 'blk_1',
      updatedMs: expect.any(Number),
    });
    expect(await policies.get(policy.id)).toEqual(updated);
    expect(await redis.hgetall(`{spec}:policy:${policy.id}`)).toEqual({
      ...before,
      every_days: '30',
      window_zone: 'UTC',
      limit_count: '0',
      limit_percent: '',
      updated: expect.any(String),
    });
    expect(await policies.update(updated!, { maxFailures: { percent: 7 } })).toMatchObject({
      maxFailures: { percent: 7 },
    });
  });

  it('keeps what another update has changed in fields that it does not name', async () => {
    const policy = await create();
    await policies.update(policy, { reason: 'one' });
    await policies.update(policy, { maxFailures: { count: 2 } });
    expect(await policies.update(policy, { reason: 'two' })).toMatchObject({
      reason: 'two',
      maxFailures: { count: 2 },
    });
  });

  it.each([[{ everyDays: 30 }], [{ window: { cron: '0 3 * * *' } }]])(
    'changes nothing if another update has changed the term or the expression: %j',
    async (other) => {
      const policy = await create();
      const changed = await policies.update(policy, other);
      expect(await policies.update(policy, { reason: 'late' })).toBeUndefined();
      expect(await policies.get(policy.id)).toEqual(changed);
    },
  );

  it('does not bring back a deleted policy', async () => {
    const policy = await create();
    await policies.delete(policy.id);
    expect(await codeOf(policies.update(policy, { everyDays: 30 }))).toBe('POLICY_NOT_FOUND');
    expect(await everything()).toEqual(['{spec}:activity']);
  });
});

describe('begin', () => {
  it('gives a window its length from now on, and the same end whenever it is repeated', async () => {
    const { id, createdMs } = await create();
    const begun = await policies.begin(id, createdMs - 7 * 24 * HOUR_MS);
    expect(begun).toEqual({ kind: 'begun', untilMs: expect.any(Number) });
    const { untilMs } = begun as { untilMs: number };
    expect(untilMs).toBeGreaterThanOrEqual(createdMs + HOUR_MS);
    expect(untilMs).toBeLessThan(createdMs + HOUR_MS + 60_000);
    await redis.hset(`{spec}:policy:${id}`, 'window_length', 1);
    expect(await policies.begin(id, createdMs - 7 * 24 * HOUR_MS)).toEqual(begun);
  });

  it('does not go back to an earlier window', async () => {
    const { id } = await create();
    await policies.begin(id, 2000);
    expect(await policies.begin(id, 1000)).toEqual({ kind: 'passed' });
    expect(await policies.begin(id, 3000)).toMatchObject({ kind: 'begun' });
  });

  it('begins no window of a policy that is paused or gone', async () => {
    const { id } = await create();
    await policies.setPaused(id, true);
    expect(await policies.begin(id, 1000)).toEqual({ kind: 'paused' });
    expect(await policies.begin(nextId(), 1000)).toEqual({ kind: 'missing' });
  });
});

describe('noteBulk', () => {
  it('records the last bulk rotation, and its window', async () => {
    const { id } = await create();
    await policies.noteBulk(id, 1000, 'blk_1');
    expect(await policies.get(id)).toMatchObject({ lastDueMs: 1000, lastBulkId: 'blk_1' });
  });

  it('does not bring a deleted policy back', async () => {
    await policies.noteBulk(nextId(), 1000, 'blk_1');
    expect(await everything()).toEqual([]);
  });
});

describe('delete', () => {
  it('leaves nothing behind', async () => {
    const { id } = await create({}, ['a']);
    await policies.delete(id);
    expect(await everything()).toEqual(['{spec}:activity']);
  });

  it('reports a missing policy, as the other methods do', async () => {
    const id = nextId();
    const calls = [
      policies.delete(id),
      policies.get(id),
      policies.members(id, ['a']),
      policies.setPaused(id, true),
    ];
    expect(await Promise.all(calls.map(codeOf))).toEqual(calls.map(() => 'POLICY_NOT_FOUND'));
    expect(await everything()).toEqual([]);
  });
});
