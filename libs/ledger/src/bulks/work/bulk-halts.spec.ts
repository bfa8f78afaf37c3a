import { describe, expect, it } from '@jest/globals';
import type { BulkSpec } from '@rekey/schema';
import { ledger, looked, readKey, redis, resumed, rotate } from '../../ledger-fixture.ts';
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
  draw,
  drawn,
  failWith,
  indexes,
  loseIt,
  makeBulk,
  namesOf,
  pass,
  release,
  returnToBulk,
  stateOf,
  statesOf,
  succeed,
  useBulks,
  wordsOf,
  work,
} from '../bulk-fixture.ts';

useBulks();

describe('the count of unknown outcomes', () => {
  const unknowns = async (id: string) => (await countsOf(id)).unknown;

  it.each<[string, (claim: Claim) => Promise<unknown>]>([
    [
      'is found to be done',
      async (claim) => {
        const back = (await resumed({ id: claim.rotationId, ...claim })).claim;
        await ledger.assistants.commit(back, readKey('f1', back, { rotation: 'ends' }));
      },
    ],
    [
      'is found and settled later',
      async (claim) => {
        const back = (await resumed({ id: claim.rotationId, ...claim })).claim;
        await ledger.assistants.commit(back, readKey('f1', back, { rotation: 'satisfied' }));
        await ledger.rotations.settle(back, back.atMs, back.atMs);
      },
    ],
    ['is answered late', (claim) => succeed(claim)],
    ['fails', (claim) => failWith(claim)],
    [
      'fails with what is published',
      (claim) =>
        ledger.assistants.commit(claim, readKey('f1', claim, { rotation: { fails: 'NO_SECRET_KEY' } })),
    ],
    ['is released', release],
    ['is given back', (claim) => returnToBulk(claim)],
  ])('rises once, and falls when one %s', async (_, close) => {
    const { id } = await makeBulk(2);
    const [claim] = await begin(2);
    await loseIt(claim!);
    await loseIt(claim!);
    expect(await unknowns(id)).toBe(1);
    await close(claim!);
    expect(await unknowns(id)).toBe(0);
  });

  it('rises again if the same rotation is lost again', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await loseIt(claim!);
    await release(claim!);
    await loseIt(await again(claim!));
    expect(await unknowns(id)).toBe(1);
  });

  it('does not change if the write is refused', async () => {
    const { id } = await makeBulk(1);
    const [claim] = await begin(1);
    await loseIt(claim!);
    await resumed({ id: claim!.rotationId, ...claim! });
    expect(
      await Promise.all([release(claim!), failWith(claim!), returnToBulk(claim!), loseIt(claim!)]),
    ).toEqual([false, false, false, 'refused']);
    expect(await unknowns(id)).toBe(1);
  });
});

describe('a canary', () => {
  it('pauses the bulk after the first N, until an operator resumes it', async () => {
    const { id } = await makeBulk(5, { canary: { count: 2, continues: false } });
    const [first, second] = await begin(10);
    expect(await draw()).toEqual({ kind: 'nothing' });
    await succeed(first!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await succeed(second!);
    expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_DONE']);
    await bulks.resume(id);
    expect(indexes(await drawn())).toEqual([2, 3, 4]);
  });

  it('that continues starts the rest if all of it succeeded', async () => {
    const { id } = await makeBulk(5, { canary: { count: 2, continues: true } });
    for (const claim of await begin(10)) await succeed(claim);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    expect(indexes(await drawn())).toEqual([2, 3, 4]);
  });

  it('that continues pauses if one of it failed', async () => {
    const { id } = await makeBulk(5, { canary: { count: 2, continues: true } });
    const [first, second] = await begin(10);
    await failWith(first!);
    await succeed(second!);
    expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_DONE']);
  });

  it('that awaits consumers pauses until they apply its keys or an operator resumes it', async () => {
    const { id } = await makeBulk(5, { canary: { count: 2, continues: true, awaitsConsumers: true } });
    for (const claim of await begin(2)) await succeed(claim);
    expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_AWAITS_CONSUMERS']);
    expect(await work.awaiting()).toEqual([id]);
    const [last] = await redis.xrevrange('{spec}:events', '+', '-', 'COUNT', 1);
    expect((await bulks.get(id)).entry).toBe(last![0]);
    expect(await work.acknowledged(id)).toBe(true);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    expect(await work.awaiting()).toEqual([]);
    expect(await work.acknowledged(id)).toBe(false);
    expect((await begin(5)).length).toBe(3);
  });

  it('that awaits consumers follows an operator, whatever consumers have applied', async () => {
    const paused = await makeBulk(3, { canary: { count: 1, continues: true, awaitsConsumers: true } });
    await succeed((await begin(1))[0]!);
    await bulks.pause(paused.id);
    expect(await work.acknowledged(paused.id)).toBe(false);
    expect((await bulks.get(paused.id)).state).toBe('PAUSED');
    const resumed2 = await makeBulk(3, { canary: { count: 1, continues: true, awaitsConsumers: true } });
    await succeed((await begin(1))[0]!);
    await bulks.resume(resumed2.id);
    expect((await begin(3)).length).toBe(2);
    expect(await work.awaiting()).toEqual([]);
  });

  it('waits for returned assistants, and for unknown outcomes', async () => {
    const { id } = await makeBulk(5, { canary: { count: 2, continues: true } });
    const [first, second] = await begin(10);
    await returnToBulk(first!);
    await loseIt(second!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed']);
    await succeed(second!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });

  it.each([2, 3])('no smaller than the bulk does not pause it: %i of 2', async (count) => {
    const { id } = await makeBulk(2, { canary: { count, continues: false } });
    for (const claim of await begin(10)) await succeed(claim);
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('that ends while an operator has paused the bulk pauses it when it is resumed', async () => {
    const { id } = await makeBulk(3, { canary: { count: 1, continues: false } });
    const [claim] = await begin(1);
    await bulks.pause(id);
    await succeed(claim!);
    expect(await stateOf(id)).toEqual(['PAUSED', 'PAUSED_BY_OPERATOR']);
    expect(await bulks.resume(id)).toMatchObject({ state: 'PAUSED', why: 'CANARY_DONE' });
    expect(await bulks.resume(id)).toMatchObject({ state: 'RUNNING' });
  });

  it('of shared assistants is done as well', async () => {
    const { id } = await makeBulk(3, { canary: { count: 1, continues: false } });
    await pass(1);
    await rotate('f', { assistantId: 'ast_0' });
    await claimRange(await drawn());
    expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_DONE']);
  });
});

describe('a canary that was halted by its failures', () => {
  it('was seen by the operator who resumes the bulk', async () => {
    const { id } = await makeBulk(4, { canary: { count: 2, continues: false }, maxFailures: { count: 0 } });
    const range = await drawn();
    for (const claim of await claimsOf(claimRange(range)))
      await ledger.rotations.fail(claim, { code: 'UPSTREAM_REJECTED' }, false);
    expect(await bulks.get(id)).toMatchObject({ state: 'HALTED', why: 'TOO_MANY_FAILURES' });
    expect(await bulks.resume(id)).toMatchObject({ state: 'RUNNING' });
    expect(await draw({ token: 'w2' })).toMatchObject({ kind: 'range', range: { from: 2, to: 4 } });
  });
});

describe('too many failures', () => {
  it.each<[string, BulkSpec['maxFailures'], number, number]>([
    ['none', { count: 0 }, 10, 1],
    ['two', { count: 2 }, 10, 3],
    ['five percent of forty', { percent: 5 }, 40, 3],
    ['five percent of thirty, which is one and a half and so two', { percent: 5 }, 30, 3],
    ['no percent', { percent: 0 }, 10, 1],
  ])('halt the bulk if more than %s fail', async (_, maxFailures, total, halting) => {
    const { id } = await makeBulk(total, { maxFailures });
    const claims = await begin(total);
    for (const claim of claims.slice(0, halting - 1)) await failWith(claim);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await failWith(claims[halting - 1]!);
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_FAILURES']);
    expect(await draw()).toEqual({ kind: 'nothing' });
  });

  it('include unknown outcomes, while they are unknown', async () => {
    const { id } = await makeBulk(4, { maxFailures: { count: 1 } });
    const [a, b, c] = await begin(3);
    await loseIt(a!);
    await succeed(a!);
    await loseIt(b!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await loseIt(c!);
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_FAILURES']);
  });

  it('count an outcome that is unknown and then fails once', async () => {
    const { id } = await makeBulk(3, { maxFailures: { count: 1 } });
    const [a] = await begin(3);
    await loseIt(a!);
    await failWith(a!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });

  it('are forgiven when an operator resumes, and counted anew', async () => {
    const { id } = await makeBulk(6, { maxFailures: { count: 1 } });
    const [a, b, c, d] = await begin(4);
    await failWith(a!);
    await failWith(b!);
    await bulks.resume(id);
    await failWith(c!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await failWith(d!);
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_FAILURES']);
  });

  it('are not forgiven in advance: a forgiven outcome that succeeds allows no other failure', async () => {
    const { id } = await makeBulk(4, { maxFailures: { count: 0 } });
    const [a, b] = await begin(2);
    await loseIt(a!);
    await bulks.resume(id);
    await succeed(a!);
    await failWith(b!);
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_FAILURES']);
  });

  it('are forgiven once: a forgiven lost outcome that then fails does not halt it again', async () => {
    const { id } = await makeBulk(4, { maxFailures: { count: 0 } });
    const [a] = await begin(2);
    await loseIt(a!);
    await bulks.resume(id);
    await failWith(a!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });

  it('do not halt a bulk that has nothing left to do', async () => {
    const { id } = await makeBulk(1, { maxFailures: { count: 0 } });
    const [a] = await begin(1);
    await failWith(a!);
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('do not change a stopped bulk: it ends when all have ended', async () => {
    const { id } = await makeBulk(2, { maxFailures: { count: 0 } });
    const [a, b] = await begin(2);
    await failWith(a!);
    await succeed(b!);
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('are listed, the last ten of them, newest first', async () => {
    const { id } = await makeBulk(['with space', ...namesOf(11)]);
    const claims = await begin(12);
    for (const claim of claims.slice(1)) await failWith(claim, 'UPSTREAM_REJECTED');
    await pass(5);
    await failWith(claims[0]!, 'NO_SECRET_KEY');
    const { lastFailures } = await bulks.get(id);
    expect(lastFailures).toHaveLength(10);
    expect(lastFailures[0]).toEqual({ assistantId: 'with space', code: 'NO_SECRET_KEY', atMs: START_MS + 5 });
    expect(lastFailures[1]).toMatchObject({ assistantId: 'ast_10', code: 'UPSTREAM_REJECTED' });
  });
});

describe('too many unknown outcomes in a row', () => {
  const twoInARow = async () => {
    const { id } = await makeBulk(10);
    for (const claim of await begin(2)) {
      await loseIt(claim);
      await release(claim);
    }
    return id;
  };

  it('halt the bulk at its next claim, and begin no assistant', async () => {
    const id = await twoInARow();
    expect(await claimRange(await drawn(), { maxOpenIntents: 2 })).toEqual({ kind: 'stopped' });
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_UNKNOWNS']);
    expect(await statesOf(id)).toBe('rr........');
  });

  it('let one POST a landing window leave once resumed, as a probe, and end with its success', async () => {
    const id = await twoInARow();
    const range = await drawn();
    await claimRange(range, { maxOpenIntents: 2 });
    await pass(LEASE_MS);
    await bulks.resume(id);
    const [claim, ...others] = await claimsOf(claimRange(range, { maxOpenIntents: 2 }));
    expect(others).toEqual([]);
    expect(claim).toMatchObject({ unknownsInARow: 2 });
    await succeed(claim!);
    expect(
      await wordsOf(claimRange({ ...range, waiting: range.waiting.slice(1) }, { maxOpenIntents: 2 })),
    ).toEqual(['claimed', 'claimed']);
  });
});

describe('keys that cannot be read back', () => {
  it('halt the bulk after ten in a row', async () => {
    const { id } = await makeBulk(20);
    const [claim] = await begin(20);
    for (let i = 0; i < 9; i += 1) await loseIt(claim!, 'UPSTREAM_UNREACHABLE');
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await loseIt(claim!, 'UPSTREAM_FORBIDDEN');
    expect(await stateOf(id)).toEqual(['HALTED', 'READS_FAIL']);
  });

  it('start over after a success, and after it was resumed', async () => {
    const { id } = await makeBulk(20);
    const [a, b] = await begin(20);
    const nine = async () => {
      for (let i = 0; i < 9; i += 1) await loseIt(a!, 'UPSTREAM_UNREACHABLE');
    };
    await nine();
    await succeed(b!);
    await nine();
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await loseIt(a!, 'UPSTREAM_UNREACHABLE');
    await bulks.resume(id);
    await nine();
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });

  it('start over after a read, and exclude reads for which no request was left', async () => {
    const { id } = await makeBulk(20);
    const [a, b] = await begin(20);
    for (let i = 0; i < 9; i += 1) await loseIt(a!, 'UPSTREAM_UNREACHABLE');
    await loseIt(b!);
    await loseIt(a!);
    for (let i = 0; i < 9; i += 1) await loseIt(a!, 'UPSTREAM_UNREACHABLE');
    for (let i = 0; i < 5; i += 1) await loseIt(a!, 'UPSTREAM_RATE_LIMITED');
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await loseIt(a!, 'UPSTREAM_UNREACHABLE');
    expect(await stateOf(id)).toEqual(['HALTED', 'READS_FAIL']);
  });

  it('exclude assistants without a key, and reads that were too early', async () => {
    const { id } = await makeBulk(20);
    const [a] = await begin(20);
    for (let i = 0; i < 10; i += 1)
      for (const code of ['NO_SECRET_KEY', 'STALE_READ'] as const) await loseIt(a!, code);
    await loseIt(a!);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });
});

describe('keys that are rotated outside of Rekey', () => {
  const drift = async (times: number, from = 0) => {
    for (let i = 0; i < times; i += 1) {
      const assistantId = `ast_d${i % 10}`;
      const hold = await looked({ assistantId });
      await ledger.assistants.commit(hold, readKey(`g${from + i}`, hold, { cause: 'drift' }));
    }
  };
  const publish = async () => {
    for (let i = 0; i < 10; i += 1) await rotate(`p${i}`, { assistantId: `ast_d${i}` });
    await pass(1000);
  };

  it('halt the bulks of their org if there are more than fifty within ten minutes', async () => {
    await publish();
    const [ours, other, paused] = [
      await makeBulk(2),
      await makeBulk(2, { orgId: 'org_2' }),
      await makeBulk(2),
    ];
    await bulks.pause(paused.id);
    await drift(50);
    expect(await stateOf(ours.id)).toEqual(['RUNNING', undefined]);
    await drift(1, 50);
    expect(await stateOf(ours.id)).toEqual(['HALTED', 'DRIFT_STORM']);
    expect(await stateOf(other.id)).toEqual(['RUNNING', undefined]);
    expect(await stateOf(paused.id)).toEqual(['PAUSED', 'PAUSED_BY_OPERATOR']);
  });

  it('were seen by the operator who resumes: only as many again halt it', async () => {
    await publish();
    const { id } = await makeBulk(2);
    await drift(51);
    await bulks.resume(id);
    await drift(50, 60);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
    await drift(1, 120);
    expect(await stateOf(id)).toEqual(['HALTED', 'DRIFT_STORM']);
  });

  it('do not halt them if they come slowly', async () => {
    await publish();
    const { id } = await makeBulk(2);
    await drift(50);
    await pass(600_001);
    await drift(50, 50);
    expect(await stateOf(id)).toEqual(['RUNNING', undefined]);
  });
});
