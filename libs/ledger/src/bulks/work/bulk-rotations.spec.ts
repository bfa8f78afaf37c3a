import { describe, expect, it } from '@jest/globals';
import {
  SEALED,
  accept,
  claimOf,
  claimed,
  events,
  everything,
  ledger,
  printOf,
  readKey,
  redis,
  resumed,
  rotate,
} from '../../ledger-fixture.ts';
import type { Claim } from '../../rotations/claim.ts';
import {
  LEASE_MS,
  START_MS,
  again,
  begin,
  bulks,
  claimRange,
  claimsOf,
  countsOf,
  drawn,
  failWith,
  indexes,
  kept,
  loseIt,
  makeBulk,
  namesOf,
  pass,
  redo,
  release,
  returnToBulk,
  stateOf,
  statesOf,
  succeed,
  useBulks,
  wordsOf,
  work,
} from '../bulk-fixture.ts';

const { spoil } = useBulks();

describe('a rotation of a bulk', () => {
  it('counts once if many of several bulks end at once, beside others that fail', async () => {
    const [first, second] = [await makeBulk(namesOf(30)), await makeBulk(namesOf(60).slice(30))];
    const claims = [...(await begin(30)), ...(await begin(30))];
    const ends = await Promise.all(
      claims.map((claim, i) => (i % 7 === 3 ? failWith(claim) : succeed(claim))),
    );
    expect(ends.filter((end) => typeof end === 'object' && end.kind === 'committed')).toHaveLength(51);
    const of = async ({ id }: { id: string }) => (await bulks.get(id)).counts;
    expect([await of(first), await of(second)]).toMatchObject([
      { succeeded: 26, failed: 4, rotating: 0 },
      { succeeded: 25, failed: 5, rotating: 0 },
    ]);
    expect([await stateOf(first.id), await stateOf(second.id)]).toEqual([
      ['VERIFYING', undefined],
      ['VERIFYING', undefined],
    ]);
    const { entry } = await redis.hgetall(`{spec}:bulk:${second.id}`);
    expect(entry).toBe((await redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1))[0]![0]);
  });

  it('gives its bulk the newest entry, also of a rotation whose window is still open', async () => {
    const { id } = await makeBulk(2);
    const [ends, watched] = (await begin(2)) as [Claim, Claim];
    await Promise.all([
      succeed(ends),
      succeed(watched, {
        rotation: 'satisfied',
        cause: 'reconciliation',
        read: { beganMs: START_MS, lagMs: 0 },
      }),
    ]);
    const [newest] = await redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1);
    expect(await redis.hgetall(`{spec}:bulk:${id}`)).toMatchObject({
      entry: newest![0],
      succeeded: '1',
      open: '1',
    });
    expect(await redis.xlen('{spec}:events')).toBe(2);
    await ledger.rotations.settle(watched, START_MS, START_MS);
    expect(await redis.hgetall(`{spec}:bulk:${id}`)).toMatchObject({
      entry: newest![0],
      succeeded: '2',
      open: '0',
    });
  });

  it('whose key is found while its window is open continues, and its bulk has the entry', async () => {
    const { id } = await makeBulk(2);
    const [found] = await begin(2);
    await succeed(found!, {
      rotation: 'satisfied',
      cause: 'reconciliation',
      read: { beganMs: START_MS, lagMs: 0 },
    });
    const [newest] = await redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1);
    expect(await redis.hgetall(`{spec}:bulk:${id}`)).toMatchObject({ entry: newest![0], open: '2' });
    expect(await statesOf(id)).toBe('rr');
    expect(await countsOf(id)).toMatchObject({ succeeded: 0, rotating: 2 });
  });

  it('is committed also if its bulk cannot be read, which the status reports; others are too', async () => {
    const [first, second] = [await makeBulk(namesOf(2)), await makeBulk(namesOf(4).slice(2))];
    const claims = [...(await begin(2)), ...(await begin(2))];
    const hash = await redis.dumpBuffer(`{spec}:bulk:${first.id}`);
    await redis.multi().del(`{spec}:bulk:${first.id}`).set(`{spec}:bulk:${first.id}`, 'x').exec();
    const ends = await Promise.all(
      claims.map((claim) =>
        succeed(claim).then(
          ({ kind }) => kind,
          ({ code }: { code: string }) => code,
        ),
      ),
    );
    expect(ends).toEqual(['committed', 'committed', 'committed', 'committed']);
    expect(await redis.hkeys('{spec}:damaged')).toEqual([`{spec}:bulk:${first.id}`]);
    expect((await bulks.get(second.id)).counts).toMatchObject({ succeeded: 2 });
    expect(await redis.xlen('{spec}:events')).toBe(4);
    expect(await Promise.all(claims.map((claim) => succeed(claim)))).toMatchObject(
      [1, 2, 3, 4].map((seq) => ({ kind: 'already', seq })),
    );
    await redis.restore(`{spec}:bulk:${first.id}`, 0, hash!, 'REPLACE');
    await redis.hset(`{spec}:bulk:${first.id}`, { open: 0, succeeded: 2 });
    await redis.set(`{spec}:bulk:${first.id}:states`, 'ss');
  });

  it('that is committed after its bulk was deleted leaves nothing behind', async () => {
    const { id } = await makeBulk(3);
    const [watched, ...claims] = (await begin(3)) as [Claim, ...Claim[]];
    await redis.del(`{spec}:bulk:${id}`, `{spec}:bulk:${id}:states`);
    expect(
      await succeed(watched, {
        rotation: 'satisfied',
        cause: 'reconciliation',
        read: { beganMs: START_MS, lagMs: 0 },
      }),
    ).toMatchObject({ kind: 'committed' });
    expect(await Promise.all(claims.map((claim) => succeed(claim)))).toMatchObject([
      { kind: 'committed' },
      { kind: 'committed' },
    ]);
    await ledger.rotations.settle(watched, START_MS, START_MS);
    expect(await redis.exists(`{spec}:bulk:${id}`, `{spec}:bulk:${id}:states`)).toBe(0);
    await redis.zrem('{spec}:bulks:active', id);
  });

  it('is not kept if its first request succeeded: the bulk has its state', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await succeed(claim!);
    expect(await kept(claim!)).toBe(false);
    expect(await redis.keys('{spec}:rotations:*')).toEqual([]);
    expect(await statesOf(id)).toBe('s');
    expect(await succeed(claim!)).toMatchObject({ kind: 'already' });
    expect(await claimOf({ id: claim!.rotationId, ...claim! })).toEqual({ kind: 'missing' });
  });

  it('is kept if it was read back, retried, or failed, and names its bulk', async () => {
    const { id } = await makeBulk(3);
    const [a, b, c] = await begin(3);
    await loseIt(a!);
    const back = (await resumed({ id: a!.rotationId, ...a! })).claim;
    await ledger.assistants.commit(back, readKey('f1', back, { rotation: 'ends' }));
    await loseIt(b!);
    await release(b!);
    await succeed(await again(b!));
    await failWith(c!);
    for (const [claim, state] of [
      [a, 'SUCCEEDED'],
      [b, 'SUCCEEDED'],
      [c, 'FAILED'],
    ] as const)
      expect(await ledger.rotations.get(claim!.rotationId)).toMatchObject({ state, bulkId: id });
    expect(await statesOf(id)).toBe('ssA');
  });

  it('names its bulk in every event', async () => {
    await rotate('f0', { assistantId: 'ast_0' });
    await pass(1);
    const { id } = await makeBulk(1);
    await pass(1);
    const [claim] = await begin(1);
    await loseIt(claim!);
    const back = (await resumed({ id: claim!.rotationId, ...claim! })).claim;
    expect(back.bulkId).toBe(id);
    await ledger.assistants.commit(back, readKey('f1', back, { rotation: 'ends' }));
    expect((await events()).map(({ data }) => [data.bulk_rotation_id, data.rotation_id])).toEqual([
      [null, expect.any(String)],
      [id, claim!.rotationId],
      [id, claim!.rotationId],
    ]);
  });

  it('waits as a follow-up while its bulk is stopped, and resumes with it', async () => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(1);
    await loseIt(claim!);
    await release(claim!);
    await bulks.pause(id);
    expect(await claimOf({ id: claim!.rotationId, ...claim! })).toEqual({ kind: 'halted', retryInMs: 2000 });
    await bulks.resume(id);
    await succeed(await again(claim!));
    expect(await statesOf(id)).toBe('s.');
  });

  it('is read back while its bulk is stopped', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await loseIt(claim!);
    await bulks.pause(id);
    const back = (await resumed({ id: claim!.rotationId, ...claim! })).claim;
    await ledger.assistants.commit(back, readKey('f1', back, { rotation: 'ends' }));
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('that waits as a follow-up is cancelled with its bulk, and leaves nothing behind', async () => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(1);
    await release(claim!);
    await bulks.cancel(id);
    expect(await stateOf(id)).toEqual(['CANCELLING', 'CANCELLED_BY_OPERATOR']);
    expect(await claimOf({ id: claim!.rotationId, ...claim! })).toEqual({ kind: 'ended' });
    expect(await ledger.rotations.get(claim!.rotationId)).toMatchObject({ state: 'CANCELLED' });
    expect(await bulks.get(id)).toMatchObject({ state: 'CANCELLED', counts: { cancelled: 2 } });
    expect(await redis.exists('{spec}:assistant:ast_0')).toBe(0);
  });

  it('can be cancelled by itself while it waits, and is not retried', async () => {
    const { id } = await makeBulk(2);
    const [claim, other] = await begin(2);
    await release(claim!);
    await ledger.rotations.cancel(claim!.rotationId);
    await succeed(other!);
    expect(await statesOf(id)).toBe('xs');
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('whose worker died is found, and read back', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await pass(LEASE_MS);
    expect((await ledger.rotations.findOrphans({ quietMs: LEASE_MS })).orphans).toEqual([
      { rotationId: claim!.rotationId, orgId: 'org_1', assistantId: 'ast_0' },
    ]);
    const back = await resumed({ id: claim!.rotationId, ...claim! });
    expect(back).toMatchObject({ noted: false, claim: { bulkId: id } });
  });

  it('blocks no other caller: a request for the assistant need not wait for its bulk', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await release(claim!);
    await bulks.pause(id);
    await makeBulk(1);
    const [other] = await begin(1);
    await succeed(other!);
    const single = await accept({ assistantId: 'ast_0' });
    expect(single.id).not.toBe(claim!.rotationId);
    await succeed(await claimed(single));
  });

  it('that waits ends if its key was replaced since the request for its bulk', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await loseIt(claim!);
    await release(claim!);
    await pass(1);
    await rotate('f1', { assistantId: 'ast_0' });
    expect(await claimOf({ id: claim!.rotationId, ...claim! })).toEqual({ kind: 'ended' });
    expect(await ledger.rotations.get(claim!.rotationId)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await statesOf(id)).toBe('s');
    expect(await countsOf(id)).toMatchObject({ succeeded: 1, unknown: 0 });
  });

  it('changes nothing of a bulk that was deleted by hand', async () => {
    spoil();
    const { id } = await makeBulk(5);
    const [a, b, c, d, e] = await begin(5);
    await loseIt(a!);
    await loseIt(b!);
    await loseIt(c!);
    await redis.del(`{spec}:bulk:${id}`);
    await loseIt(d!, 'UPSTREAM_FORBIDDEN');
    await failWith(a!);
    await release(b!);
    await returnToBulk(c!);
    await returnToBulk(d!);
    await succeed(e!);
    expect(await redis.exists(`{spec}:bulk:${id}`)).toBe(0);
    expect(await redis.zcard('{spec}:intents:org_1')).toBe(0);
  });
});

describe('a rotation whose worker is gone', () => {
  it('is unknown, but counts neither as a failure nor as a consecutive unknown outcome', async () => {
    const { id } = await makeBulk(4, { maxFailures: { count: 0 } });
    for (const claim of await claimsOf(claimRange(await drawn())))
      await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0, senderGone: true }, SEALED);
    expect(await bulks.get(id)).toMatchObject({ state: 'RUNNING', counts: { rotating: 4, unknown: 4 } });
    expect(await redis.hget('{spec}:ledger', 'run:org_1')).toBeNull();
  });
});

describe('an assistant that is returned to its bulk', () => {
  it('waits again, is not counted, and leaves nothing behind', async () => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(1);
    expect(await returnToBulk(claim!)).toBe(true);
    expect(await statesOf(id)).toBe('..');
    expect(await countsOf(id)).toMatchObject({ waiting: 2, rotating: 0, failed: 0 });
    expect(await redis.keys('{spec}:rotation*')).toEqual([]);
    expect(await redis.exists('{spec}:assistant:ast_0')).toBe(0);
    expect(await redis.zcard('{spec}:intents:org_1')).toBe(0);
    expect(indexes(await drawn())).toEqual([1]);
    expect(indexes(await drawn())).toEqual([0]);
  });

  it('keeps what was published of it', async () => {
    await rotate('f1', { assistantId: 'ast_0' });
    await makeBulk(1);
    const [claim] = await begin(1);
    await returnToBulk(claim!);
    expect(await begin(1)).toMatchObject([{ stateBefore: printOf('f1') }]);
  });

  it('is refused if another worker has claimed since, and without a bulk', async () => {
    await makeBulk(1);
    const [claim] = await begin(1);
    await pass(LEASE_MS);
    await resumed({ id: claim!.rotationId, ...claim! });
    const single = await claimed(await accept({ assistantId: 'ast_x' }));
    const before = await everything();
    expect([await returnToBulk(claim!), await returnToBulk(single)]).toEqual([false, false]);
    expect(await everything()).toEqual(before);
  });

  it('halts the bulk at once, with the reason, if no assistant would fare better', async () => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(1);
    await returnToBulk(claim!, 'UPSTREAM_UNAUTHENTICATED', { halts: true });
    expect(await stateOf(id)).toEqual(['HALTED', 'UPSTREAM_UNAUTHENTICATED']);
    await bulks.resume(id);
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed']);
  });

  it('halts the bulk if upstream has been away for too long', async () => {
    const { id } = await makeBulk(1);
    for (const ms of [0, 300_000, 300_000]) {
      await pass(ms);
      await returnToBulk((await begin(1))[0]!);
      expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    }
    await pass(1);
    await returnToBulk((await begin(1))[0]!);
    expect(await stateOf(id)).toEqual(['HALTED', 'UPSTREAM_UNREACHABLE']);
  });

  it.each<[string, (id: string, other: Claim) => Promise<unknown>]>([
    ['a success', (_, other) => succeed(other)],
    [
      'an operator who resumed the bulk',
      async (id) => {
        await bulks.pause(id);
        await bulks.resume(id);
      },
    ],
  ])('does not halt it if there was %s in between', async (_, between) => {
    const { id } = await makeBulk(2);
    const [claim, other] = await begin(2);
    await returnToBulk(claim!);
    await pass(400_000);
    await between(id, other!);
    await pass(400_000);
    await returnToBulk((await begin(1))[0]!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });

  it('lets a bulk end that was cancelling', async () => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(1);
    await bulks.cancel(id);
    await returnToBulk(claim!, 'UPSTREAM_UNREACHABLE', { halts: true });
    expect(await bulks.get(id)).toMatchObject({
      state: 'CANCELLED',
      why: 'CANCELLED_BY_OPERATOR',
      counts: { cancelled: 2, waiting: 0 },
    });
  });

  it('is drawn again once, however often it was returned', async () => {
    const { id } = await makeBulk(3);
    for (let i = 0; i < 5; i += 1) {
      const range = await drawn();
      for (const claim of await claimsOf(claimRange(range))) await returnToBulk(claim);
      await work.dropRange(range, 'w1');
    }
    expect((await redo(id)).length).toBeLessThanOrEqual(3);
  });
});
