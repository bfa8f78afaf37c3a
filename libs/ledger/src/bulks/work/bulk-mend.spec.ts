import { describe, expect, it } from '@jest/globals';
import { redis } from '../../ledger-fixture.ts';
import {
  allProblems,
  begin,
  bulks,
  claimsOf,
  claimRange,
  countsOf,
  draw,
  drawn,
  failWith,
  makeBulk,
  pass,
  returnToBulk,
  stateOf,
  statesOf,
  succeed,
  useBulks,
  work,
  wordsOf,
} from '../bulk-fixture.ts';

const spec = useBulks();

/** Six assistants: one succeeded, one failed, one is open. */
const atWork = async () => {
  const { id } = await makeBulk(6);
  await pass(1000);
  const [first, second, third] = await begin(3);
  await succeed(first!);
  await failWith(second!);
  return { id, open: third! };
};
const keyOf = (id: string, part = '') => `{spec}:bulk:${id}${part}`;

type Spoil = (id: string) => Promise<unknown>;

/** Draws and rotates until nothing is left to draw. */
const rotateAll = async (): Promise<void> => {
  for (let got = await draw(); got.kind === 'range' || got.kind === 'mended'; got = await draw()) {
    if (got.kind === 'mended') continue;
    const claims = await claimsOf(claimRange(got.range));
    await work.dropRange(got.range, 'w1');
    for (const claim of claims) await succeed(claim);
  }
};

describe('a bulk that another client has changed is drawn', () => {
  const spoilers: [string, Spoil][] = [
    ['without its states', (id) => redis.del(keyOf(id, ':states'))],
    ['with states that are too short', (id) => redis.set(keyOf(id, ':states'), 'sA')],
    ['with states that are too long', (id) => redis.append(keyOf(id, ':states'), '.......')],
    ['with states that are no letters', (id) => redis.set(keyOf(id, ':states'), '\u0000'.repeat(6))],
    [
      'with states of another type',
      async (id) => {
        await redis.del(keyOf(id, ':states'));
        await redis.sadd(keyOf(id, ':states'), 'x');
      },
    ],
    [
      'with draws of another type',
      async (id) => {
        await redis.del(keyOf(id, ':draws'));
        await redis.set(keyOf(id, ':draws'), 'x');
      },
    ],
    ['with draws that are none', (id) => redis.hset(keyOf(id, ':draws'), 'x', 'y', '5:3', 'z')],
    ['with a cursor at the end', (id) => redis.hset(keyOf(id), 'cursor', 6)],
    ['with a cursor that is no number', (id) => redis.hset(keyOf(id), 'cursor', 'x')],
    ['with an end of its window that is no time', (id) => redis.hset(keyOf(id), 'until', 'x')],
    ['with a total that is too low', (id) => redis.hset(keyOf(id), 'total', 4)],
    ['with a total that is too high', (id) => redis.hset(keyOf(id), 'total', 2_000_000_000)],
    ['without returned draws', (id) => redis.del(keyOf(id, ':redo'))],
  ];

  it.each(spoilers)('%s, and rotates each assistant once', async (_, spoil) => {
    const { id, open } = await atWork();
    const versions = await redis.xlen('{spec}:events');
    await spoil(id);
    await rotateAll();
    await succeed(open);
    await rotateAll();
    await redis.hdel(keyOf(id), 'until');
    expect((await stateOf(id))[0]).toBe('VERIFYING');
    // The failed one waits again if nothing says any more that it has failed.
    const { failed } = await countsOf(id);
    expect((await redis.xlen('{spec}:events')) - versions).toBe(5 - failed);
    expect(await allProblems()).toEqual([]);
  });

  it.each([0, 2])('with a limit of %i, below what was done, and is not stuck', async (limit) => {
    const { id } = await makeBulk(6);
    for (const claim of await begin(3)) await succeed(claim);
    await redis.hset(keyOf(id), 'limit', limit);
    await rotateAll();
    expect((await stateOf(id))[0]).toBe('VERIFYING');
    expect(await countsOf(id)).toMatchObject({ succeeded: 6 });
  });

  it('with the limit of its canary', async () => {
    const { id } = await makeBulk(6, { canary: { count: 4, continues: false } });
    for (const claim of await begin(3)) await succeed(claim);
    await redis.hset(keyOf(id), 'limit', 0);
    await rotateAll();
    expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_DONE']);
    expect(await countsOf(id)).toMatchObject({ succeeded: 4 });
  });

  it.each(['org', 'created', 'total'])('and stops no other bulk without the field %s', async (field) => {
    const { id } = await makeBulk(3);
    await redis.hdel(keyOf(id), field);
    const other = await makeBulk(['b_1']);
    expect((await drawn()).bulkId).toBe(other.id);
    await redis.del(keyOf(id));
    await redis.zrem('{spec}:bulks', id);
    await redis.zrem('{spec}:bulks:active', id);
  });

  it('and counts an assistant as shared that it had rotated', async () => {
    const { id, open } = await atWork();
    await redis.del(keyOf(id, ':states'));
    expect(await draw()).toEqual({ kind: 'mended', bulkId: id });
    expect(await statesOf(id)).toBe('..r...');
    expect(await wordsOf(claimRange(await drawn({ size: 2 })))).toEqual(['shared', 'claimed']);
    await succeed(open);
  });

  it.each<[string, (key: string) => Promise<unknown>]>([
    ['one', (key) => redis.hset(key, '0', 'ast_0\nast_1')],
    ['all', (key) => redis.del(key)],
    [
      'all, and they have another type',
      async (key) => {
        await redis.del(key);
        await redis.set(key, 'x');
      },
    ],
  ])('and is halted if ids are missing: %s', async (_, spoil) => {
    const { id } = await makeBulk(3);
    await spoil(keyOf(id, ':ids'));
    expect(await draw()).toEqual({ kind: 'damaged', bulkId: id });
    expect(await stateOf(id)).toEqual(['HALTED', 'LEDGER_CORRUPT']);
    await bulks.cancel(id);
    expect(await draw()).toEqual({ kind: 'nothing' });
  });
});

describe('mend', () => {
  it('finds nothing in a bulk without assistants', async () => {
    const { id } = await makeBulk(0);
    expect((await stateOf(id))[0]).toBe('VERIFYING');
    expect(await work.mend(id, { thorough: true })).toBe(false);
  });

  it('corrects a total and a list of states that are both too short', async () => {
    const { id } = await atWork();
    await redis.hset(keyOf(id), 'total', 3);
    await redis.set(keyOf(id, ':states'), 'sAr');
    expect(await work.mend(id)).toBe(true);
    expect(await countsOf(id)).toMatchObject({ total: 6, rotating: 1 });
  });

  it('adds no assistants that the list lacks', async () => {
    const { id } = await makeBulk(3);
    await redis.hset(keyOf(id), 'total', 10_000);
    await redis.setrange(keyOf(id, ':states'), 9_999, '.');
    expect(await work.mend(id)).toBe(false);
    expect(await draw()).toEqual({ kind: 'damaged', bulkId: id });
    spec.spoil();
  });

  it('finds nothing in a sound bulk', async () => {
    const { id } = await atWork();
    const before = await redis.hgetall(keyOf(id));
    expect(await work.mend(id, { thorough: true })).toBe(false);
    expect(await redis.hgetall(keyOf(id))).toEqual(before);
  });

  it.each(['bulks', 'bulks:active'])('puts a bulk back into %s', async (index) => {
    const { id } = await atWork();
    await redis.zrem(`{spec}:${index}`, id);
    expect(await work.open()).toEqual([id]);
    expect(await work.mend(id)).toBe(true);
    expect(await redis.zscore(`{spec}:${index}`, id)).not.toBeNull();
  });

  it('is not needed for a bulk that an operator resumes: it is in all indexes again', async () => {
    const { id } = await makeBulk(1);
    await redis.del('{spec}:bulks', '{spec}:bulks:active');
    await bulks.resume(id);
    expect(await work.open()).toEqual([id]);
    expect((await drawn()).bulkId).toBe(id);
  });

  it('counts open rotations that are not there no longer', async () => {
    const { id, open } = await atWork();
    await redis.hset(keyOf(id), 'open', 1000);
    expect(await work.mend(id)).toBe(true);
    expect(await countsOf(id)).toMatchObject({ rotating: 1 });
    await succeed(open);
    await rotateAll();
    expect((await stateOf(id))[0]).toBe('VERIFYING');
  });

  it('counts no rotation that has ended, although another client calls it open', async () => {
    const { id, open } = await atWork();
    await bulks.cancel(id);
    await redis.hset(`{spec}:rotation:${open.rotationId}`, 'state', 'SUCCEEDED');
    expect(await work.mend(id)).toBe(true);
    expect((await stateOf(id))[0]).toBe('CANCELLED');
    await redis.flushall();
  });

  it('ends a cancelled bulk that waits for none', async () => {
    const { id, open } = await atWork();
    await bulks.cancel(id);
    await succeed(open);
    await redis.hset(keyOf(id), { state: 'CANCELLING', open: 7 });
    await redis.zrem('{spec}:bulks:ended', id);
    expect(await work.mend(id)).toBe(true);
    expect(await stateOf(id)).toEqual(['CANCELLED', 'CANCELLED_BY_OPERATOR']);
  });

  it('returns assistants that were not rotated, once', async () => {
    const { id } = await makeBulk(2);
    await redis.set(keyOf(id, ':states'), 'ss');
    await redis.hset(keyOf(id), { succeeded: 2, cursor: 2, state: 'VERIFYING' });
    expect(await work.mend(id, { again: [0, 1] })).toBe(true);
    expect((await stateOf(id))[0]).toBe('RUNNING');
    await rotateAll();
    expect((await stateOf(id))[0]).toBe('VERIFYING');
    expect(await work.mend(id, { again: [0, 1] })).toBe(false);
  });

  it('returns each assistant once, one after the other', async () => {
    const { id } = await makeBulk(3);
    await redis.set(keyOf(id, ':states'), 'sss');
    await redis.hset(keyOf(id), { succeeded: 3, cursor: 3, state: 'VERIFYING' });
    expect(await work.mend(id, { again: [0, 1] })).toBe(true);
    expect(await work.mend(id, { again: [0, 1, 2] })).toBe(true);
    expect(await statesOf(id)).toBe('...');
    expect(await work.mend(id, { again: [0, 1, 2] })).toBe(false);
  });

  it('removes one that is gone from the indexes, and notes one that has ended', async () => {
    await redis.zadd('{spec}:bulks', 0, 'blk_x');
    await redis.zadd('{spec}:bulks:active', 0, 'blk_x');
    const { id } = await makeBulk(1);
    await bulks.cancel(id);
    await redis.zrem('{spec}:bulks:ended', id);
    for (const open of await work.open()) expect(await work.mend(open)).toBe(false);
    expect(await work.open()).toEqual([]);
    expect(await redis.zrange('{spec}:bulks', '0', '-1')).toEqual([id]);
  });

  it('is possible for an open bulk that another client has put among those that ended', async () => {
    const { id } = await atWork();
    await redis.zadd('{spec}:bulks:ended', 0, id);
    await work.trim({ endedBeforeMs: 1, keep: 0 });
    expect(await work.open()).toEqual([id]);
    expect(await statesOf(id)).toBe('sAr...');
  });

  it('leaves alone what has ended or cannot be read', async () => {
    const { id } = await makeBulk(0);
    await draw();
    await redis.hset(keyOf(id), 'state', 'COMPLETED');
    expect(await work.mend(id)).toBe(false);
    expect(await work.mend('blk_x')).toBe(false);
    await redis.flushall();
  });
});

it('an assistant returns to a bulk whose draws another client has spoiled', async () => {
  const { id } = await makeBulk(2);
  const [claim] = await begin(1);
  await redis.hset(keyOf(id, ':draws'), 'x', 'y');
  expect(await returnToBulk(claim!)).toBe(true);
  expect(await countsOf(id)).toMatchObject({ waiting: 2, rotating: 0 });
  await rotateAll();
});
