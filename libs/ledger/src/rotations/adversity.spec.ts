import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import {
  SEALED,
  accept,
  claimOf,
  claimed,
  codeOf,
  events,
  everything,
  key,
  ledger,
  looked,
  lose,
  printOf,
  readKey,
  redis,
  resumed,
  rotate,
  useLedger,
  waitOf,
  type Resumed,
} from '../ledger-fixture.ts';
import { openLedger, type Ledger } from '../open-ledger.ts';

const { url } = useLedger();

const HOUR = 3_600_000;
const ahead = () => Date.now() + HOUR;
const ago = () => Date.now() - HOUR;
const setAssistant = (fields: Record<string, string | number>) =>
  redis.hset('{spec}:assistant:ast_1', fields);

describe('when the clock of Redis was turned back', () => {
  it('a lease far ahead blocks no claim', async () => {
    const rotation = await accept();
    await claimed(rotation);
    await setAssistant({ lease: ahead() });
    expect(waitOf(await claimOf(await accept({ orgId: 'c' })))).toBeLessThanOrEqual(30_000);
    expect(
      waitOf(await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })),
    ).toBeLessThanOrEqual(10_000);
    await resumed(rotation);
  });

  it('a landing window far ahead ends no later than one that begins now', async () => {
    const rotation = await accept();
    await claimed(rotation, { leaseMs: 0 });
    await setAssistant({ lands: ahead() });
    const first = await resumed(rotation, { leaseMs: 0 });
    expect(first.landsInMs).toBe(60_000);
    expect(await redis.hget('{spec}:assistant:ast_1', 'lands')).toBe(String(first.claim.atMs + 60_000));
    const second = await resumed(rotation);
    expect(second.landsInMs).toBe(first.claim.atMs + 60_000 - second.claim.atMs);
  });

  it('a next read far ahead lets other claims retry soon', async () => {
    const lost = await lose();
    await redis.hset(`{spec}:rotation:${lost.rotationId}`, 'next', ahead());
    expect(await claimOf(await accept())).toEqual({ kind: 'busy', retryInMs: 30_000 });
  });

  it('unknown outcomes far ahead do not halt an org', async () => {
    await redis.hset('{spec}:ledger', { 'run:org_1': 10, 'run_at:org_1': ahead() });
    expect(await claimOf(await accept())).toMatchObject({ kind: 'claimed' });
  });

  it('a commit far ahead does not keep a read from being believed', async () => {
    await rotate('f1');
    await setAssistant({ known: ahead() });
    const hold = await looked();
    const read = { beganMs: hold.atMs, lagMs: 5000 };
    expect(await ledger.assistants.compare(read, [{ assistantId: 'ast_1', state: printOf('f2') }])).toEqual([
      'differs',
    ]);
    expect(await ledger.assistants.commit(hold, readKey('f2', hold, { read }))).toMatchObject({
      kind: 'committed',
    });
  });

  it('a key that was known to be in force far ahead does not count as fresh', async () => {
    await rotate('f1');
    await setAssistant({ verified: ahead() });
    const claim = await lose();
    expect(claim).toMatchObject({ fresh: false });
    expect((await resumed({ id: claim.rotationId, ...claim })).claim).toMatchObject({ fresh: false });
  });

  it('a rotation that changed far ahead is found when its job is lost', async () => {
    const { id } = await accept();
    expect((await ledger.rotations.findOrphans({ quietMs: 60_000 })).orphans).toEqual([]);
    await redis.hset(`{spec}:rotation:${id}`, 'updated', ahead());
    expect((await ledger.rotations.findOrphans({ quietMs: 60_000 })).orphans).toMatchObject([
      { rotationId: id },
    ]);
  });
});

describe('when the clock of Redis was put forward', () => {
  it('an open intent is resumed, never posted again, and no other rotation gets the assistant', async () => {
    const rotation = await accept();
    const first = await claimed(rotation);
    await setAssistant({ lease: ago(), lands: ago(), intent: ago() });
    expect(await claimOf(await accept({ orgId: 'c' }))).toMatchObject({ kind: 'busy' });
    const { claim, landsInMs } = (await claimOf(rotation)) as Resumed;
    expect(claim).toMatchObject({ attempts: 1 });
    expect(landsInMs).toBeLessThanOrEqual(-HOUR + 10_000);
    expect(await ledger.assistants.commit(first, key('f1'))).toMatchObject({ kind: 'committed' });
  });

  it('an open intent counts, although its window has passed', async () => {
    await claimed(await accept(), { landingWindowMs: -HOUR });
    expect(await claimOf(await accept({ assistantId: 'ast_2' }), { maxOpenIntents: 1 })).toMatchObject({
      kind: 'full',
    });
  });
});

describe('an assistant whose holder another client has written', () => {
  const holders: [string, () => Promise<string>][] = [
    ['no rotation', async () => 'x'],
    ['a rotation that has ended', async () => (await rotate('f1')).rotationId],
    [
      'a rotation that another client calls open',
      async () => {
        const { rotationId } = await rotate('f1');
        await redis.hset(`{spec}:rotation:${rotationId}`, 'state', 'ROTATING');
        return rotationId;
      },
    ],
  ];
  const moments = { past: ago, 'in 12 hours': () => Date.now() + 12 * HOUR, 'in the year 3000': () => 32e12 };
  const cases = holders.flatMap(([what, holder]) =>
    Object.entries(moments).map(([when, at]) => ({ what, when, holder, at })),
  );

  it.each(cases)('is free: $what, until $when', async ({ holder, at }) => {
    const written = { holder: await holder(), lease: at(), lands: at() };
    await setAssistant(written);
    expect(await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({
      kind: 'begun',
    });
    await setAssistant(written);
    await claimed(await accept());
  });
});

describe('an assistant whose entry cannot be read', () => {
  it('is reported by every command that uses it, and nothing is written', async () => {
    const rotation = await accept();
    const claim = await claimed(rotation);
    const queued = await accept({ orgId: 'c' });
    await redis.del('{spec}:assistant:ast_1');
    await redis.set('{spec}:assistant:ast_1', 'text');
    const before = await everything();
    const attempts = [
      () => ledger.rotations.accept('rot_new', { orgId: 'org_1', assistantId: 'ast_1', reason: '' }),
      () => claimOf(queued),
      () => ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' }),
      () => ledger.assistants.commit(claim, key('f1')),
      () => ledger.rotations.release(claim),
      () => ledger.rotations.fail(claim, { code: 'ASSISTANT_NOT_FOUND' }, true),
      () => ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0 }, SEALED),
      () => ledger.rotations.settle(claim, 1, 1),
      () => ledger.rotations.cancel(queued.id),
    ];
    const codes: string[] = [];
    for (const attempt of attempts) codes.push(await codeOf(attempt()));
    expect(codes).toEqual(attempts.map(() => 'LEDGER_CORRUPT'));
    expect(await everything()).toEqual(before);
  });

  it('counts as open until its POST has landed, and keeps no other one from being claimed', async () => {
    await claimed(await accept(), { landingWindowMs: 60_000 });
    await redis.del('{spec}:assistant:ast_1');
    await redis.set('{spec}:assistant:ast_1', 'text');
    const other = await accept({ assistantId: 'ast_2' });
    expect((await claimOf(other, { maxOpenIntents: 1 })).kind).toBe('full');
    await claimed(await accept({ assistantId: 'ast_3' }), { maxOpenIntents: 2 });
    await redis.zadd('{spec}:intents:org_1', Date.now() - 1, 'ast_1');
    expect((await claimOf(other, { maxOpenIntents: 2 })).kind).toBe('claimed');
  });
});

describe('a rotation whose entry cannot be read', () => {
  const spoil = async (id: string) => {
    await redis.del(`{spec}:rotation:${id}`);
    await redis.set(`{spec}:rotation:${id}`, 'text');
  };

  it('is neither claimed, cancelled nor noted, and nothing is written', async () => {
    const claim = await claimed(await accept());
    await spoil(claim.rotationId);
    const before = await everything();
    expect(await codeOf(claimOf({ id: claim.rotationId, ...claim }))).toBe('LEDGER_CORRUPT');
    expect(await codeOf(ledger.rotations.cancel(claim.rotationId))).toBe('LEDGER_CORRUPT');
    expect(await codeOf(ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0 }, SEALED))).toBe(
      'LEDGER_CORRUPT',
    );
    expect(await everything()).toEqual(before);
  });

  it('counts as open until its POST has landed', async () => {
    await spoil((await claimed(await accept(), { landingWindowMs: 60_000 })).rotationId);
    const other = await accept({ assistantId: 'ast_2' });
    expect((await claimOf(other, { maxOpenIntents: 1 })).kind).toBe('full');
    await redis.zadd('{spec}:intents:org_1', Date.now() - 1, 'ast_1');
    expect((await claimOf(other, { maxOpenIntents: 1 })).kind).toBe('claimed');
  });

  it('loses no key: the response to its POST is published, and the assistant is free again', async () => {
    const claim = await claimed(await accept());
    await spoil(claim.rotationId);
    expect(await ledger.assistants.commit(claim, key('f1'))).toMatchObject({ kind: 'committed' });
    expect((await events())[0]!.data).toMatchObject({ version: claim.epoch, fingerprint: printOf('f1') });
    expect(await ledger.assistants.commit(claim, key('f1'))).toEqual({ kind: 'already', seq: 1 });
    expect(await claimed(await accept())).toMatchObject({ stateBefore: printOf('f1') });
  });
});

describe('failCorrupt', () => {
  it('fails a rotation without a request', async () => {
    const { id } = await accept();
    expect(await ledger.rotations.failCorrupt(id, 60_000)).toBe('failed');
    expect(await ledger.rotations.get(id)).toMatchObject({ state: 'FAILED', errorCode: 'LEDGER_CORRUPT' });
    expect(await redis.zcard('{spec}:rotations:open')).toBe(0);
  });

  it('makes a rotation wait for an operator if its request may have left, and notes the time', async () => {
    const { id } = await accept();
    const claim = await claimed(await ledger.rotations.get(id));
    expect(await ledger.rotations.failCorrupt(id, 60_000)).toBe('waits');
    const waiting = await ledger.rotations.get(id);
    expect(waiting).toMatchObject({
      state: 'RECONCILING',
      errorCode: 'OUTCOME_UNKNOWN',
      readErrorCode: 'LEDGER_CORRUPT',
      operatorNeeded: true,
    });
    expect(waiting.uncertainSinceMs).toBeGreaterThanOrEqual(claim.atMs);
    expect(waiting.nextReadMs).toBe(waiting.updatedMs + 60_000);
    await redis.hset(`{spec}:rotation:${id}`, 'since', 1000);
    await ledger.rotations.failCorrupt(id, 60_000);
    expect(await ledger.rotations.get(id)).toMatchObject({ uncertainSinceMs: 1000 });
  });

  it('does not take an uncertainty that has ended for the start of the next', async () => {
    const lost = await lose();
    await redis.hset(`{spec}:rotation:${lost.rotationId}`, 'since', 1000);
    await ledger.rotations.release(lost);
    const claim = await claimed({ id: lost.rotationId, ...lost });
    await ledger.rotations.failCorrupt(lost.rotationId, 60_000);
    expect((await ledger.rotations.get(lost.rotationId)).uncertainSinceMs).toBeGreaterThanOrEqual(claim.atMs);
  });

  it('takes a rotation off the index if its own entry cannot be read', async () => {
    const { id } = await accept();
    await redis.del(`{spec}:rotation:${id}`);
    await redis.set(`{spec}:rotation:${id}`, 'text');
    expect(await ledger.rotations.failCorrupt(id, 60_000)).toBe('unreadable');
    expect(await redis.zcard('{spec}:rotations:open')).toBe(0);
    expect(await redis.get(`{spec}:rotation:${id}`)).toBe('text');
  });

  it('does not change an ended rotation', async () => {
    const { rotationId } = await rotate('f1');
    const ended = await ledger.rotations.get(rotationId);
    await ledger.rotations.failCorrupt(rotationId, 60_000);
    expect(await ledger.rotations.get(rotationId)).toEqual(ended);
  });
});

describe('when Redis is out of memory', () => {
  const fill = () => redis.config('SET', 'maxmemory', '1mb');
  const messageOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'resolved',
      (error: Error) => error.message,
    );
  afterEach(async () => {
    await redis.config('SET', 'maxmemory', '0');
  });

  it('nothing new is accepted, and nothing of it is left', async () => {
    await accept({ assistantId: 'ast_2' });
    const before = await everything();
    await fill();
    expect(await messageOf(accept())).toContain('OOM');
    expect(await everything()).toEqual(before);
  });

  it('a key that was made is published', async () => {
    const claim = await claimed(await accept());
    await fill();
    expect(await ledger.assistants.commit(claim, key('f1', { checkAgainInMs: 1000 }))).toEqual({
      kind: 'committed',
      seq: 1,
      entry: expect.any(String),
    });
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('an unknown outcome is noted and published, resumed, found and settled', async () => {
    await rotate('f1');
    const claim = await claimed(await accept());
    await fill();
    expect(await ledger.rotations.noteUnknown(claim, { readInMs: 0, holdMs: 0 }, SEALED)).toBe('noted');
    const { claim: again } = await resumed({ id: claim.rotationId, ...claim });
    expect(
      await ledger.assistants.commit(again, readKey('f2', again, { rotation: 'satisfied' })),
    ).toMatchObject({
      kind: 'committed',
    });
    expect(await ledger.rotations.settle(again, again.atMs, again.atMs)).toBe('settled');
    expect((await events()).map(({ type }) => type.split('.')[2])).toEqual([
      'key-rotated',
      'key-uncertain',
      'key-rotated',
    ]);
  });

  it('what was certainly not done is released, and what is not retried fails', async () => {
    const claim = await claimed(await accept());
    const other = await rotate('f1', { assistantId: 'ast_2' }).then(async () =>
      claimed(await accept({ assistantId: 'ast_2' })),
    );
    await fill();
    expect(await ledger.rotations.release(claim)).toBe(true);
    expect(await ledger.rotations.fail(other, { code: 'ASSISTANT_NOT_FOUND' }, true)).toBe(true);
  });

  it('a slot is taken to read a key back', async () => {
    const budget = openLedger(redis, {
      prefix: 'spec',
      budget: { egress: 'spec', requestsPerMinute: 500 },
    }).budget;
    await fill();
    expect(await budget.take('first')).toEqual({ taken: true });
  });

  it('a bulk rotation is paused and cancelled', async () => {
    const bulks = openLedger(redis, { prefix: 'spec' }).bulks;
    const draft = bulks.draft('blk_1');
    await draft.add(['ast_1']);
    await bulks.create(
      'blk_1',
      {
        orgId: 'org_1',
        reason: '',
        selection: { kind: 'ids' },
        urgent: false,
        validateOnly: false,
        maxFailures: { count: 0 },
      },
      draft,
    );
    await fill();
    expect(await bulks.pause('blk_1')).toMatchObject({ state: 'PAUSED' });
    expect(await bulks.cancel('blk_1')).toMatchObject({ state: 'CANCELLED' });
  });

  it('a check is requested, and ended', async () => {
    const target = { orgId: 'org_1', assistantId: 'ast_1' };
    await ledger.assistants.requestCheck(target, 0);
    const [drawn] = await ledger.assistants.drawChecks(1, 60_000);
    await fill();
    await ledger.assistants.endCheck(drawn!, { inMs: 1000, slow: false });
    await ledger.assistants.requestCheck(target, 0);
    expect(await redis.zcard('{spec}:checks')).toBe(1);
  });
});

describe('a rotation whose entry was deleted while it held an assistant', () => {
  it.each([
    ['deleted', (name: string) => redis.del(name)],
    ['overwritten', async (name: string) => redis.set(name, 'nonsense')],
  ])('blocks it until its POST can no longer take effect, and no longer: %s', async (_how, spoil) => {
    await rotate('f1');
    const lost = await claimed(await accept(), { leaseMs: 0, landingWindowMs: 60_000 });
    await spoil(`{spec}:rotation:${lost.rotationId}`);
    expect(await claimOf(await accept({ orgId: 'c' }))).toMatchObject({ kind: 'busy' });
    expect(await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({
      kind: 'held',
    });
    await redis.hset('{spec}:assistant:ast_1', 'lands', 1);
    expect(await ledger.assistants.beginCheck({ orgId: 'org_1', assistantId: 'ast_1' })).toMatchObject({
      kind: 'begun',
    });
    expect(await claimOf(await accept({ orgId: 'c' }))).toMatchObject({ kind: 'claimed' });
  });

  it('blocks no other rotation if no check comes in between', async () => {
    const lost = await claimed(await accept(), { leaseMs: 0, landingWindowMs: 0 });
    await redis.del(`{spec}:rotation:${lost.rotationId}`);
    expect(await claimOf(await accept({ orgId: 'c' }))).toMatchObject({ kind: 'claimed' });
  });
});

describe('a Redis user without rights', () => {
  let limited: { connection: Redis; ledger: Ledger };
  afterEach(() => limited.connection.disconnect());
  const asUser = async (...rules: string[]) => {
    await redis.acl('SETUSER', 'limited', 'reset', 'on', '>word', '~{spec}:*', '+@all', ...rules);
    const connection = new Redis(url(), { username: 'limited', password: 'word' });
    return {
      connection,
      ledger: openLedger(connection, { prefix: 'spec', keepEvents: () => 1000, confirmAfterMs: 0 }),
    };
  };

  it('for channels publishes a key once, with its record and the end of its rotation', async () => {
    const claim = await claimed(await accept());
    limited = await asUser('resetchannels');
    expect(await limited.ledger.assistants.commit(claim, key('f1'))).toMatchObject({
      kind: 'committed',
      seq: 1,
    });
    expect(await limited.ledger.assistants.commit(claim, key('f1'))).toMatchObject({
      kind: 'already',
      seq: 1,
    });
    expect(await events()).toHaveLength(1);
    expect(JSON.parse((await ledger.assistants.current('ast_1'))!.event)).toEqual((await events())[0]);
    expect(await ledger.rotations.get(claim.rotationId)).toMatchObject({
      state: 'SUCCEEDED',
      version: claim.epoch,
    });
  });

  it.each([
    ['-hset'],
    ['-set'],
    ['-zadd'],
    ['-hdel'],
    ['resetkeys', '~{spec}:[^e]*'],
    ['resetkeys', '~{spec}:[^a]*'],
  ])('publishes nothing, and with them again one event: %s', async (...rules) => {
    const claim = await claimed(await accept());
    const before = await everything();
    limited = await asUser('&*', ...rules);
    await expect(limited.ledger.assistants.commit(claim, key('f1'))).rejects.toThrow('NOPERM');
    expect(await everything()).toEqual(before);
    await redis.acl('SETUSER', 'limited', '~*', '+@all');
    expect(await limited.ledger.assistants.commit(claim, key('f1'))).toMatchObject({
      kind: 'committed',
      seq: 1,
    });
    expect(await events()).toHaveLength(1);
  });
});

describe('a list with an entry that cannot be read', () => {
  it('returns the others', async () => {
    const [bad, good] = [await accept(), await accept({ assistantId: 'ast_2' })];
    await redis.del(`{spec}:rotation:${bad.id}`);
    await redis.set(`{spec}:rotation:${bad.id}`, 'nonsense');
    expect((await ledger.rotations.list({}, { size: 10 })).rotations.map(({ id }) => id)).toEqual([good.id]);
    expect(await codeOf(ledger.rotations.get(bad.id))).toBe('LEDGER_CORRUPT');
  });
});
