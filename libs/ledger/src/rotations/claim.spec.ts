import { describe, expect, it } from '@jest/globals';
import { KEY_ROTATED, KEY_UNCERTAIN } from '@rekey/schema';
import {
  ENVELOPE,
  SEALED,
  accept,
  claimOf,
  claimed,
  dueChecks,
  events,
  key,
  ledger,
  lose,
  nextId,
  printOf,
  readKey,
  redis,
  resumed,
  rotate,
  useLedger,
  waitOf,
} from '../ledger-fixture.ts';

useLedger();

const states = async (id: string) => (await ledger.rotations.get(id)).state;
const intents = (org = 'org_1') => redis.zrange(`{spec}:intents:${org}`, '0', '-1');

describe('a record that is too long to be read', () => {
  it('fails its rotation before the POST', async () => {
    await ledger.assistants.noteTooLarge({ orgId: 'org_1', assistantId: 'ast_1' }, Date.now());
    const rotation = await accept();
    expect((await claimOf(rotation)).kind).toBe('ended');
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'FAILED',
      errorCode: 'RECORD_TOO_LARGE',
    });
  });
});

describe('claim', () => {
  it('opens the intent and moves the rotation to ROTATING', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation, { landingWindowMs: 30_000 });
    expect(claim).toEqual({
      rotationId: rotation.id,
      orgId: 'org_1',
      assistantId: 'ast_1',
      epoch: expect.any(Number),
      atMs: expect.any(Number),
      attempts: 1,
      startedMs: claim.atMs,
      unknownsInARow: 0,
      doubted: false,
      uncertain: false,
      fresh: false,
    });
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'ROTATING',
      attempts: 1,
      startedMs: claim.atMs,
    });
    expect(await redis.hgetall('{spec}:assistant:ast_1')).toMatchObject({
      holder: rotation.id,
      lands: String(claim.atMs + 30_000),
      lease: String(claim.atMs + 60_000),
    });
    expect(await intents()).toEqual(['ast_1']);
  });

  it('returns what was published before', async () => {
    const published = await rotate('f1');
    expect(await claimed(await accept())).toMatchObject({
      stateBefore: printOf('f1'),
      versionBefore: published.epoch,
    });
  });

  it('counts the attempts, and returns the time of the first', async () => {
    const rotation = await accept();
    const first = await claimed(rotation);
    await ledger.rotations.release(first);
    expect(await claimed(rotation)).toMatchObject({ attempts: 2, startedMs: first.atMs });
  });

  it('returns that an earlier outcome of the same rotation was unknown', async () => {
    const lost = await lose();
    const { claim } = await resumed({ id: lost.rotationId, ...lost });
    await ledger.rotations.release(claim);
    expect(await claimed({ id: lost.rotationId, ...lost })).toMatchObject({ doubted: true });
  });

  it('is BUSY briefly while another rotation holds the assistant, under either name of its org', async () => {
    await claimed(await accept());
    const busy = await claimOf(await accept({ orgId: 'c' }));
    expect(busy).toEqual({ kind: 'busy', retryInMs: expect.any(Number) });
    expect(waitOf(busy)).toBeGreaterThanOrEqual(100);
    expect(waitOf(busy)).toBeLessThanOrEqual(1000);
  });

  it('stays BUSY for others after the lease has lapsed, because the intent is open', async () => {
    await claimed(await accept(), { leaseMs: 0 });
    expect(await claimOf(await accept({ orgId: 'c' }))).toEqual({ kind: 'busy', retryInMs: 1000 });
  });

  it('is BUSY for others until the next read, while the outcome is unknown', async () => {
    await ledger.rotations.noteUnknown(
      await claimed(await accept()),
      { readInMs: 20_000, holdMs: 0 },
      SEALED,
    );
    const other = await claimOf(await accept());
    expect(other).toMatchObject({ kind: 'busy' });
    expect(waitOf(other)).toBeGreaterThan(15_000);
  });

  it('is BUSY for a second delivery of the same job while the lease lasts', async () => {
    const rotation = await accept();
    await claimed(rotation);
    const second = await claimOf(rotation);
    expect(second).toMatchObject({ kind: 'busy' });
    expect(waitOf(second)).toBeGreaterThan(50_000);
  });

  it('resumes an intent whose worker is gone, never as a new POST, and not noted as unknown', async () => {
    const rotation = await accept();
    const first = await claimed(rotation, { leaseMs: 0, landingWindowMs: 30_000 });
    const { claim, landsInMs, satisfied, noted } = await resumed(rotation);
    expect(claim).toMatchObject({ attempts: 1, startedMs: first.atMs, doubted: true, uncertain: false });
    expect({ satisfied, noted }).toEqual({ satisfied: false, noted: false });
    expect(claim.epoch).toBeGreaterThan(first.epoch);
    expect(landsInMs).toBe(first.atMs + 30_000 - claim.atMs);
    expect(await states(rotation.id)).toBe('ROTATING');
  });

  it('returns for a resumed intent that it is noted, and that consumers were told', async () => {
    await rotate('f1');
    const rotation = await accept();
    await ledger.rotations.noteUnknown(await claimed(rotation), { readInMs: 0, holdMs: 0 }, SEALED);
    expect(await resumed(rotation)).toMatchObject({
      noted: true,
      claim: { uncertain: true, stateBefore: printOf('f1') },
    });
  });

  it('finds a rotation that has ended', async () => {
    const rotation = await accept();
    await ledger.rotations.cancel(rotation.id);
    expect(await claimOf(rotation)).toEqual({ kind: 'ended' });
  });

  it('does not find a rotation that was not accepted, or is of another assistant or org', async () => {
    const rotation = await accept();
    expect(await claimOf({ ...rotation, id: nextId() })).toEqual({ kind: 'missing' });
    expect(await claimOf({ ...rotation, assistantId: 'ast_2' })).toEqual({ kind: 'missing' });
    expect(await claimOf({ ...rotation, orgId: 'org_2' })).toEqual({ kind: 'missing' });
  });

  it('draws epochs that rise although the clock of Redis went back', async () => {
    const future = 4_000_000_000_000_000;
    await redis.hset('{spec}:assistant:ast_1', 'version', future, 'epoch', future + 5);
    expect((await claimed(await accept())).epoch).toBe(future + 6);
  });
});

describe('an assistant with an epoch or a version that is larger than any of Rekey', () => {
  it.each([
    ['epoch', '9007199254740999'],
    ['version', '9007199254740992'],
    ['version', '1e300'],
    ['epoch', 'inf'],
    ['epoch', 'nan'],
  ])('is not claimed, nor checked: %s %s', async (field, value) => {
    const rotation = await accept();
    await redis.hset('{spec}:assistant:ast_1', field, value);
    for (const refused of [claimOf(rotation), ledger.assistants.beginCheck(rotation)])
      await expect(refused).rejects.toMatchObject({ code: 'LEDGER_CORRUPT' });
    expect(await redis.hget('{spec}:assistant:ast_1', 'holder')).toBeNull();
  });

  it.each(['epoch', 'version'])(
    'is claimed again, above the other one, once its %s is deleted',
    async (field) => {
      // As rekey status and the documentation say.
      const largest = 9_006_099_743_113_215;
      const rotation = await accept();
      const fields = { epoch: largest, version: largest, [field]: largest + 1 };
      await redis.hset('{spec}:assistant:ast_1', fields);
      await expect(claimOf(rotation)).rejects.toMatchObject({ code: 'LEDGER_CORRUPT' });
      await redis.hdel('{spec}:assistant:ast_1', field);
      expect((await claimed(rotation)).epoch).toBe(largest + 1);
    },
  );
});

describe('the open intents of an org', () => {
  it('are limited for each org: above the limit nothing is claimed', async () => {
    await claimed(await accept({ assistantId: 'ast_1' }), { maxOpenIntents: 2 });
    const second = await claimed(await accept({ assistantId: 'ast_2' }), { maxOpenIntents: 2 });
    const third = await accept({ assistantId: 'ast_3' });
    expect(await claimOf(third, { maxOpenIntents: 2 })).toEqual({ kind: 'full', retryInMs: 20 });
    expect(await states(third.id)).toBe('QUEUED');
    await claimed(await accept({ assistantId: 'ast_4', orgId: 'org_2' }), { maxOpenIntents: 2 });
    await ledger.assistants.commit(second, key('f'));
    await claimed(third, { maxOpenIntents: 2 });
  });

  it.each<[string, (claim: Awaited<ReturnType<typeof claimed>>) => Promise<unknown>]>([
    ['release', (claim) => ledger.rotations.release(claim)],
    ['failure', (claim) => ledger.rotations.fail(claim, { code: 'ASSISTANT_NOT_FOUND' }, false)],
    ['success', (claim) => ledger.assistants.commit(claim, key('f'))],
    [
      'failure with a version',
      (claim) => ledger.assistants.commit(claim, key('f', { rotation: { fails: 'NO_SECRET_KEY' } })),
    ],
  ])('are closed by a %s', async (_, close) => {
    const claim = await claimed(await accept({ orgId: 'org a', assistantId: 'ast:1' }));
    expect(await intents('org%20a')).toEqual(['ast%3A1']);
    await close(claim);
    expect(await intents('org%20a')).toEqual([]);
  });

  it('stay open while an outcome is unknown: nothing else is claimed, with the reason', async () => {
    await lose();
    await claimed(await accept({ assistantId: 'ast_2' }));
    const third = await accept({ assistantId: 'ast_3' });
    expect(await claimOf(third, { maxOpenIntents: 2 })).toEqual({ kind: 'halted', retryInMs: 1000 });
    expect(await ledger.rotations.get(third.id)).toMatchObject({
      state: 'QUEUED',
      errorCode: 'TOO_MANY_UNKNOWNS',
    });
  });

  it('do not keep a rotation from being resumed, however many there are', async () => {
    const lost = await lose();
    expect(
      await claimOf({ id: lost.rotationId, ...lost }, { maxOpenIntents: 1, holdBack: 'REPLICAS_MISSING' }),
    ).toMatchObject({ kind: 'resumed' });
  });

  it('stop counting at the limit if an assistant was deleted from the ledger by hand', async () => {
    const options = { landingWindowMs: 0, maxOpenIntents: 2 };
    await claimed(await accept({ assistantId: 'ast:gone' }), options);
    await claimed(await accept({ assistantId: 'ast_here' }), options);
    const third = await accept({ assistantId: 'ast_3' });
    expect(await claimOf(third, options)).toMatchObject({ kind: 'full' });
    await redis.del('{spec}:assistant:ast%3Agone');
    await claimed(third, options);
    expect(await intents()).toEqual(expect.arrayContaining(['ast_3', 'ast_here']));
    expect(await claimOf(await accept({ assistantId: 'ast_4' }), options)).toMatchObject({ kind: 'full' });
  });

  it('count until their landing window has passed, even if their assistant was deleted by hand', async () => {
    await claimed(await accept(), { maxOpenIntents: 1 });
    await redis.del('{spec}:assistant:ast_1');
    expect(await claimOf(await accept({ assistantId: 'ast_2' }), { maxOpenIntents: 1 })).toMatchObject({
      kind: 'full',
    });
  });

  it('are still too many if one was deleted by hand and the limit was lowered', async () => {
    for (const assistantId of ['ast_1', 'ast_2', 'ast_3'])
      await claimed(await accept({ assistantId }), { landingWindowMs: 0 });
    await redis.del('{spec}:assistant:ast_1');
    expect(await claimOf(await accept({ assistantId: 'ast_4' }), { maxOpenIntents: 2 })).toMatchObject({
      kind: 'full',
    });
    expect(await intents()).toEqual(['ast_2', 'ast_3']);
  });
});

describe('consecutive unknown outcomes', () => {
  /** Unknown, and rotated again after its window: no intent stays open. */
  const loseAndRelease = async (assistantId: string) => {
    const lost = await lose({ assistantId });
    await ledger.rotations.release((await resumed({ id: lost.rotationId, ...lost })).claim);
  };
  const twoInARow = async () => {
    await loseAndRelease('ast_1');
    await loseAndRelease('ast_2');
  };
  const windowPasses = async () => redis.hincrby('{spec}:ledger', 'run_at:org_1', -60_001);
  const options = { maxOpenIntents: 2 };

  it('halt an org at the limit of open intents, although none is open, and no other org', async () => {
    await twoInARow();
    const third = await accept({ assistantId: 'ast_3' });
    const halted = await claimOf(third, options);
    expect(halted).toMatchObject({ kind: 'halted' });
    expect(waitOf(halted)).toBeLessThanOrEqual(10_000);
    expect(waitOf(halted)).toBeGreaterThanOrEqual(1000);
    expect(await ledger.rotations.get(third.id)).toMatchObject({
      state: 'QUEUED',
      errorCode: 'TOO_MANY_UNKNOWNS',
    });
    await claimed(await accept({ assistantId: 'ast_4', orgId: 'org_2' }), options);
  });

  it('let one POST leave in each landing window, as a probe', async () => {
    await twoInARow();
    await windowPasses();
    expect(await claimed(await accept({ assistantId: 'ast_3' }), options)).toMatchObject({
      unknownsInARow: 2,
    });
    const next = await accept({ assistantId: 'ast_4' });
    expect(await claimOf(next, options)).toMatchObject({ kind: 'halted' });
    await windowPasses();
    await claimed(next, options);
  });

  it('end with a success whose claim counted them', async () => {
    await twoInARow();
    await windowPasses();
    await ledger.assistants.commit(await claimed(await accept({ assistantId: 'ast_3' }), options), key('f'));
    expect(await claimed(await accept({ assistantId: 'ast_4' }), options)).toMatchObject({
      unknownsInARow: 0,
    });
    expect((await redis.hkeys('{spec}:ledger')).filter((field) => field.startsWith('run'))).toEqual([]);
  });

  it('do not end with a success whose claim was before them, nor with a read', async () => {
    const before = await claimed(await accept({ assistantId: 'ast_before' }));
    const lost = await lose();
    const seeing = await claimed(await accept({ assistantId: 'ast_2' }));
    await ledger.assistants.commit(before, key('f1'));
    await ledger.assistants.commit(seeing, readKey('f2', seeing));
    await ledger.assistants.commit(
      (await resumed({ id: lost.rotationId, ...lost })).claim,
      readKey('f3', lost, { rotation: 'ends' }),
    );
    expect(await claimed(await accept({ assistantId: 'ast_3' }))).toMatchObject({ unknownsInARow: 1 });
  });

  it('count once for each POST, however often its outcome is noted', async () => {
    const claim = await lose();
    await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0 }, SEALED);
    expect(await claimed(await accept({ assistantId: 'ast_2' }))).toMatchObject({ unknownsInARow: 1 });
    await ledger.rotations.release(claim);
    await ledger.rotations.noteUnknown(
      await claimed({ id: claim.rotationId, ...claim }),
      { readInMs: 0, holdMs: 0 },
      SEALED,
    );
    expect(await claimed(await accept({ assistantId: 'ast_3' }))).toMatchObject({ unknownsInARow: 2 });
  });
});

describe('a frozen ledger', () => {
  it('allows no claim, notes that on the rotation, and lets it resume afterwards', async () => {
    await redis.hset('{spec}:ledger', 'frozen', Date.now());
    const rotation = await accept();
    expect(await claimOf(rotation)).toEqual({ kind: 'frozen', retryInMs: 5000 });
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'QUEUED',
      attempts: 0,
      errorCode: 'FROZEN',
    });
    expect(await intents()).toEqual([]);
    await redis.hdel('{spec}:ledger', 'frozen');
    await claimed(rotation);
  });

  it('still reads back requests that may have left', async () => {
    const lost = await lose();
    await redis.hset('{spec}:ledger', 'frozen', Date.now());
    expect(await claimOf({ id: lost.rotationId, ...lost })).toMatchObject({ kind: 'resumed' });
  });
});

describe('a worker that holds POSTs back', () => {
  it('claims nothing, and notes its reason on the rotation', async () => {
    const rotation = await accept();
    expect(await claimOf(rotation, { holdBack: 'REPLICAS_MISSING' })).toEqual({
      kind: 'frozen',
      retryInMs: 5000,
    });
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'QUEUED',
      errorCode: 'REPLICAS_MISSING',
    });
  });
});

describe('release', () => {
  it('queues the rotation again, with the reason', async () => {
    const rotation = await accept();
    expect(
      await ledger.rotations.release(await claimed(rotation), { code: 'UPSTREAM_RATE_LIMITED', status: 429 }),
    ).toBe(true);
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'QUEUED',
      attempts: 1,
      errorCode: 'UPSTREAM_RATE_LIMITED',
      upstreamStatus: 429,
    });
    expect(await claimOf(rotation)).toMatchObject({ kind: 'claimed', claim: { attempts: 2 } });
  });

  it('makes it answer later requests, unless another rotation is queued', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    const second = await accept();
    await ledger.rotations.release(claim);
    expect((await accept()).id).toBe(second.id);
    await ledger.rotations.cancel(second.id);
    await ledger.rotations.release(await claimed(rotation));
    expect((await accept()).id).toBe(rotation.id);
  });

  it('is refused if another worker has claimed since', async () => {
    const rotation = await accept();
    const stale = await claimed(rotation, { leaseMs: 0 });
    await resumed(rotation);
    expect(await ledger.rotations.release(stale)).toBe(false);
    expect(await states(rotation.id)).toBe('ROTATING');
    expect(await intents()).toEqual(['ast_1']);
  });
});

describe('fail', () => {
  const GONE = { code: 'ASSISTANT_NOT_FOUND', status: 404 } as const;

  it('ends the rotation with its reason', async () => {
    const rotation = await accept();
    expect(await ledger.rotations.fail(await claimed(rotation), GONE, false)).toBe(true);
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      state: 'FAILED',
      errorCode: 'ASSISTANT_NOT_FOUND',
      upstreamStatus: 404,
    });
    expect(await dueChecks()).toEqual([]);
  });

  it('deletes the entry of an assistant without versions, and requests no check', async () => {
    await ledger.rotations.fail(await claimed(await accept()), GONE, true);
    expect(await redis.exists('{spec}:assistant:ast_1')).toBe(0);
    expect(await dueChecks()).toEqual([]);
  });

  it('requests an immediate check of a published assistant, under the org of its publication', async () => {
    await rotate('f1', { orgId: 'org a' });
    await ledger.rotations.fail(await claimed(await accept({ orgId: 'wrong' })), GONE, true);
    expect(await dueChecks()).toEqual(['org a/ast_1']);
  });

  it('is refused if another worker has claimed since', async () => {
    await rotate('f1');
    const rotation = await accept();
    const stale = await claimed(rotation, { leaseMs: 0 });
    await resumed(rotation);
    expect(await ledger.rotations.fail(stale, GONE, true)).toBe(false);
    expect(await states(rotation.id)).toBe('ROTATING');
    expect(await dueChecks()).toEqual([]);
  });
});

describe('noteUnknown', () => {
  it('makes the rotation RECONCILING, keeps the intent, and notes since when', async () => {
    const rotation = await accept();
    expect(
      await ledger.rotations.noteUnknown(
        await claimed(rotation),
        { readInMs: 500, holdMs: 0, status: 502 },
        SEALED,
      ),
    ).toBe('noted');
    const first = await ledger.rotations.get(rotation.id);
    expect(first).toMatchObject({ state: 'RECONCILING', errorCode: 'OUTCOME_UNKNOWN', upstreamStatus: 502 });
    expect(first.nextReadMs).toBe(first.uncertainSinceMs! + 500);
    const { claim } = await resumed(rotation);
    await ledger.rotations.noteUnknown(
      claim,
      { readInMs: 1000, holdMs: 0, readError: 'UPSTREAM_FORBIDDEN', operatorNeeded: true },
      SEALED,
    );
    expect(await ledger.rotations.get(rotation.id)).toMatchObject({
      uncertainSinceMs: first.uncertainSinceMs,
      readErrorCode: 'UPSTREAM_FORBIDDEN',
      operatorNeeded: true,
    });
    expect(await intents()).toEqual(['ast_1']);
  });

  it('counts a later uncertainty of the same rotation from its own start', async () => {
    const rotation = await accept();
    const first = await claimed(rotation);
    await ledger.rotations.noteUnknown(first, { readInMs: 0, holdMs: 0 }, SEALED);
    await redis.hset(`{spec}:rotation:${rotation.id}`, 'since', 1000);
    await ledger.rotations.release(first);
    const second = await claimed(rotation);
    await ledger.rotations.noteUnknown(second, { readInMs: 0, holdMs: 0 }, SEALED);
    expect((await ledger.rotations.get(rotation.id)).uncertainSinceMs).toBeGreaterThanOrEqual(second.atMs);
  });

  it('keeps the claim for the given time', async () => {
    const rotation = await accept();
    await ledger.rotations.noteUnknown(await claimed(rotation), { readInMs: 0, holdMs: 60_000 }, SEALED);
    expect(await claimOf(rotation)).toMatchObject({ kind: 'busy' });
  });

  it('tells consumers again, once, if reads show an older key than one published meanwhile', async () => {
    await rotate('f1');
    const lost = await lose();
    const { claim } = await resumed({ id: lost.rotationId, ...lost });
    await ledger.assistants.commit(claim, readKey('f2', claim, { rotation: 'satisfied' }));
    await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0 }, SEALED);
    for (let reads = 0; reads < 3; reads += 1) {
      const again = await resumed({ id: lost.rotationId, ...lost });
      await ledger.rotations.noteUnknown(
        again.claim,
        { readInMs: 0, holdMs: 0, readError: 'STALE_READ' },
        SEALED,
      );
    }
    expect((await events()).map(({ type, data }) => [type, data.version])).toEqual([
      [KEY_ROTATED, expect.any(Number)],
      [KEY_UNCERTAIN, lost.versionBefore],
      [KEY_ROTATED, claim.epoch],
      [KEY_UNCERTAIN, claim.epoch],
    ]);
    expect(await redis.hkeys('{spec}:uncertain')).toEqual(['ast_1']);
    expect((await resumed({ id: lost.rotationId, ...lost })).claim.uncertain).toBe(true);
  });

  it('is refused if another worker has claimed since, and publishes nothing', async () => {
    await rotate('f1');
    const rotation = await accept();
    const stale = await claimed(rotation, { leaseMs: 0 });
    await resumed(rotation);
    expect(await ledger.rotations.noteUnknown(stale, { readInMs: 0, holdMs: 0 }, SEALED)).toBe('refused');
    expect(await states(rotation.id)).toBe('ROTATING');
    expect(await events()).toHaveLength(1);
  });

  it('shows nothing of an uncertainty that has ended', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 1000 }, SEALED);
    await ledger.assistants.commit(claim, key('f1', { cause: 'reconciliation' }));
    const ended = await ledger.rotations.get(rotation.id);
    expect(ended).toMatchObject({ state: 'SUCCEEDED', cause: 'reconciliation' });
    expect(ended).not.toHaveProperty('uncertainSinceMs');
    expect(ended).not.toHaveProperty('errorCode');
  });

  it('tells consumers once, also on the channel, that a key is in doubt until the next version', async () => {
    const published = await rotate('f1', { orgId: 'org a', assistantId: 'ast:1' });
    const lost = await lose({ orgId: 'org a', assistantId: 'ast:1' });
    const { claim } = await resumed({ id: lost.rotationId, ...lost });
    await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0 }, SEALED);
    const [, uncertain, ...rest] = await events();
    expect(rest).toEqual([]);
    expect(uncertain).toEqual({
      specversion: '1.0',
      id: `uncertain-${lost.epoch}`,
      source: '/orgs/org%20a/assistants/ast%3A1',
      type: 'rekey.assistant.key-uncertain.v1',
      subject: 'ast:1',
      time: new Date(lost.atMs).toISOString(),
      datacontenttype: 'application/json',
      data: {
        seq: 2,
        run: expect.any(Number),
        version: published.epoch,
        rotation_id: lost.rotationId,
        bulk_rotation_id: null,
        sealed: ENVELOPE,
      },
    });
    const current = (await ledger.assistants.current('ast:1'))!;
    expect(JSON.parse(current.uncertain!)).toEqual(uncertain);
    expect(JSON.parse(current.event)).toMatchObject({
      type: 'rekey.assistant.key-rotated.v1',
      data: { version: published.epoch },
    });
    expect(await redis.hkeys('{spec}:uncertain')).toEqual(['ast:1']);

    await ledger.assistants.commit(claim, readKey('f2', claim, { rotation: 'ends' }));
    expect(await ledger.assistants.current('ast:1')).not.toHaveProperty('uncertain');
    expect(await redis.exists('{spec}:uncertain')).toBe(0);
  });

  it('does not tell them again of the next unknown outcome without a version in between', async () => {
    await rotate('f1');
    const lost = await lose();
    await ledger.rotations.release(lost);
    await ledger.rotations.noteUnknown(
      await claimed({ id: lost.rotationId, ...lost }),
      { readInMs: 0, holdMs: 0 },
      SEALED,
    );
    expect(await events()).toHaveLength(2);
  });

  it('tells them again after the next version', async () => {
    await rotate('f1');
    const first = await lose();
    await ledger.assistants.commit(first, key('f2'));
    await lose();
    expect((await events()).map(({ type, data }) => [type.split('.')[2], data.seq])).toEqual([
      ['key-rotated', 1],
      ['key-uncertain', 2],
      ['key-rotated', 3],
      ['key-uncertain', 4],
    ]);
  });

  it('publishes nothing if nothing was ever published', async () => {
    const lost = await lose();
    expect(await events()).toEqual([]);
    expect(await redis.exists('{spec}:uncertain')).toBe(0);
    expect(await ledger.assistants.current('ast_1')).toBeUndefined();
    expect(await resumed({ id: lost.rotationId, ...lost })).toMatchObject({
      noted: true,
      claim: { uncertain: false },
    });
  });
});
