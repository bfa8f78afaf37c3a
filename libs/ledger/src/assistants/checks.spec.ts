import { describe, expect, it } from '@jest/globals';
import {
  SEALED,
  accept,
  claimed,
  dueChecks,
  events,
  everything,
  key,
  ledger,
  looked,
  lose,
  printOf,
  readKey,
  redis,
  removed,
  rotate,
  useLedger,
} from '../ledger-fixture.ts';

useLedger();

const AST_1 = { orgId: 'org_1', assistantId: 'ast_1' };
const compareOne = async (state: string, beganMs = Date.now() + 1000, lagMs = 0, assistantId = 'ast_1') =>
  (await ledger.assistants.compare({ beganMs, lagMs }, [{ assistantId, state }]))[0];
const field = (name: string) => redis.hget('{spec}:assistant:ast_1', name);

describe('beginCheck', () => {
  it('reports that nothing was published of an assistant without versions', async () => {
    const hold = await looked();
    expect(hold).toEqual({ ...AST_1, epoch: expect.any(Number), atMs: expect.any(Number), uncertain: false });
  });

  it('reports what is published, and that consumers were told that it is in doubt', async () => {
    const published = await rotate('f1');
    expect(await looked()).toMatchObject({
      stateBefore: printOf('f1'),
      versionBefore: published.epoch,
      uncertain: false,
    });
    await ledger.rotations.release(await lose());
    expect(await looked()).toMatchObject({ stateBefore: printOf('f1'), uncertain: true });
  });

  it('draws epochs that rise, also above published versions', async () => {
    const future = 4_000_000_000_000_000;
    await redis.hset('{spec}:assistant:ast_1', 'version', future, 'fingerprint', printOf('f1'));
    expect([(await looked()).epoch, (await looked()).epoch]).toEqual([future + 1, future + 2]);
  });

  it('waits while a rotation holds the assistant', async () => {
    const claim = await claimed(await accept(), { leaseMs: 5000 });
    const held = await ledger.assistants.beginCheck(AST_1);
    expect(held).toEqual({ kind: 'held', retryInMs: expect.any(Number) });
    expect((held as { retryInMs: number }).retryInMs).toBeGreaterThan(1000);
    await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0 }, SEALED);
    expect(await ledger.assistants.beginCheck(AST_1)).toEqual({ kind: 'held', retryInMs: 1000 });
  });

  it('does not prevent a rotation from claiming the assistant', async () => {
    const hold = await looked();
    expect((await claimed(await accept())).epoch).toBeGreaterThan(hold.epoch);
  });
});

describe('the commit of a check', () => {
  it('publishes the key that was read, without a rotation', async () => {
    const hold = await looked();
    expect(await ledger.assistants.commit(hold, readKey('f1', hold, { cause: 'import' }))).toEqual({
      kind: 'committed',
      seq: 1,
      entry: expect.any(String),
    });
    expect((await events())[0]).toMatchObject({
      id: String(hold.epoch),
      data: { version: hold.epoch, cause: 'import', rotation_id: null, fingerprint: printOf('f1') },
    });
    expect(await looked()).toMatchObject({ stateBefore: printOf('f1'), versionBefore: hold.epoch });
  });

  it('finds its own version if the response was lost', async () => {
    const hold = await looked();
    await ledger.assistants.commit(hold, readKey('f1', hold));
    expect(await ledger.assistants.commit(hold, readKey('f1', hold))).toEqual({ kind: 'already', seq: 1 });
    expect(await events()).toHaveLength(1);
  });

  it('is refused once a rotation has claimed the assistant, also after that claim has ended', async () => {
    const hold = await looked();
    const claim = await claimed(await accept());
    expect(await ledger.assistants.commit(hold, readKey('f1', hold))).toEqual({
      kind: 'refused',
      publishedVersion: 0,
    });
    await ledger.rotations.release(claim);
    expect(await ledger.assistants.commit(hold, readKey('f1', hold))).toEqual({
      kind: 'refused',
      publishedVersion: 0,
    });
    await rotate('f2', { orgId: 'c' });
    expect(await ledger.assistants.commit(hold, readKey('f1', hold))).toMatchObject({ kind: 'refused' });
    expect(await events()).toHaveLength(1);
  });

  it('is refused once another check has begun, whose own commit succeeds', async () => {
    const first = await looked();
    const second = await looked();
    expect(await ledger.assistants.commit(first, readKey('f1', first))).toEqual({
      kind: 'refused',
      publishedVersion: 0,
    });
    expect(await ledger.assistants.commit(second, readKey('f1', second))).toMatchObject({
      kind: 'committed',
    });
  });

  it('is refused if the ledger has lost the check, and requests nothing', async () => {
    const hold = await looked();
    await redis.flushall();
    expect(await ledger.assistants.commit(hold, readKey('f1', hold))).toEqual({
      kind: 'refused',
      publishedVersion: 0,
    });
    expect(await dueChecks()).toEqual([]);
  });

  it('does not affect a QUEUED rotation', async () => {
    const rotation = await accept();
    const hold = await looked();
    await ledger.assistants.commit(hold, readKey('f1', hold));
    expect(await ledger.rotations.get(rotation.id)).toEqual(rotation);
    expect(await claimed(rotation)).toMatchObject({ stateBefore: printOf('f1') });
  });

  it('ends an uncertainty with the same key in a new version', async () => {
    await rotate('f1');
    await ledger.rotations.fail(await lose(), { code: 'ASSISTANT_NOT_FOUND' }, true);
    expect(await ledger.assistants.current('ast_1')).toHaveProperty('uncertain');
    const hold = await looked();
    await ledger.assistants.commit(hold, readKey('f1', hold));
    expect(await ledger.assistants.current('ast_1')).not.toHaveProperty('uncertain');
    expect((await events()).at(-1)).toMatchObject({
      type: 'rekey.assistant.key-rotated.v1',
      data: { version: hold.epoch, fingerprint: printOf('f1') },
    });
  });
});

describe('compare', () => {
  it('puts back what another client has removed from the indexes that consumers read', async () => {
    await rotate('f1');
    const { orgs, assistants } = ledger.keys;
    await redis.del(orgs, assistants('org_1'));
    expect(await compareOne(printOf('f1'))).toBe('agrees');
    expect(await redis.smembers(orgs)).toEqual(['org_1']);
    expect(await redis.zrange(assistants('org_1'), '0', '-1')).toEqual(['ast_1']);
  });

  it('agrees if the key that was read is the published one', async () => {
    await rotate('f1');
    expect(await compareOne(printOf('f1'))).toBe('agrees');
    const hold = await looked();
    await ledger.assistants.commit(hold, removed('deleted', hold));
    expect(await compareOne('deleted')).toBe('agrees');
  });

  it('reports that neither has a key, and deletes an entry that only a check made', async () => {
    await looked();
    expect(await compareOne('no-key')).toBe('keyless');
    expect(await everything()).toEqual({});
  });

  it('reports that nothing was ever published: unseen', async () => {
    expect(await compareOne(printOf('f1'))).toBe('unseen');
    await accept();
    expect(await compareOne(printOf('f1'))).toBe('unseen');
  });

  it.each([printOf('f2'), 'no-key', 'deleted'])('reports that it differs: %s', async (state) => {
    await rotate('f1');
    expect(await compareOne(state)).toBe('differs');
  });

  it('leaves an assistant to the rotation that holds it: held', async () => {
    const first = await claimed(await accept());
    expect(await compareOne(printOf('f1'))).toBe('held');
    await ledger.assistants.commit(first, key('f1'));
    await claimed(await accept());
    expect(await compareOne(printOf('f2'))).toBe('held');
    expect(await compareOne(printOf('f1'))).toBe('agrees');
  });

  it('does not contradict a commit from less than the read lag before the read began: young', async () => {
    await rotate('f1');
    const knownMs = Number(await field('known'));
    expect(await compareOne(printOf('f2'), knownMs + 4999, 5000)).toBe('young');
    expect(await compareOne(printOf('f2'), knownMs - 4999, 5000)).toBe('young');
    expect(await compareOne(printOf('f2'), knownMs + 5000, 5000)).toBe('differs');
  });

  it('recognises a superseded key: stale', async () => {
    await rotate('f1');
    await rotate('f2');
    expect(await compareOne(printOf('f1'))).toBe('stale');
  });

  it('does not take for superseded the key that an assistant lost without getting another', async () => {
    for (const name of ['f1', 'f2']) await rotate(name);
    const hold = await looked();
    await ledger.assistants.commit(hold, removed('deleted', hold));
    expect([await compareOne(printOf('f2')), await compareOne(printOf('f1'))]).toEqual(['differs', 'stale']);
  });

  it('reports an entry that cannot be read as corrupt, and compares the others', async () => {
    await redis.set('{spec}:assistant:bad', 'text');
    await rotate('f1');
    const states = [
      { assistantId: 'bad', state: printOf('f') },
      { assistantId: 'ast_1', state: printOf('f1') },
      { assistantId: 'ast_2', state: printOf('f') },
    ];
    expect(await ledger.assistants.compare({ beganMs: Date.now(), lagMs: 0 }, states)).toEqual([
      'corrupt',
      'agrees',
      'unseen',
    ]);
    expect(await ledger.assistants.compare({ beganMs: Date.now(), lagMs: 0 }, [])).toEqual([]);
  });

  it('notes agreeing keys as in force before the read, not in the future', async () => {
    const { atMs } = await rotate('f1');
    await compareOne(printOf('f1'), atMs + 100, 200);
    expect(await field('verified')).toBe(String(atMs));
    await redis.hset('{spec}:assistant:ast_1', 'verified', 1000);
    await compareOne(printOf('f1'), 5000.7, 300);
    expect(await field('verified')).toBe('4700');
    await compareOne(printOf('f2'), 9000, 300);
    expect(await field('verified')).toBe('4700');
    await compareOne(printOf('f1'), Date.now() + 3_600_000);
    const verifiedMs = Number(await field('verified'));
    expect(verifiedMs).toBeGreaterThan(4700);
    expect(verifiedMs).toBeLessThanOrEqual(await ledger.system.nowMs());
  });
});

describe('checks', () => {
  it('are drawn when they are due, once for each assistant, the longest due first', async () => {
    await ledger.assistants.requestCheck({ orgId: 'org a', assistantId: 'ast:2' }, -5000);
    await ledger.assistants.requestCheck({ orgId: 'org_1', assistantId: 'ast_1' }, -10_000);
    await ledger.assistants.requestCheck({ orgId: 'org_1', assistantId: 'ast_1' }, 0);
    await ledger.assistants.requestCheck({ orgId: 'org_1', assistantId: 'ast_later' }, 60_000);
    const nowMs = await ledger.system.nowMs();
    const drawn = await ledger.assistants.drawChecks(10, 30_000);
    expect(drawn).toEqual([
      {
        orgId: 'org_1',
        assistantId: 'ast_1',
        name: 'org_1/ast_1',
        putOffUntilMs: expect.any(Number),
        slow: false,
      },
      {
        orgId: 'org a',
        assistantId: 'ast:2',
        name: 'org a/ast:2',
        putOffUntilMs: expect.any(Number),
        slow: false,
      },
    ]);
    expect(drawn[0]!.putOffUntilMs).toBeGreaterThanOrEqual(nowMs + 30_000);
  });

  it('are drawn up to the requested number', async () => {
    for (const assistantId of ['ast_1', 'ast_2', 'ast_3'])
      await ledger.assistants.requestCheck({ orgId: 'org_1', assistantId }, -10);
    expect(await ledger.assistants.drawChecks(2, 60_000)).toHaveLength(2);
    expect(await ledger.assistants.drawChecks(2, 60_000)).toHaveLength(1);
    expect(await ledger.assistants.drawChecks(2, 60_000)).toEqual([]);
  });

  it('are counted while they are due and not drawn', async () => {
    const due = () => ledger.assistants.countDue({ slow: true });
    for (const [assistantId, inMs] of [
      ['ast_1', 0],
      ['ast_2', -10],
      ['ast_later', 60_000],
    ] as const)
      await ledger.assistants.requestCheck({ orgId: 'org_1', assistantId }, inMs, { slow: true });
    await ledger.assistants.requestCheck(AST_1, 0);
    expect(await due()).toBe(2);
    await ledger.assistants.drawChecks(1, 60_000, { slow: true });
    expect(await due()).toBe(1);
  });

  it('are pending from their request until they end', async () => {
    const targets = [AST_1, { orgId: 'org_1', assistantId: 'ast_2' }];
    const pending = () => ledger.assistants.arePending(targets, { slow: true });
    await ledger.assistants.requestCheck(AST_1, 0, { slow: true });
    const [drawn] = await ledger.assistants.drawChecks(1, 60_000, { slow: true });
    expect(await pending()).toEqual([true, false]);
    await ledger.assistants.endCheck(drawn!);
    expect(await pending()).toEqual([false, false]);
    expect(await ledger.assistants.arePending([], { slow: true })).toEqual([]);
  });

  it('are drawn again if they have not ended in time', async () => {
    await ledger.assistants.requestCheck(AST_1, 0);
    expect(await ledger.assistants.drawChecks(10, 0)).toHaveLength(1);
    expect(await ledger.assistants.drawChecks(10, 0)).toHaveLength(1);
  });

  it('are made earlier by an earlier request, and never later', async () => {
    const score = async () => Number(await redis.zscore('{spec}:checks', 'org_1/ast_1'));
    await ledger.assistants.requestCheck(AST_1, 60_000);
    const first = await score();
    await ledger.assistants.requestCheck(AST_1, 90_000);
    expect(await score()).toBe(first);
    await ledger.assistants.requestCheck(AST_1, 0);
    expect(await dueChecks()).toEqual(['org_1/ast_1']);
  });

  it('are deleted when they end, and made again when they are put off', async () => {
    await ledger.assistants.requestCheck(AST_1, 0);
    const [drawn] = await ledger.assistants.drawChecks(1, 60_000);
    await ledger.assistants.endCheck(drawn!, { inMs: 0, slow: false });
    const [again] = await ledger.assistants.drawChecks(1, 60_000);
    expect(again).toMatchObject(AST_1);
    await ledger.assistants.endCheck(again!);
    expect(await redis.exists('{spec}:checks')).toBe(0);
  });

  it('stay if they were requested again meanwhile', async () => {
    await ledger.assistants.requestCheck(AST_1, 0);
    const [drawn] = await ledger.assistants.drawChecks(1, 60_000);
    await ledger.assistants.requestCheck(AST_1, 0);
    await ledger.assistants.endCheck(drawn!);
    expect(await dueChecks()).toEqual(['org_1/ast_1']);
  });

  it('are not put off by a check that was requested again meanwhile', async () => {
    await ledger.assistants.requestCheck(AST_1, 0);
    const [drawn] = await ledger.assistants.drawChecks(1, 60_000);
    await ledger.assistants.requestCheck(AST_1, 0);
    await ledger.assistants.endCheck(drawn!, { inMs: 60_000, slow: false });
    expect(await dueChecks()).toEqual(['org_1/ast_1']);
  });
});

describe('notSeenSince', () => {
  const page = { offset: 0, size: 10 };
  const unseen = (more = page) => ledger.assistants.notSeenSince('org_1', 10_000, more);
  const lastSeen = (assistantId: string, ms: number) =>
    redis.zadd('{spec}:assistants:org_1', ms, assistantId);

  it('returns pages of assistants last listed or published before a moment, the longest first', async () => {
    for (const [i, assistantId] of ['ast_1', 'ast_2', 'ast_3'].entries()) {
      await rotate(`f${i}`, { assistantId });
      await lastSeen(assistantId, 1000 + i);
    }
    await lastSeen('ast_3', 10_000);
    expect(await unseen()).toEqual(['ast_1', 'ast_2']);
    expect(await unseen({ offset: 1, size: 1 })).toEqual(['ast_2']);
    expect(await ledger.assistants.notSeenSince('org_2', Date.now(), page)).toEqual([]);
  });

  it.each([printOf('f1'), printOf('f2')])(
    'does not include an assistant that was listed since, whether or not it agreed: %s',
    async (state) => {
      await rotate('f1');
      await lastSeen('ast_1', 1000);
      await compareOne(state);
      expect(await unseen()).toEqual([]);
    },
  );

  it('does not include an assistant that a check has published since', async () => {
    await rotate('f1');
    await lastSeen('ast_1', 1000);
    const hold = await looked();
    await ledger.assistants.commit(hold, readKey('f2', hold));
    expect(await unseen()).toEqual([]);
  });

  it('includes neither assistants without versions nor deleted ones', async () => {
    await compareOne(printOf('f1'));
    await rotate('f2', { assistantId: 'ast_2' });
    const hold = await looked({ assistantId: 'ast_2' });
    await ledger.assistants.commit(hold, removed('deleted', hold));
    await compareOne(printOf('f2'), Date.now(), 0, 'ast_2');
    expect(await ledger.assistants.notSeenSince('org_1', Date.now() + 1000, page)).toEqual([]);
  });
});

describe('orgs.list', () => {
  it('returns the orgs with publications, and the number of assistants of each', async () => {
    expect(await ledger.orgs.list()).toEqual([]);
    await rotate('f', { orgId: 'org a', assistantId: 'ast_1' });
    await rotate('f2', { orgId: 'org a', assistantId: 'ast_2' });
    await rotate('f', { orgId: 'c', assistantId: 'ast_3' });
    await accept({ orgId: 'org_queued', assistantId: 'ast_4' });
    expect(await ledger.orgs.list()).toEqual([
      { orgId: 'c', assistants: 1 },
      { orgId: 'org a', assistants: 2 },
    ]);
  });
});

describe('quarantine', () => {
  it('is noted once, with the time and the reason, and taken back once', async () => {
    expect(await ledger.assistants.quarantine('ast_1', 'wrong type', 1000.4)).toBe(true);
    expect(await ledger.assistants.quarantine('ast_1', 'another', 2000)).toBe(false);
    expect(JSON.parse((await redis.hget('{spec}:quarantine', 'ast_1'))!)).toEqual({
      since: 1000,
      why: 'wrong type',
    });
    expect(await ledger.assistants.unquarantine('ast_1')).toBe(true);
    expect(await ledger.assistants.unquarantine('ast_1')).toBe(false);
  });
});

describe('keyFacts', () => {
  it('returns the state, its times, and the org; and whether the entry is corrupt', async () => {
    await rotate('f1', { orgId: 'org a' });
    await redis.set('{spec}:assistant:ast_bad', 'x');
    expect(await ledger.assistants.keyFacts(['ast_1', 'ast_2', 'ast_bad'])).toEqual([
      {
        state: printOf('f1'),
        orgId: 'org a',
        verifiedMs: expect.any(Number),
        rotatedMs: expect.any(Number),
        knownMs: expect.any(Number),
      },
      {},
      { corrupt: true },
    ]);
  });
});
