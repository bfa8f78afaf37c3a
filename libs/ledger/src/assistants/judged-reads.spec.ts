import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  accept,
  claimed,
  dueChecks,
  events,
  key,
  ledger,
  looked,
  lose,
  printOf,
  readKey,
  redis,
  removed,
  resumed,
  rotate,
  useLedger,
} from '../ledger-fixture.ts';
import { openLedger } from '../open-ledger.ts';

let beganMs: number;
useLedger({ maxChangedPercent: 100 });
beforeEach(() => {
  beganMs = 0;
});

/** A read of a check that began some time after the first one of a spec, and its result. */
const checked = async (name: string, laterMs = 0, assistantId = 'ast_1'): Promise<string> => {
  const hold = await looked({ assistantId });
  beganMs ||= hold.atMs;
  const read = { read: { beganMs: beganMs + laterMs, lagMs: 1 } } as const;
  const { kind } = await ledger.assistants.commit(hold, readKey(name, hold, { cause: 'drift', ...read }));
  return kind === 'confirmed'
    ? (await ledger.assistants.commit(hold, readKey(name, hold, { cause: 'rollback', ...read }))).kind
    : kind;
};

describe('a superseded key', () => {
  it('is published when three reads agree on it, each later than the read lag', async () => {
    await rotate('f1');
    await rotate('f2');
    expect([
      await checked('f1', 1000),
      await checked('f1', 1000),
      await checked('f1', 1001),
      await checked('f1', 1020),
    ]).toEqual(['stale', 'stale', 'stale', 'stale']);
    expect(await checked('f1', 1030)).toBe('committed');
    expect((await events()).at(-1)).toMatchObject({
      data: { fingerprint: printOf('f1'), cause: 'rollback' },
    });
    expect(await redis.hlen('{spec}:stale')).toBe(0);
  });

  it('that is in force again removes what had satisfied a rotation', async () => {
    await rotate('f1');
    const claim = await lose();
    const found = await ledger.assistants.commit(
      claim,
      readKey('f2', claim, { rotation: 'satisfied', read: { beganMs: claim.atMs + 10, lagMs: 1 } }),
    );
    expect(found.kind).toBe('committed');
    const again = await resumed({ id: claim.rotationId, orgId: 'org_1', assistantId: 'ast_1' });
    expect(again.satisfied).toBe(true);
    for (const laterMs of [100, 110, 120])
      await ledger.assistants.commit(
        again.claim,
        readKey('f1', again.claim, { read: { beganMs: claim.atMs + laterMs, lagMs: 1 } }),
      );
    const back = await ledger.assistants.commit(
      again.claim,
      readKey('f1', again.claim, { cause: 'rollback', read: { beganMs: claim.atMs + 130, lagMs: 1 } }),
    );
    expect(back.kind).toBe('committed');
    expect(await ledger.rotations.settle(again.claim, claim.atMs, claim.atMs)).toBe('refused');
  });
});

describe('a key that several assistants show', () => {
  it('is no key, also if one of them had none', async () => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    for (const assistantId of ['ast_1', 'ast_2']) {
      const hold = await looked({ assistantId });
      await ledger.assistants.commit(hold, removed('no-key', hold));
    }
    expect(await checked('same', 1000)).toBe('committed');
    expect(await checked('same', 1000, 'ast_2')).toBe('withheld');
    expect(await ledger.orgs.held()).toMatchObject([{ orgId: 'org_1', code: 'KEYS_NOT_SHOWN' }]);
  });

  it('is not accepted for a rotation', async () => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    expect(await checked('same', 1000)).toBe('committed');
    const claim = await lose({ assistantId: 'ast_2' });
    expect(
      (
        await ledger.assistants.commit(
          claim,
          readKey('same', claim, { rotation: 'satisfied', read: { beganMs: claim.atMs + 10, lagMs: 1 } }),
        )
      ).kind,
    ).toBe('withheld');
  });
});

describe('a key that two rotations find', () => {
  it('is no key, also for the first of them, which had found it before', async () => {
    const find = async (assistantId: string) => {
      await rotate(`own ${assistantId}`, { assistantId });
      const claim = await lose({ assistantId });
      return {
        claim,
        kind: (
          await ledger.assistants.commit(
            claim,
            readKey('same', claim, { rotation: 'satisfied', read: { beganMs: claim.atMs + 10, lagMs: 1 } }),
          )
        ).kind,
      };
    };
    const [first, second] = [await find('ast_1'), await find('ast_2')];
    expect([first.kind, second.kind]).toEqual(['committed', 'withheld']);
    const { claim } = await resumed({ id: first.claim.rotationId, orgId: 'org_1', assistantId: 'ast_1' });
    expect(await ledger.rotations.settle(claim, claim.atMs, claim.atMs)).toBe('withheld');
    await ledger.orgs.endSweep('org_1');
    expect(await ledger.rotations.settle(claim, claim.atMs, claim.atMs)).toBe('settled');
  });
});

describe('a key that a rotation finds in a record that was last changed before the rotation began', () => {
  const find = async (name: string, noted?: 'before') => {
    const claim = await lose();
    const commit = (rotation: 'ends' | 'continues') =>
      ledger.assistants.commit(
        claim,
        readKey(name, claim, {
          rotation,
          read: { beganMs: claim.atMs + 10, lagMs: 1 },
          ...(noted && { noted }),
        }),
      );
    const kinds = [(await commit('ends')).kind];
    if (kinds[0] !== 'committed') kinds.push((await commit('continues')).kind);
    await ledger.rotations.release(claim);
    return kinds;
  };

  it('does not satisfy it, and is still published', async () => {
    await rotate('f1', {}, { noted: 'since' });
    expect(await find('f2', 'before')).toEqual(['before', 'committed']);
    expect((await events()).at(-1)).toMatchObject({
      data: { fingerprint: printOf('f2'), cause: 'reconciliation' },
    });
  });

  it('satisfies it if Invent is not known to note changes', async () => {
    await rotate('f1');
    expect(await find('f2', 'before')).toEqual(['committed']);
  });

  it('satisfies it if the time of the change is unknown', async () => {
    await rotate('f1', {}, { noted: 'since' });
    expect(await find('f2')).toEqual(['committed']);
  });
});

describe('an assistant that a rotation holds while its outcome is unknown', () => {
  it('is checked again at the next read of the rotation, not every second until then', async () => {
    await rotate('f1');
    const claim = await claimed(await accept());
    await ledger.rotations.noteUnknown(claim, { readInMs: 20_000, holdMs: 0 }, key('f1').sealed);
    const held = await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' });
    expect(held).toMatchObject({ kind: 'held' });
    expect((held as { retryInMs: number }).retryInMs).toBeGreaterThan(15_000);
    await ledger.rotations.noteUnknown(claim, { readInMs: 3_600_000, holdMs: 0 }, key('f1').sealed);
    expect(await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toEqual({
      kind: 'held',
      retryInMs: 30_000,
    });
  });
});

describe('an assistant in doubt whose published key is listed', () => {
  const listed = () =>
    ledger.assistants.compare({ beganMs: Date.now(), lagMs: 0 }, [
      { assistantId: 'ast_1', state: printOf('f1') },
    ]);

  it('is left to the rotation whose outcome is unknown', async () => {
    await rotate('f1');
    await lose();
    expect(await listed()).toEqual(['agrees']);
    expect(await dueChecks()).toEqual([]);
  });

  it('is checked if that rotation is gone, so that consumers hear that the doubt has ended', async () => {
    await rotate('f1');
    const claim = await lose({}, { landingWindowMs: 1 });
    await redis.del(`{spec}:rotation:${claim.rotationId}`);
    await sleep(10);
    expect(await listed()).toEqual(['agrees']);
    expect(await dueChecks()).toEqual(['org_1/ast_1']);
    // An assistant that is listed with another key does not wait for it either.
    expect(
      await ledger.assistants.compare({ beganMs: Date.now() + 1000, lagMs: 0 }, [
        { assistantId: 'ast_1', state: printOf('f2') },
      ]),
    ).toEqual(['differs']);
    const hold = await looked();
    expect(hold.uncertain).toBe(true);
    await ledger.assistants.commit(hold, readKey('f1', hold));
    expect(await redis.hlen('{spec}:uncertain')).toBe(0);
    await listed();
    expect(await dueChecks()).toEqual([]);
  });
});

describe('an assistant that reads agree is gone', () => {
  const goes = async (more: { witnessedMs?: number } = {}) => {
    const hold = await looked();
    return ledger.assistants.commit(hold, removed('deleted', hold, more));
  };

  it('is published as gone once another assistant of its org is read with its key', async () => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    expect([await goes(), (await goes({ witnessedMs: 0 })).kind]).toEqual([
      { kind: 'unwitnessed', witness: 'ast_2' },
      'committed',
    ]);
  });

  it('is not published as gone if it was read before that: Invent may have shown no keys then', async () => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    const hold = await looked();
    expect(
      (await ledger.assistants.commit(hold, removed('deleted', hold, { witnessedMs: hold.atMs + 1 }))).kind,
    ).toBe('unwitnessed');
    expect(
      (await ledger.assistants.commit(hold, removed('deleted', hold, { witnessedMs: hold.atMs }))).kind,
    ).toBe('committed');
  });

  it('is not witnessed by an assistant published much later, which may be of another org', async () => {
    await rotate('f1');
    await redis.hincrby('{spec}:assistant:ast_1', 'since', 1_800_000);
    for (let i = 2; i <= 10; i += 1) {
      await rotate(`f${i}`, { assistantId: `ast_${i}` });
      if (i !== 7) await redis.hincrby(`{spec}:assistant:ast_${i}`, 'since', 3_600_000);
    }
    for (let i = 0; i < 20; i += 1) expect(await goes()).toEqual({ kind: 'unwitnessed', witness: 'ast_7' });
  });

  it('is witnessed by any other if all were published much later', async () => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    await redis.hincrby('{spec}:assistant:ast_2', 'since', 3_600_000);
    expect(await goes()).toEqual({ kind: 'unwitnessed', witness: 'ast_2' });
  });

  it('needs no witness if no other assistant of its org has a key', async () => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    await rotate('f3', { assistantId: 'ast_3', orgId: 'org_2' });
    const hold = await looked({ assistantId: 'ast_2' });
    await ledger.assistants.commit(hold, removed('no-key', hold, { witnessedMs: 0 }));
    expect((await goes()).kind).toBe('committed');
  });

  it('needs no witness if an operator has accepted what reads say', async () => {
    await rotate('f1');
    await rotate('f2', { assistantId: 'ast_2' });
    await ledger.orgs.hold('org_1', { code: 'TOO_MANY_GONE', affected: 1, known: 2 });
    await ledger.orgs.acceptHeld('org_1');
    expect((await goes()).kind).toBe('committed');
  });
});

describe('an org whose assistants go one after the other', () => {
  it('does not lose the last ones because sweeps have seen the others go', async () => {
    const limited = openLedger(redis, { prefix: 'spec', confirmAfterMs: 0, maxChangedPercent: 25 });
    const names = ['ast_1', 'ast_2', 'ast_3', 'ast_4'];
    for (const [i, assistantId] of names.entries()) await rotate(`f${i}`, { assistantId });
    await limited.orgs.endSweep('org_1');
    const kinds = [];
    for (const assistantId of names) {
      const hold = await looked({ assistantId });
      kinds.push((await limited.assistants.commit(hold, removed('deleted', hold, { witnessedMs: 0 }))).kind);
      if (kinds.at(-1) === 'committed') await limited.orgs.endSweep('org_1');
    }
    expect(kinds).toEqual(['committed', 'committed', 'committed', 'withheld']);
    expect(await limited.orgs.limits('org_1')).toMatchObject({ known: 4, limit: 3, held: 'TOO_MANY_GONE' });
  });
});
