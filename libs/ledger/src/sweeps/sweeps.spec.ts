import { beforeEach, describe, expect, it } from '@jest/globals';
import { noSweepCounts, type RekeyError, type SweepCounts } from '@rekey/schema';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { openLedger } from '../open-ledger.ts';
import type { Sweeps } from './sweeps.ts';

let redis: Redis;
let sweeps: Sweeps;
let made = 0;
useRedis((url) => (redis = new Redis(url)));
beforeEach(() => {
  sweeps = openLedger(redis, { prefix: 'spec' }).sweeps;
});

const nextId = () => `swp_${String((made += 1)).padStart(26, '0')}`;
const create = async (orgId?: string) => (await sweeps.create(nextId(), orgId)).sweep;
const begun = async (orgId?: string, token = 'run-1', leaseMs = 60_000) => {
  const { id } = await create(orgId);
  expect(await sweeps.begin(id, token, leaseMs)).toMatchObject({ kind: 'begun' });
  return id;
};
const counts = (more: Partial<SweepCounts>): SweepCounts => ({ ...noSweepCounts, ...more });
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: RekeyError) => error.code,
  );

describe('create', () => {
  it.each(['org_1', undefined])('records a QUEUED sweep of one org, or of all: %j', async (orgId) => {
    const { created, sweep } = await sweeps.create(nextId(), orgId);
    expect(created).toBe(true);
    expect(sweep).toEqual({
      id: sweep.id,
      ...(orgId && { orgId }),
      requestedBy: 'local',
      state: 'QUEUED',
      createdMs: expect.any(Number),
      updatedMs: sweep.createdMs,
      counts: noSweepCounts,
    });
    expect(await sweeps.get(sweep.id)).toEqual(sweep);
  });

  it('returns the sweep that is still QUEUED for the same scope', async () => {
    const first = await create('org_1');
    expect(await sweeps.create(nextId(), 'org_1')).toEqual({ created: false, sweep: first });
    expect((await create('org_2')).id).not.toBe(first.id);
    const all = await create();
    expect(all.id).not.toBe(first.id);
    expect((await create()).id).toBe(all.id);
    expect(await sweeps.list(10)).toHaveLength(3);
  });

  it.each([
    ['that is in no index', async (id: string) => void (await redis.zrem('{spec}:sweeps', id))],
    ['of another org', async (id: string) => void (await redis.hset(`{spec}:sweep:${id}`, 'org', 'org_2'))],
  ])('does not return a QUEUED one %s: another client has written it', async (_, alter) => {
    const { id } = await create('org_1');
    await alter(id);
    const { created, sweep } = await sweeps.create(nextId(), 'org_1');
    expect({ created, isTheSame: sweep.id === id }).toEqual({ created: true, isTheSame: false });
    expect(await sweeps.begin(sweep.id, 'run-1', 60_000)).toMatchObject({ kind: 'begun' });
  });

  it('makes a new sweep while another is RUNNING', async () => {
    const first = await begun('org_1');
    expect((await create('org_1')).id).not.toBe(first);
  });

  it('deletes the oldest of more than a thousand, but none that is QUEUED or running', async () => {
    const queued = await create('org_queued');
    const abandoned = await begun('org_abandoned', 'run-0', 0);
    const running = await begun('org_running');
    for (let i = 0; i < 999; i += 1) await create(`org_${i}`);
    expect(await redis.zrange('{spec}:sweeps', '0', '1')).toEqual([queued.id, running]);
    expect(await codeOf(sweeps.get(abandoned))).toBe('SWEEP_NOT_FOUND');
    expect(await redis.exists(`{spec}:sweep:${abandoned}`)).toBe(0);
  });
});

describe('requested sweeps of one org', () => {
  const request = (orgId: string | undefined) => sweeps.create(nextId(), orgId, { requested: true });
  const know = (...orgIds: string[]) => sweeps.noteConfigured(orgIds, Date.now());
  const fill = async () => {
    for (let i = 0; i < 10; i += 1) await request(`org_${i}`);
  };

  it('are at most ten that wait, whichever orgs are named; a refused one leaves nothing', async () => {
    const codes = [];
    for (let i = 0; i < 5000; i += 1) codes.push(await codeOf(request(`org_${i}`)));
    expect(codes.filter((code) => code === 'resolved')).toHaveLength(10);
    expect(new Set(codes.slice(10))).toEqual(new Set(['TOO_MANY_SWEEPS']));
    expect(await redis.zcard('{spec}:sweeps')).toBe(10);
    expect((await redis.keys('{spec}:sweep:*')).length).toBe(10);
  });

  it('return the one that waits for the same org, also at the limit', async () => {
    await fill();
    expect(await request('org_3')).toMatchObject({ created: false, sweep: { orgId: 'org_3' } });
  });

  it('hold up no sweep of everything, and none that Rekey itself needs', async () => {
    await fill();
    expect(await request(undefined)).toMatchObject({ created: true });
    expect(await sweeps.create(nextId(), 'org_held')).toMatchObject({ created: true });
    expect(await codeOf(request('org_11'))).toBe('TOO_MANY_SWEEPS');
  });

  it('make room when one begins, is gone, or was never removed from the list', async () => {
    await fill();
    const [first] = await sweeps.queued();
    await sweeps.begin(first!.id, 'run-1', 60_000);
    expect(await codeOf(request('org_11'))).toBe('resolved');
    expect(await codeOf(request('org_12'))).toBe('TOO_MANY_SWEEPS');
    await redis.del(`{spec}:sweep:${(await sweeps.queued())[0]!.id}`);
    expect(await codeOf(request('org_12'))).toBe('resolved');
    await redis.hset(`{spec}:sweep:${(await sweeps.queued())[0]!.id}`, 'state', 'SUCCEEDED');
    expect(await codeOf(request('org_13'))).toBe('resolved');
    expect(await sweeps.queued()).toHaveLength(10);
  });

  it('are refused after an earlier version has left thousands, until these have begun', async () => {
    await redis.hset(
      '{spec}:sweeps:QUEUED',
      ...Array.from({ length: 4585 }, (_, i) => [`o_${i}`, `s_${i}`]).flat(),
    );
    expect(await codeOf(request('org_1'))).toBe('TOO_MANY_SWEEPS');
    expect(await codeOf(request(undefined))).toBe('resolved');
  });

  it('have entries that no sweep is QUEUED for removed, thousands too, and keep the others', async () => {
    const { id } = (await request('org_1')).sweep;
    const other = (await sweeps.create(nextId(), undefined)).sweep.id;
    await redis.set('{spec}:sweep:spoilt', 'x');
    await redis.hset('{spec}:sweep:begun', 'state', 'RUNNING');
    await redis.hset(
      '{spec}:sweeps:QUEUED',
      ...Array.from({ length: 5000 }, (_, i) => [`o_${i}`, String(i)]).flat(),
    );
    await redis.hset('{spec}:sweeps:QUEUED', { a: 'spoilt', b: 'begun' });
    expect(await codeOf(request('org_2'))).toBe('TOO_MANY_SWEEPS');
    for (let i = 0; i < 20 && (await redis.hlen('{spec}:sweeps:QUEUED')) > 2; i += 1) await sweeps.queued();
    expect(await redis.hgetall('{spec}:sweeps:QUEUED')).toEqual({ org_1: id, '': other });
    // Each call reads a part of the hash, which Redis keeps as large as it was for a while.
    const found: unknown[] = [];
    for (let i = 0; i < 50 && found.length < 2; i += 1) found.push(...(await sweeps.queued()));
    expect(found).toEqual(expect.arrayContaining([{ id: other }, { id, orgId: 'org_1' }]));
    expect(await codeOf(request('org_2'))).toBe('resolved');
  });

  it('are refused for an org that nothing says exists', async () => {
    await know('org_1', 'c');
    await redis.hset('{spec}:ledger', 'alias', 'org_real');
    await redis.sadd('{spec}:orgs', 'org_published');
    await redis.zadd('{spec}:policies', 0, 'pol_1', 0, 'pol_2');
    await redis.set('{spec}:policy:pol_1', 'spoilt');
    await redis.hset('{spec}:policy:pol_2', 'org', 'org_of_policy');
    for (const orgId of ['org_1', 'c', 'org_real', 'org_published', 'org_of_policy', undefined])
      expect([orgId, await codeOf(request(orgId))]).toEqual([orgId, 'resolved']);
    for (const orgId of ['org_2', 'ORG_1', '*', '__proto__'])
      expect([orgId, await codeOf(request(orgId))]).toEqual([orgId, 'ORG_NOT_KNOWN']);
    expect(await sweeps.queued()).toHaveLength(5);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['no worker has said which API keys it has', async () => {}],
    ['one key serves every org', () => know('*')],
    ['it is unknown which org `c` is', () => know('c')],
  ])('are accepted for any org while %s', async (_when, prepare) => {
    await prepare();
    expect(await codeOf(request('org_new'))).toBe('resolved');
  });

  it('forget after an hour the orgs that no worker has a key for any more', async () => {
    await sweeps.noteConfigured(['org_old'], Date.now() - 3_700_000);
    await know(...Array.from({ length: 2500 }, (_, i) => `org_${i}`));
    expect(await codeOf(request('org_2499'))).toBe('resolved');
    expect(await codeOf(request('org_old'))).toBe('ORG_NOT_KNOWN');
  });
});

describe('a sweep of everything that waits for the lock', () => {
  const tries = async (id: string, token: string) => (await sweeps.begin(id, token, 60_000)).kind;
  const end = (id: string, token: string) => sweeps.save(id, token, counts({}), { end: 'SUCCEEDED' });

  it('gets it next, before sweeps of one org', async () => {
    const running = await begun('org_1', 'run-1');
    const [all, other] = [await create(), await create('org_2')];
    expect(await tries(all.id, 'run-2')).toBe('busy');
    await sweeps.save(running, 'run-1', counts({}), { end: 'SUCCEEDED' });
    expect(await sweeps.begin(other.id, 'run-3', 60_000)).toEqual({ kind: 'busy', retryInMs: 1000 });
    expect(await tries(all.id, 'run-2')).toBe('begun');
    await sweeps.save(all.id, 'run-2', counts({}), { end: 'SUCCEEDED' });
    expect(await tries(other.id, 'run-3')).toBe('begun');
  });

  it('takes turns with sweeps of one org, however often everything is swept', async () => {
    await end(await begun(), 'run-1');
    const one = await create('org_1');
    const order = [];
    for (let round = 0; round < 3; round += 1) {
      const all = await create();
      if ((await tries(all.id, 'run-1')) === 'begun') {
        order.push('all');
        await end(all.id, 'run-1');
      } else if ((await tries(one.id, 'run-2')) === 'begun') {
        order.push('one');
        await end(one.id, 'run-2');
      }
    }
    expect(order).toEqual(['one', 'all', 'all']);
  });

  it('takes turns also if it has tried while another sweep of everything ran', async () => {
    const running = await begun();
    const [all, one] = [await create(), await create('org_1')];
    expect(await tries(all.id, 'run-2')).toBe('busy');
    await end(running, 'run-1');
    expect(await sweeps.begin(all.id, 'run-2', 60_000)).toEqual({ kind: 'busy', retryInMs: 1000 });
    expect(await tries(one.id, 'run-3')).toBe('begun');
    await end(one.id, 'run-3');
    expect(await tries(all.id, 'run-2')).toBe('begun');
  });

  it.each([-6000, 6000])('waits no longer for one that does not begin: %d ms off', async (offMs) => {
    await end(await begun(), 'run-1');
    await create('org_lost');
    const all = await create();
    expect(await tries(all.id, 'run-1')).toBe('busy');
    await redis.hset('{spec}:ledger', 'sweep_yielded', Date.now() + offMs);
    expect(await tries(all.id, 'run-1')).toBe('begun');
    expect(await redis.hexists('{spec}:ledger', 'sweep_yielded')).toBe(0);
  });

  it.each([-6000, 6000])('holds up nothing once it stops trying: %d ms off', async (offMs) => {
    const other = await create('org_2');
    await redis.hset('{spec}:ledger', 'sweep_tried', Date.now() + offMs);
    expect(await tries(other.id, 'run-1')).toBe('begun');
  });
});

describe('a key that another client has spoilt', () => {
  it.each(['set', 'rpush'] as const)(
    'does not keep sweeps from being made and begun: %s',
    async (command) => {
      for (const key of ['sweeps:QUEUED', 'sweeping']) await redis.call(command, `{spec}:${key}`, 'x');
      const one = await sweeps.create(nextId(), 'org_1', { requested: true });
      expect(await create('org_1')).toMatchObject({ id: one.sweep.id });
      for (const key of ['sweeps:QUEUED', 'sweeping']) {
        await redis.del(`{spec}:${key}`);
        await redis.call(command, `{spec}:${key}`, 'x');
      }
      expect(await sweeps.begin(one.sweep.id, 'run-1', 60_000)).toMatchObject({ kind: 'begun' });
      expect(await sweeps.begin((await create()).id, 'run-2', 60_000)).toMatchObject({ kind: 'busy' });
    },
  );
});

describe('begin', () => {
  it('makes the sweep RUNNING and takes the lock', async () => {
    const { id, createdMs } = await create('org_1');
    const result = await sweeps.begin(id, 'run-1', 60_000);
    expect(result).toEqual({
      kind: 'begun',
      nowMs: expect.any(Number),
      sweep: {
        id,
        orgId: 'org_1',
        requestedBy: 'local',
        state: 'RUNNING',
        createdMs,
        startedMs: expect.any(Number),
        updatedMs: expect.any(Number),
        counts: noSweepCounts,
      },
    });
    const { nowMs, sweep } = result as Extract<typeof result, { kind: 'begun' }>;
    expect(sweep.startedMs).toBe(nowMs);
    expect(await redis.hgetall('{spec}:sweeping')).toEqual({
      id,
      token: 'run-1',
      lease: String(nowMs + 60_000),
    });
  });

  it('is BUSY while another sweep runs, and for a second run of the same sweep', async () => {
    const id = await begun('org_1');
    for (const other of [(await create('org_2')).id, id]) {
      const result = await sweeps.begin(other, 'run-2', 60_000);
      expect(result).toMatchObject({ kind: 'busy' });
      expect((result as { retryInMs: number }).retryInMs).toBeGreaterThan(50_000);
    }
    expect(await sweeps.get(id)).toMatchObject({ state: 'RUNNING' });
  });

  it('begins again for the same run, if its response was lost', async () => {
    const id = await begun('org_1');
    expect(await sweeps.begin(id, 'run-1', 60_000)).toMatchObject({ kind: 'begun' });
  });

  it('takes over from a run whose lease has lapsed, and starts over with counts of zero', async () => {
    const id = await begun('org_1', 'run-1', 0);
    await sweeps.save(id, 'run-1', counts({ compared: 5 }), { leaseMs: 0 });
    expect(await sweeps.begin(id, 'run-2', 60_000)).toMatchObject({
      kind: 'begun',
      sweep: { counts: noSweepCounts },
    });
    expect(await sweeps.save(id, 'run-1', counts({ compared: 6 }), { leaseMs: 60_000 })).toBe(false);
    expect(await sweeps.get(id)).toMatchObject({ counts: noSweepCounts });
  });

  it('ignores a lease that is too far ahead, from before the clock was turned back', async () => {
    await begun('org_1');
    await redis.hset('{spec}:sweeping', 'lease', Date.now() + 3_600_000);
    expect(await sweeps.begin((await create('org_2')).id, 'run-2', 60_000)).toMatchObject({ kind: 'begun' });
  });

  it('finds a sweep that has ended', async () => {
    const id = await begun();
    await sweeps.save(id, 'run-1', noSweepCounts, { end: 'SUCCEEDED' });
    expect(await sweeps.begin(id, 'run-2', 60_000)).toEqual({ kind: 'ended' });
  });

  it('does not find a sweep that was not recorded', async () => {
    expect(await sweeps.begin(nextId(), 'run-1', 60_000)).toEqual({ kind: 'missing' });
    expect(await redis.exists('{spec}:sweeping')).toBe(0);
  });
});

describe('save', () => {
  it('saves the counts and renews the lease', async () => {
    const id = await begun('org_1', 'run-1', 1000);
    expect(await sweeps.save(id, 'run-1', counts({ requests: 2, agreed: 7 }), { leaseMs: 60_000 })).toBe(
      true,
    );
    expect(await sweeps.get(id)).toMatchObject({
      state: 'RUNNING',
      counts: counts({ requests: 2, agreed: 7 }),
    });
    expect(await sweeps.begin((await create('org_2')).id, 'run-2', 60_000)).toMatchObject({ kind: 'busy' });
  });

  it('still saves after its lease has lapsed, until another run takes the lock', async () => {
    const id = await begun('org_1', 'run-1', 0);
    expect(await sweeps.save(id, 'run-1', counts({ held: 1 }), { leaseMs: 60_000 })).toBe(true);
  });

  it('ends the sweep, releases the lock and keeps the sweep for a week', async () => {
    const id = await begun('org_1');
    expect(await sweeps.save(id, 'run-1', counts({ adopted: 1 }), { end: 'SUCCEEDED' })).toBe(true);
    expect(await sweeps.get(id)).toMatchObject({
      state: 'SUCCEEDED',
      counts: counts({ adopted: 1 }),
      endedMs: expect.any(Number),
    });
    expect(await redis.exists('{spec}:sweeping')).toBe(0);
    expect(await redis.ttl(`{spec}:sweep:${id}`)).toBeGreaterThan(7 * 24 * 3600 - 10);
  });

  it('records why a sweep FAILED', async () => {
    const id = await begun('org_1');
    await sweeps.save(id, 'run-1', noSweepCounts, { end: 'FAILED', errorCode: 'ORG_NOT_CONFIGURED' });
    expect(await sweeps.get(id)).toMatchObject({ state: 'FAILED', errorCode: 'ORG_NOT_CONFIGURED' });
  });

  it('finds that it has ended the sweep already if the response was lost', async () => {
    const id = await begun('org_1');
    await sweeps.save(id, 'run-1', noSweepCounts, { end: 'SUCCEEDED' });
    expect(await sweeps.save(id, 'run-1', noSweepCounts, { end: 'SUCCEEDED' })).toBe(true);
    expect(await sweeps.save(id, 'run-1', noSweepCounts, { end: 'FAILED' })).toBe(false);
    expect(await sweeps.save(id, 'run-2', noSweepCounts, { end: 'SUCCEEDED' })).toBe(false);
  });

  it('writes nothing if another sweep holds the lock, or the sweep is gone', async () => {
    const first = await begun('org_1', 'run-1', 0);
    const second = await begun('org_2', 'run-2');
    expect(await sweeps.save(first, 'run-1', counts({ held: 1 }), { end: 'SUCCEEDED' })).toBe(false);
    expect(await sweeps.get(first)).toMatchObject({ state: 'RUNNING', counts: noSweepCounts });
    await redis.del(`{spec}:sweep:${second}`);
    expect(await sweeps.save(second, 'run-2', noSweepCounts, { leaseMs: 60_000 })).toBe(false);
    expect(await redis.exists(`{spec}:sweep:${second}`)).toBe(0);
  });
});

describe('get and list', () => {
  it('list the newest first, without expired ones', async () => {
    const [a, b, c] = [await create('org_a'), await create('org_b'), await create('org_c')];
    await redis.del(`{spec}:sweep:${b.id}`);
    expect((await sweeps.list(10)).map(({ id }) => id)).toEqual([c.id, a.id]);
    expect((await sweeps.list(1)).map(({ id }) => id)).toEqual([c.id]);
  });

  it('report a missing sweep', async () => {
    expect(await codeOf(sweeps.get(nextId()))).toBe('SWEEP_NOT_FOUND');
  });

  it.each([{ state: 'SLEEPING' }, { counts: '{' }, { counts: '{"requests":-1}' }])(
    'report an entry that cannot be read: %j',
    async (broken) => {
      const { id } = await create();
      await redis.hset(`{spec}:sweep:${id}`, broken);
      expect(await codeOf(sweeps.get(id))).toBe('LEDGER_CORRUPT');
    },
  );
});

describe('an index that another client has changed', () => {
  const fill = (count: number, scoreOf: (i: number) => number) =>
    redis.zadd('{spec}:sweeps', ...Array.from({ length: count }, (_, i) => [scoreOf(i), nextId()]).flat());
  const pagesOf = async (size: number): Promise<number> => {
    let pages = 0;
    for (let after: string | undefined; pages < 100;) {
      pages += 1;
      ({ next: after } = await sweeps.page({ size, ...(after !== undefined && { after }) }));
      if (after === undefined) return pages;
    }
    return Infinity;
  };

  it('has pages that end, though its scores are in no order', async () => {
    await create();
    await fill(3000, (i) => (i * 7919) % 3001);
    expect(await pagesOf(50)).toBeLessThan(100);
  });

  it('is looked at in part by one page', async () => {
    const { id } = await create();
    await fill(5000, () => 0);
    await redis.config('RESETSTAT');
    const page = await sweeps.page({ size: 50 });
    const reads = Number(/^cmdstat_hgetall:calls=(\d+),/m.exec(await redis.info('commandstats'))?.[1]);
    expect([page.sweeps, page.next !== undefined, reads]).toEqual([[], true, 1000]);
    expect((await sweeps.page({ size: 50, after: `${id}0` })).sweeps).toMatchObject([{ id }]);
  });
});

describe('an entry that another client has spoiled', () => {
  const spoilers: [string, (key: string) => Promise<unknown>][] = [
    ['lacks a field', (key) => redis.hdel(key, 'created')],
    ['holds a field of no use', (key) => redis.hset(key, { updated: 'x', started: 'y', counts: 'z' })],
    ['names no org', (key) => redis.hdel(key, 'org')],
  ];
  it.each(spoilers)('is written anew while it waits, if it %s', async (_, spoil) => {
    const first = await create('org_1');
    await spoil(`{spec}:sweep:${first.id}`);
    const { created, sweep } = await sweeps.create(nextId(), 'org_1');
    expect([created, sweep.id, sweep.orgId]).toEqual([false, first.id, 'org_1']);
    expect(await sweeps.begin(first.id, 'run-1', 60_000)).toMatchObject({ kind: 'begun' });
  });

  it('is written anew when it begins', async () => {
    const { id } = await create('org_1');
    await redis.hset(`{spec}:sweep:${id}`, { created: '-1', ended: 'x' });
    expect(await sweeps.begin(id, 'run-1', 60_000)).toMatchObject({ kind: 'begun', sweep: { id } });
    expect(await sweeps.get(id)).toMatchObject({ state: 'RUNNING', orgId: 'org_1' });
  });

  it('does not begin without its scope', async () => {
    const { id } = await create('org_1');
    await redis.hdel(`{spec}:sweep:${id}`, 'org');
    expect(await sweeps.begin(id, 'run-1', 60_000)).toEqual({ kind: 'missing' });
  });

  it('makes room for another if it has another type', async () => {
    const { id } = await create('org_1');
    await redis.del(`{spec}:sweep:${id}`);
    await redis.set(`{spec}:sweep:${id}`, 'x');
    expect(await sweeps.create(nextId(), 'org_1')).toMatchObject({ created: true });
  });

  it('does not hide the others', async () => {
    const [first, second, third] = [await create('org_1'), await create('org_2'), await create('org_3')];
    await redis.hset(`{spec}:sweep:${first.id}`, 'created', 'x');
    await redis.del(`{spec}:sweep:${second.id}`);
    await redis.set(`{spec}:sweep:${second.id}`, 'x');
    expect(await sweeps.list(10)).toEqual([third]);
  });
});
