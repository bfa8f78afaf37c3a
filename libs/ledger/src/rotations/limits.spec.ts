import { describe, expect, it } from '@jest/globals';
import type { RekeyError } from '@rekey/schema';
import {
  SEALED,
  accept,
  claimOf,
  claimed,
  everything,
  key,
  ledger,
  lose,
  nextId,
  redis,
  request,
  resumed,
  useLedger,
  waitOf,
} from '../ledger-fixture.ts';

useLedger({ maxOpenRotations: { inAll: 8, ofOrg: 5 } });

const one = (i: number, orgId = 'org_1') => ({ orgId, assistantId: `${orgId}-${i}` });
const fill = async (count: number, orgId?: string) => {
  const made = [];
  for (let i = 0; i < count; i += 1) made.push(await accept(one(i, orgId)));
  return made;
};
const refusal = (target: object) =>
  ledger.rotations.accept(nextId(), request(target)).then(
    () => undefined,
    ({ code, metadata }: RekeyError) => ({ code, ...metadata }),
  );
const openOf = (orgId: string) => redis.zcard(`{spec}:rotations:open:${orgId}`);

describe('open rotations', () => {
  it('are limited for each org: a refused request leaves nothing', async () => {
    await fill(5);
    const before = await everything();
    const requestId = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
    expect(await refusal({ ...one(9), requestId })).toEqual({
      code: 'TOO_MANY_ROTATIONS',
      limit: '5',
      scope: 'org',
    });
    expect(await everything()).toEqual(before);
    expect(await refusal(one(1, 'org_2'))).toBeUndefined();
  });

  it('are limited in all, however many orgs a caller names', async () => {
    for (let i = 0; i < 8; i += 1) await accept(one(i, `org_${i}`));
    expect(await refusal(one(1, 'org_new'))).toEqual({
      code: 'TOO_MANY_ROTATIONS',
      limit: '8',
      scope: 'all',
    });
    expect((await redis.keys('{spec}:*org_new*')).length).toBe(0);
  });

  it('return a rotation that is known also at the limit', async () => {
    const requestId = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
    const { id } = await accept({ ...one(0), requestId });
    await fill(5);
    expect((await accept({ ...one(0), requestId })).id).toBe(id);
    expect((await accept(one(0))).id).toBe(id);
  });

  it.each<[string, (rotation: { id: string; orgId: string; assistantId: string }) => Promise<unknown>]>([
    ['succeed', async (rotation) => ledger.assistants.commit(await claimed(rotation), key('f'))],
    [
      'fail',
      async (rotation) =>
        ledger.rotations.fail(await claimed(rotation), { code: 'UPSTREAM_REJECTED' }, false),
    ],
    ['are cancelled', ({ id }) => ledger.rotations.cancel(id)],
    ['cannot be read', ({ id }) => ledger.rotations.failCorrupt(id, 1000)],
  ])('make room when they %s', async (_how, end) => {
    const made = await fill(5);
    await end(made[2]!);
    expect(await openOf('org_1')).toBe(4);
    expect(await refusal(one(9))).toBeUndefined();
    expect(await refusal(one(10))).toMatchObject({ scope: 'org' });
  });

  it('do not count those that an earlier version has ended, or that were deleted by hand', async () => {
    const made = await fill(5);
    await redis.zrem('{spec}:rotations:open', made[0]!.id, made[1]!.id);
    expect(await refusal(one(9))).toBeUndefined();
    expect(await openOf('org_1')).toBe(4);
  });

  it('do not count those among many that are open', async () => {
    const index = '{spec}:rotations:open:org_1';
    const open = Array.from({ length: 60 }, (_, i) => [0, `rot_0${String(i).padStart(25, '0')}`]).flat();
    await redis.zadd('{spec}:rotations:open', ...open);
    await redis.zadd(index, ...open);
    await redis.zadd(index, 0, 'rot_9'.padEnd(30, '0'));
    const before = await redis.zcard(index);
    for (let i = 0; i < 2000 && (await redis.zcard(index)) === before; i += 1)
      expect(await refusal(one(9))).toMatchObject({ scope: 'org' });
    expect(await redis.zscore(index, 'rot_9'.padEnd(30, '0'))).toBeNull();
    expect(await redis.zcard(index)).toBe(before - 1);
  });

  it('count under the one name of their org', async () => {
    await fill(2, 'c');
    await ledger.alias.note('org_1', 'learned');
    await ledger.alias.adoptRotations('');
    expect([await openOf('c'), await openOf('org_1')]).toEqual([0, 2]);
    await fill(3);
    expect(await refusal(one(9, 'c'))).toMatchObject({ scope: 'org' });
  });
});

describe('an assistant that is named under very many orgs', () => {
  it('is forgotten with its last rotation', async () => {
    const made = [];
    for (let i = 0; i < 5; i += 1) made.push(await accept({ orgId: `org_${i}`, assistantId: 'ast' }));
    for (const { id } of made) await ledger.rotations.cancel(id);
    expect(await redis.exists('{spec}:assistant:ast')).toBe(0);
  });
});

describe('open intents of all orgs together', () => {
  const inAll = (target: object, maxIntentsInAll: number) =>
    accept(target).then((rotation) => claimOf(rotation, { maxIntentsInAll }));

  it('are limited, however many orgs there are; those in flight end soon', async () => {
    for (let i = 0; i < 3; i += 1) await claimed(await accept(one(0, `org_${i}`)), { maxIntentsInAll: 3 });
    const full = await inAll(one(0, 'org_3'), 3);
    expect(full).toEqual({ kind: 'full', retryInMs: 20 });
    expect(await redis.zcard('{spec}:intents')).toBe(3);
  });

  it('halt all orgs while their outcomes are unknown, and say so', async () => {
    const lost = [];
    for (let i = 0; i < 3; i += 1) lost.push(await lose(one(0, `org_${i}`)));
    await redis.zadd(
      '{spec}:intents',
      ...lost.flatMap(({ assistantId }) => [Date.now() + 50_000, assistantId]),
    );
    const waiting = await accept(one(0, 'org_3'));
    const halted = await claimOf(waiting, { maxIntentsInAll: 3 });
    expect([halted.kind, waitOf(halted)]).toEqual(['halted', 1000]);
    expect(await ledger.rotations.get(waiting.id)).toMatchObject({
      state: 'QUEUED',
      errorCode: 'TOO_MANY_UNKNOWNS_IN_ALL',
    });
    const known = await resumed({ id: lost[0]!.rotationId, ...lost[0]! }, { maxIntentsInAll: 3 });
    await ledger.rotations.release(known.claim);
    expect((await claimOf(waiting, { maxIntentsInAll: 3 })).kind).toBe('claimed');
  });

  it.each<[string, (claim: Awaited<ReturnType<typeof claimed>>) => Promise<unknown>]>([
    ['succeeds', (claim) => ledger.assistants.commit(claim, key('f'))],
    ['fails', (claim) => ledger.rotations.fail(claim, { code: 'UPSTREAM_REJECTED' }, false)],
    ['is released', (claim) => ledger.rotations.release(claim)],
  ])('do not count a rotation that %s', async (_how, end) => {
    await end(await claimed(await accept(one(0))));
    expect(await redis.zcard('{spec}:intents')).toBe(0);
  });

  it('do not count those that a worker of an earlier version has closed', async () => {
    const past = Array.from({ length: 500 }, (_, i) => [1, `ast_${i}`]).flat();
    await redis.zadd('{spec}:intents', ...past);
    let room = 'full';
    for (let i = 0; i < 50 && room !== 'claimed'; i += 1) room = (await inAll(one(0), 450)).kind;
    expect(room).toBe('claimed');
  });
});

describe('entries of open intents that another client has written', () => {
  it('do not count for ever, however far ahead they lie', async () => {
    for (const index of ['{spec}:intents', '{spec}:intents:org_1'])
      for (const [i, score] of ['1e18', '+inf', String(Date.now() + 2 * 86_400_000)].entries())
        await redis.zadd(index, score, `foreign_${i}`);
    const rotation = await accept(one(0));
    const claim = await claimOf(rotation, { maxOpenIntents: 3, maxIntentsInAll: 3 });
    expect(claim.kind).toBe('claimed');
    expect(await redis.zrange('{spec}:intents', '0', '-1')).toEqual([one(0).assistantId]);
  });

  it.each<[what: string, score: number, entry: Record<string, string>]>([
    ['within the time of a POST', Date.now() + 43_200_000, {}],
    ['of an assistant with a holder that is no rotation', 32_503_680_000_000, { holder: 'x' }],
  ])('do not count for ever: 600 %s', async (_what, score, entry) => {
    const names = Array.from({ length: 600 }, (_, i) => `foreign_${i}`);
    await redis.zadd('{spec}:intents:org_1', ...names.flatMap((name) => [score, name]));
    for (const name of names) {
      if (Object.keys(entry).length > 0) await redis.hset(`{spec}:assistant:${name}`, entry);
    }
    const rotation = await accept(one(0));
    let kind = 'full';
    for (let i = 0; i < 2000 && kind === 'full'; i += 1)
      ({ kind } = await claimOf(rotation, { maxOpenIntents: 250 }));
    expect(kind).toBe('claimed');
  });

  it('do not count for ever, if all name one rotation that is under way', async () => {
    await redis.hset('{spec}:rotation:x', { state: 'ROTATING', assistant_key: '{spec}:assistant:foreign_0' });
    for (let i = 0; i < 30; i += 1) {
      await redis.zadd('{spec}:intents:org_1', 32_503_680_000_000, `foreign_${i}`);
      await redis.hset(`{spec}:assistant:foreign_${i}`, 'holder', 'x');
    }
    const rotation = await accept(one(0));
    let kind = 'full';
    for (let i = 0; i < 500 && kind === 'full'; i += 1)
      ({ kind } = await claimOf(rotation, { maxOpenIntents: 20 }));
    expect(kind).toBe('claimed');
  });

  it('are kept if their assistant holds an intent', async () => {
    await claimed(await accept(one(0)));
    await redis.zadd('{spec}:intents:org_1', '1e18', one(0).assistantId);
    expect((await claimOf(await accept(one(1)), { maxOpenIntents: 1 })).kind).toBe('full');
  });
});

describe('consecutive unknown outcomes', () => {
  it('are not all read for each org, although the ledger has many other facts', async () => {
    const facts = Array.from({ length: 3000 }, (_, i) => [`drift:org_${i}`, 1]).flat();
    await redis.hset('{spec}:ledger', ...(facts as [string, number]));
    await redis.config('RESETSTAT');
    for (let i = 0; i < 5; i += 1) await lose(one(0, `org_${i}`));
    const [, count] = /cmdstat_hgetall:calls=(\d+)/.exec(await redis.info('commandstats')) ?? [];
    expect(Number(count ?? 0)).toBeLessThanOrEqual(1);
  });

  it('stay bounded beside them', async () => {
    const facts = Array.from({ length: 3000 }, (_, i) => [`drift:org_${i}`, 1]).flat();
    await redis.hset('{spec}:ledger', ...(facts as [string, number]));
    await lose(one(0));
    for (let round = 0; round < 4; round += 1) {
      const orgs = Array.from({ length: 600 }, (_, i) => [`run:${round}_${i}`, 1, `run_at:${round}_${i}`, 1]);
      await redis.hset('{spec}:ledger', ...(orgs.flat() as [string, number]));
      await lose(one(0, `late_${round}`));
      const runs = (await redis.hkeys('{spec}:ledger')).filter((field) => field.startsWith('run:'));
      expect(runs.length).toBeLessThanOrEqual(1501);
    }
    expect(await redis.hget('{spec}:ledger', 'drift:org_2999')).toBe('1');
  });

  it('are forgotten of the orgs without one for the longest time, beyond a thousand', async () => {
    const orgs = Array.from({ length: 1000 }, (_, i) => [`run:old_${i}`, 1, `run_at:old_${i}`, 1000 + i]);
    await redis.hset('{spec}:ledger', ...(orgs.flat() as [string, number]));
    await lose(one(0));
    const left = await redis.hkeys('{spec}:ledger');
    expect(left.filter((field) => field.startsWith('run:'))).toHaveLength(501);
    expect(left).toEqual(expect.arrayContaining(['run:org_1', 'run_at:org_1', 'run:old_999']));
    expect(left).not.toContain('run:old_0');
    const again = await claimed(await accept(one(1)));
    await ledger.rotations.noteUnknown(again, { readInMs: 0, holdMs: 0 }, SEALED);
    expect(await redis.hget('{spec}:ledger', 'run:org_1')).toBe('2');
  });
});
