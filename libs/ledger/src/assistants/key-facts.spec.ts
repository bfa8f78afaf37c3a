import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  ENVELOPE,
  LONG_AGO,
  accept,
  claimOf,
  claimed,
  events,
  key,
  ledger,
  looked,
  lose,
  printOf,
  readKey,
  redis,
  removed,
  request,
  resumed,
  rotate,
  useLedger,
} from '../ledger-fixture.ts';

useLedger();

describe('settle', () => {
  /** A rotation whose key was found and published while its window was open. */
  const satisfied = async () => {
    await rotate('f1');
    const claim = await lose();
    await ledger.assistants.commit(claim, readKey('f2', claim, { rotation: 'satisfied' }));
    return claim;
  };

  it('ends a satisfied rotation, whose intent stays open until then', async () => {
    const claim = await satisfied();
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({ state: 'RECONCILING' });
    expect(await claimOf(await accept())).toMatchObject({ kind: 'busy' });
    const again = await resumed({ id: claim.rotationId, ...claim });
    expect(again).toMatchObject({
      satisfied: true,
      claim: { stateBefore: printOf('f2'), versionBefore: claim.epoch },
    });
    expect(await ledger.rotations.settle(again.claim, LONG_AGO + 1, LONG_AGO)).toBe('settled');
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({
      state: 'SUCCEEDED',
      version: claim.epoch,
      cause: 'reconciliation',
      endedMs: LONG_AGO + 1,
    });
    await claimed(await accept());
  });

  it('records the version that satisfied the rotation, also if another was published meanwhile', async () => {
    const claim = await satisfied();
    const { claim: later } = await resumed({ id: claim.rotationId, ...claim });
    await ledger.assistants.commit(later, readKey('f3', later));
    await ledger.rotations.settle(later, LONG_AGO, LONG_AGO);
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({
      state: 'SUCCEEDED',
      version: claim.epoch,
    });
  });

  it('is refused if another worker has claimed since', async () => {
    const claim = await satisfied();
    await resumed({ id: claim.rotationId, ...claim });
    expect(await ledger.rotations.settle(claim, LONG_AGO, LONG_AGO)).toBe('refused');
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({ state: 'RECONCILING' });
  });

  it('is refused if no key was found', async () => {
    const claim = await lose();
    expect(await ledger.rotations.settle(claim, LONG_AGO, LONG_AGO)).toBe('refused');
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({ state: 'RECONCILING' });
  });

  it('leaves no satisfaction behind for the next rotation', async () => {
    const claim = await satisfied();
    await ledger.rotations.settle(claim, LONG_AGO, LONG_AGO);
    const next = await lose();
    expect(await resumed({ id: next.rotationId, ...next })).toMatchObject({ satisfied: false });
  });
});

describe('whether the key before is known to have been in force after the request for the rotation', () => {
  it('is unknown if none was published', async () => {
    expect(await claimed(await accept())).toMatchObject({ fresh: false });
  });

  it('is unknown for a response to a POST that left before', async () => {
    await rotate('f1');
    expect(await claimed(await accept())).toMatchObject({ fresh: false });
  });

  it('is known for a read that began after it by more than the read lag', async () => {
    await rotate('f1');
    const rotation = await accept();
    await ledger.assistants.compare({ beganMs: rotation.createdMs + 700, lagMs: 700 }, [
      { assistantId: 'ast_1', state: printOf('f1') },
    ]);
    const claim = await claimed(rotation);
    expect(claim).toMatchObject({ fresh: false });
    await ledger.rotations.release(claim);
    await sleep(2);
    await ledger.assistants.compare({ beganMs: rotation.createdMs + 701, lagMs: 700 }, [
      { assistantId: 'ast_1', state: printOf('f1') },
    ]);
    expect(await claimed(rotation)).toMatchObject({ fresh: true });
  });

  it('is known to a worker that resumes it, for a key that was read back', async () => {
    await rotate('f1');
    const claim = await lose();
    const { claim: again } = await resumed({ id: claim.rotationId, ...claim }, { leaseMs: 0 });
    expect(again).toMatchObject({ fresh: false });
    await sleep(2);
    const { claim: reader } = await resumed({ id: claim.rotationId, ...claim }, { leaseMs: 0 });
    await ledger.assistants.commit(reader, readKey('f2', reader));
    expect(await resumed({ id: claim.rotationId, ...claim })).toMatchObject({ claim: { fresh: true } });
  });

  it('depends on the last request that was answered with the rotation', async () => {
    await rotate('f1');
    const rotation = await accept();
    await ledger.assistants.compare({ beganMs: rotation.createdMs, lagMs: 0 }, [
      { assistantId: 'ast_1', state: printOf('f1') },
    ]);
    await redis.hset(`{spec}:rotation:${rotation.id}`, 'created', rotation.createdMs - 10);
    expect((await ledger.rotations.accept('rot_00000000000000000000009999', request())).created).toBe(false);
    expect(Number(await redis.hget(`{spec}:rotation:${rotation.id}`, 'asked'))).toBeGreaterThanOrEqual(
      rotation.createdMs,
    );
    await redis.hset('{spec}:assistant:ast_1', 'verified', rotation.createdMs - 5);
    expect(await claimed(rotation)).toMatchObject({ fresh: false });
  });
});

describe('a version without a key', () => {
  it.each(['no-key', 'deleted'] as const)(
    'is published as key-removed, and replaces what was before: %s',
    async (removal) => {
      await rotate('f1');
      const hold = await looked();
      expect(await ledger.assistants.commit(hold, removed(removal, hold))).toEqual({
        kind: 'committed',
        seq: 2,
        entry: expect.any(String),
      });
      const event = (await events())[1]!;
      expect(event).toMatchObject({
        id: String(hold.epoch),
        type: 'rekey.assistant.key-removed.v1',
        data: {
          seq: 2,
          version: hold.epoch,
          cause: 'drift',
          rotation_id: null,
          removal,
          fingerprint: null,
          sealed: ENVELOPE,
        },
      });
      expect(JSON.parse((await ledger.assistants.current('ast_1'))!.event)).toEqual(event);
      expect(await looked()).toMatchObject({ stateBefore: removal, versionBefore: hold.epoch });
    },
  );

  const remove = async (removal: 'no-key' | 'deleted') => {
    await rotate('f1');
    const hold = await looked();
    await ledger.assistants.commit(hold, removed(removal, hold));
  };
  const ttls = () => Promise.all(['assistant', 'current'].map((kind) => redis.ttl(`{spec}:${kind}:ast_1`)));
  const THIRTY_DAYS = 30 * 86_400;

  it('is kept, also in the index, for an assistant that merely has no key', async () => {
    await remove('no-key');
    expect(await ttls()).toEqual([-1, -1]);
    expect(await ledger.orgs.list()).toEqual([{ orgId: 'org_1', assistants: 1 }]);
  });

  it('is kept for a month for a deleted assistant, which leaves the index', async () => {
    await remove('deleted');
    for (const ttl of await ttls()) {
      expect(ttl).toBeGreaterThan(THIRTY_DAYS - 100);
      expect(ttl).toBeLessThanOrEqual(THIRTY_DAYS);
    }
    expect(await ledger.orgs.list()).toEqual([{ orgId: 'org_1', assistants: 0 }]);
  });

  it.each(['f1', 'f2'])(
    'persists with a key that a check finds, and returns to the index: %s',
    async (name) => {
      await remove('deleted');
      const hold = await looked();
      await ledger.assistants.commit(hold, readKey(name, hold));
      expect(await ttls()).toEqual([-1, -1]);
      expect(await ledger.orgs.list()).toEqual([{ orgId: 'org_1', assistants: 1 }]);
    },
  );

  it('persists with a rotation, from its claim on', async () => {
    await remove('deleted');
    const claim = await claimed(await accept());
    expect((await ttls())[0]).toBe(-1);
    await ledger.assistants.commit(claim, key('f2'));
    expect(await ttls()).toEqual([-1, -1]);
    expect(await ledger.orgs.list()).toEqual([{ orgId: 'org_1', assistants: 1 }]);
  });

  it('still expires after a rotation that failed or was cancelled', async () => {
    await remove('deleted');
    await ledger.rotations.fail(
      await claimed(await accept()),
      { code: 'ASSISTANT_NOT_FOUND', status: 404 },
      true,
    );
    expect((await ttls())[0]).toBeGreaterThan(THIRTY_DAYS - 100);
    const rotation = await accept();
    await ledger.rotations.release(await claimed(rotation));
    await ledger.rotations.cancel(rotation.id);
    expect((await ttls())[0]).toBeGreaterThan(THIRTY_DAYS - 100);
  });

  it('does not expire while a rotation holds it and another one is cancelled', async () => {
    await remove('deleted');
    await claimed(await accept());
    await ledger.rotations.cancel((await accept()).id);
    expect((await ttls())[0]).toBe(-1);
  });

  it('ends the uncertainty of the key before', async () => {
    await rotate('f1');
    const claim = await lose();
    await ledger.assistants.commit(
      claim,
      removed('deleted', claim, { rotation: { fails: 'ASSISTANT_NOT_FOUND' } }),
    );
    expect(await ledger.assistants.current('ast_1')).not.toHaveProperty('uncertain');
    expect(await looked()).toMatchObject({ uncertain: false });
  });
});

describe('the index of published assistants', () => {
  const published = (orgId: string) =>
    redis.zrange(`{spec}:assistants:${encodeURIComponent(orgId)}`, '0', '-1');

  it('has an assistant under the org of its last publication', async () => {
    await rotate('f1', { orgId: 'org a' });
    await rotate('f2', { orgId: 'org a', assistantId: 'ast_2' });
    await rotate('f3', { orgId: 'c' });
    expect(await published('org a')).toEqual(['ast_2']);
    expect(await published('c')).toEqual(['ast_1']);
    expect(await ledger.orgs.list()).toEqual([
      { orgId: 'c', assistants: 1 },
      { orgId: 'org a', assistants: 1 },
    ]);
    await rotate('f4', { orgId: 'org a' });
    expect(await published('c')).toEqual([]);
  });

  it('drops an assistant that is found deleted under another name of its org', async () => {
    await rotate('f1', { orgId: 'org a' });
    const hold = await looked({ orgId: 'c' });
    await ledger.assistants.commit(hold, removed('deleted', hold));
    expect([await published('org a'), await published('c')]).toEqual([[], []]);
  });
});
