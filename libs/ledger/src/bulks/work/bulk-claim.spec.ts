import { describe, expect, it } from '@jest/globals';
import {
  accept,
  claimOf,
  claimed,
  events,
  ledger,
  looked,
  printOf,
  readKey,
  redis,
  removed,
  rotate,
} from '../../ledger-fixture.ts';
import { openLedger } from '../../open-ledger.ts';
import {
  START_MS,
  begin,
  bulks,
  claimRange,
  claimsOf,
  countsOf,
  draw,
  drawn,
  failWith,
  makeBulk,
  namesOf,
  pass,
  stateOf,
  statesOf,
  succeed,
  useBulks,
  wordsOf,
  work,
} from '../bulk-fixture.ts';

useBulks();

describe('a claim of a bulk', () => {
  it('says of the request that leaves while the budget is closed that it is a probe', async () => {
    const budget = { egress: 'a', requestsPerMinute: 500 };
    const paced = openLedger(redis, { prefix: 'spec', budget });
    await makeBulk(2);
    const range = await drawn();
    await paced.budget.slowDown({ ageMs: 0, retryAfterMs: 3_600_000 });
    await pass(56_000);
    const items = range.waiting.map(({ index, assistantId }) => ({
      index,
      job: { rotationId: `rot_${index}`, orgId: 'org_1', assistantId },
    }));
    const options = { leaseMs: 30_000, landingWindowMs: 40_000, maxOpenIntents: 10 };
    expect(await paced.bulkWork.claim(range, items, options)).toMatchObject({
      items: [{ kind: 'claimed', probes: true }],
      retryInMs: expect.any(Number),
    });
    await paced.budget.open();
    await pass(60_000);
    const after = await paced.bulkWork.claim(range, items.slice(1), options);
    expect(after).toMatchObject({ items: [{ kind: 'claimed' }] });
    expect(after).not.toMatchObject({ items: [{ probes: true }] });
  });

  it('opens an intent and a rotation for each, as a claim of a single rotation does', async () => {
    const before = await rotate('f1', { assistantId: 'ast_1' });
    await rotate('f2', { assistantId: 'ast_2' });
    await pass(500);
    const { id } = await makeBulk(3);
    await pass(500);
    // The list of the bulk itself has shown it since.
    await ledger.assistants.compare({ beganMs: START_MS + 601, lagMs: 100 }, [
      { assistantId: 'ast_2', state: printOf('f2') },
    ]);
    const range = await drawn();
    const result = await claimRange(range, { leaseMs: 30_000, landingWindowMs: 40_000 });
    const claims = await claimsOf(Promise.resolve(result));
    expect(claims[0]).toEqual({
      rotationId: expect.any(String),
      orgId: 'org_1',
      assistantId: 'ast_0',
      bulkId: id,
      epoch: expect.any(Number),
      atMs: START_MS + 1000,
      attempts: 1,
      startedMs: START_MS + 1000,
      unknownsInARow: 0,
      doubted: false,
      uncertain: false,
      fresh: false,
    });
    expect(claims[1]).toMatchObject({
      stateBefore: printOf('f1'),
      versionBefore: before.epoch,
      fresh: false,
    });
    expect(claims[2]).toMatchObject({ stateBefore: printOf('f2'), fresh: true });
    expect(await ledger.rotations.get(claims[0]!.rotationId)).toMatchObject({
      state: 'ROTATING',
      bulkId: id,
      reason: 'why',
      attempts: 1,
      orgId: 'org_1',
      assistantId: 'ast_0',
    });
    expect(await redis.hgetall('{spec}:assistant:ast_0')).toMatchObject({
      holder: claims[0]!.rotationId,
      lease: String(START_MS + 31_000),
      lands: String(START_MS + 41_000),
    });
    expect(await redis.zrange('{spec}:intents:org_1', '0', '-1')).toEqual(namesOf(3));
    expect(await bulks.get(id)).toMatchObject({
      startedMs: START_MS + 1000,
      counts: { rotating: 3, waiting: 0 },
    });
    expect(await statesOf(id)).toBe('rrr');
  });

  it('begins each assistant once, whichever worker has drawn it', async () => {
    await makeBulk(3);
    const range = await drawn();
    expect(await wordsOf(claimRange(range))).toEqual(['claimed', 'claimed', 'claimed']);
    expect(await wordsOf(claimRange(range))).toEqual(['past', 'past', 'past']);
  });

  it('claims up to the limit of open intents, and reports that it is reached', async () => {
    await makeBulk(5);
    const range = await drawn();
    expect(await wordsOf(claimRange(range, { maxOpenIntents: 2 }))).toEqual(['claimed', 'claimed']);
    expect(await claimRange(range, { maxOpenIntents: 2 })).toEqual({ kind: 'full', retryInMs: 5 });
  });

  it('leaves a tenth of the limit to single rotations', async () => {
    await makeBulk(20);
    const range = await drawn();
    expect(await wordsOf(claimRange(range, { maxOpenIntents: 10 }))).toEqual(
      Array.from({ length: 9 }, () => 'claimed'),
    );
    expect(await claimRange(range, { maxOpenIntents: 10 })).toMatchObject({ kind: 'full' });
    const single = await accept({ assistantId: 'single' });
    expect(await claimOf(single, { maxOpenIntents: 10 })).toMatchObject({ kind: 'claimed' });
  });

  it('is refused while the ledger is frozen, or this worker holds requests back', async () => {
    await makeBulk(1);
    const range = await drawn();
    expect(await claimRange(range, { holdBack: 'REPLICAS_MISSING' })).toEqual({
      kind: 'frozen',
      retryInMs: 5000,
    });
    await redis.hset('{spec}:ledger', 'frozen', 1);
    expect(await claimRange(range)).toEqual({ kind: 'frozen', retryInMs: 5000 });
  });

  it('shares a rotation from after the request for the bulk, not one from before', async () => {
    await rotate('f1', { assistantId: 'ast_0' });
    await pass(10);
    const { id } = await makeBulk(3);
    await pass(10);
    await rotate('f2', { assistantId: 'ast_1' });
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed', 'shared', 'claimed']);
    expect(await statesOf(id)).toBe('rmr');
    expect(await countsOf(id)).toMatchObject({ shared: 1, rotating: 2 });
  });

  it('ends the bulk if all assistants are shared', async () => {
    const { id } = await makeBulk(2);
    await pass(10);
    for (const assistantId of namesOf(2)) await rotate(`f${assistantId}`, { assistantId });
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['shared', 'shared']);
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('finds busy an assistant that a rotation holds, or for which a single rotation waits', async () => {
    const { id } = await makeBulk(3);
    await claimed(await accept({ assistantId: 'ast_0' }));
    const queued = await accept({ assistantId: 'ast_1' });
    const range = await drawn();
    expect(await wordsOf(claimRange(range))).toEqual(['busy', 'busy', 'claimed']);
    await ledger.rotations.cancel(queued.id);
    await work.dropRange(range, 'w1');
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['busy', 'claimed']);
    expect(await statesOf(id)).toBe('.rr');
  });

  it('does not wait for a holder that can no longer be read', async () => {
    await claimed(await accept({ assistantId: 'ast_0' }), { leaseMs: 0, landingWindowMs: 1000 });
    await redis.del((await redis.keys('{spec}:rotation:*'))[0]!);
    await makeBulk(1);
    const range = await drawn();
    expect(await wordsOf(claimRange(range))).toEqual(['busy']);
    await pass(1000);
    expect(await wordsOf(claimRange(range))).toEqual(['claimed']);
  });

  it('does not share a key that came back: it may be of any age', async () => {
    await rotate('f1', { assistantId: 'ast_0' });
    await pass(1000);
    await makeBulk(1);
    await pass(1000);
    const gone = await looked({ assistantId: 'ast_0' });
    await ledger.assistants.commit(gone, removed('deleted', gone));
    await pass(1000);
    const back = await looked({ assistantId: 'ast_0' });
    await ledger.assistants.commit(back, readKey('f1', back, { cause: 'drift' }));
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed']);
  });

  it('does not share the absence of a key', async () => {
    await rotate('f1', { assistantId: 'ast_0' });
    await makeBulk(1);
    await pass(1000);
    await redis.hset('{spec}:assistant:ast_0', 'rotated', START_MS + 500);
    const gone = await looked({ assistantId: 'ast_0' });
    await ledger.assistants.commit(gone, removed('deleted', gone));
    await redis.hset('{spec}:assistant:ast_0', 'rotated', START_MS + 500);
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed']);
  });

  it('removes intents of assistants deleted by hand, also below the limit of single rotations', async () => {
    await makeBulk(1);
    for (let i = 0; i < 9; i += 1) await redis.zadd('{spec}:intents:org_1', START_MS - 1, `gone_${i}`);
    expect(await wordsOf(claimRange(await drawn(), { maxOpenIntents: 10 }))).toEqual(['claimed']);
  });

  it('of two bulks with the same assistant begins it for one, and serves both', async () => {
    const [first, second] = [await makeBulk(1), await makeBulk(1)];
    await pass(10);
    const one = await drawn();
    const two = await drawn({ token: 'w2' });
    const [claim] = await claimsOf(claimRange(one));
    expect(await wordsOf(claimRange(two))).toEqual(['busy']);
    await succeed(claim!);
    expect(await wordsOf(claimRange(two))).toEqual(['shared']);
    expect([await statesOf(first.id), await statesOf(second.id)]).toEqual(['s', 'm']);
    expect(await events()).toHaveLength(1);
  });

  it('lets the other bulk rotate it if the first could not', async () => {
    await makeBulk(1);
    await makeBulk(1);
    const [one, two] = [await drawn(), await drawn()];
    const [claim] = await claimsOf(claimRange(one));
    await failWith(claim!);
    expect(await wordsOf(claimRange(two))).toEqual(['claimed']);
  });

  it('fails an assistant that cannot be read, requests a check, and continues with the others', async () => {
    const { id } = await makeBulk(3);
    await redis.set('{spec}:assistant:ast_1', 'text');
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed', 'past', 'claimed']);
    expect(await statesOf(id)).toBe('rIr');
    expect(await bulks.get(id)).toMatchObject({
      lastFailures: [{ assistantId: 'ast_1', code: 'LEDGER_CORRUPT', atMs: START_MS }],
      counts: { failed: 1, rotating: 2 },
    });
    expect(await redis.zrange('{spec}:checks', '0', '-1')).toEqual(['org_1/ast_1']);
  });

  it('fails an assistant whose record is too long, before its POST, and claims the others', async () => {
    const { id } = await makeBulk(3);
    await ledger.assistants.noteTooLarge({ orgId: 'org_1', assistantId: 'ast_1' }, START_MS);
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed', 'past', 'claimed']);
    expect(await statesOf(id)).toBe('rOr');
    expect(await bulks.get(id)).toMatchObject({
      lastFailures: [{ assistantId: 'ast_1', code: 'RECORD_TOO_LARGE', atMs: START_MS }],
      counts: { failed: 1, rotating: 2 },
    });
  });

  it('begins no more assistants if a corrupt entry has halted the bulk', async () => {
    const { id } = await makeBulk(3, { maxFailures: { count: 0 } });
    await redis.set('{spec}:assistant:ast_1', 'text');
    expect((await wordsOf(claimRange(await drawn()))).filter((word) => word === 'claimed')).toHaveLength(1);
    expect(await statesOf(id)).toBe('rI.');
    expect(await stateOf(id)).toEqual(['HALTED', 'TOO_MANY_FAILURES']);
  });

  it('is stopped if the bulk does not run, or is missing', async () => {
    const { id } = await makeBulk(1);
    const range = await drawn();
    await bulks.pause(id);
    expect(await claimRange(range)).toEqual({ kind: 'stopped' });
    expect(await claimRange({ ...range, bulkId: 'blk_none' })).toEqual({ kind: 'stopped' });
  });

  it('has room again once assistants were deleted by hand', async () => {
    await makeBulk(['ast_gone', 'ast_2']);
    await claimRange(await drawn({ size: 1 }), { landingWindowMs: 0 });
    await redis.del('{spec}:assistant:ast_gone');
    await pass(1);
    expect(await wordsOf(claimRange(await drawn({ maxOpenIntents: 1 }), { maxOpenIntents: 1 }))).toEqual([
      'claimed',
    ]);
  });
});

describe('the end of the window of a bulk', () => {
  it('cancels the assistants that wait', async () => {
    const { id } = await makeBulk(2, { untilMs: START_MS + 1000 });
    const [claim] = await begin(1);
    await pass(1001);
    expect(await draw()).toEqual({ kind: 'nothing' });
    expect(await stateOf(id)).toEqual(['CANCELLING', 'WINDOW_CLOSED']);
    await succeed(claim!);
    expect(await bulks.get(id)).toMatchObject({
      state: 'CANCELLED',
      why: 'WINDOW_CLOSED',
      counts: { succeeded: 1, cancelled: 1 },
    });
  });

  it('cancels assistants that were drawn before, too', async () => {
    const { id } = await makeBulk(2, { untilMs: START_MS + 1000 });
    const range = await drawn();
    await pass(1001);
    expect(await claimRange(range)).toEqual({ kind: 'stopped' });
    expect(await stateOf(id)).toEqual(['CANCELLED', 'WINDOW_CLOSED']);
  });

  it('includes its last moment', async () => {
    await makeBulk(1, { untilMs: START_MS + 1000 });
    await pass(1000);
    expect(await wordsOf(claimRange(await drawn()))).toEqual(['claimed']);
  });
});
