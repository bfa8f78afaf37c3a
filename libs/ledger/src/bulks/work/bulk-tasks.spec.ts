import { describe, expect, it } from '@jest/globals';
import type { BulkSpec } from '@rekey/schema';
import { codeOf, everything, redis } from '../../ledger-fixture.ts';
import { createRunner } from '../../scripts/run.ts';
import {
  LEASE_MS,
  NO_FINDINGS,
  ORG,
  START_MS,
  TAKES,
  begin,
  bulks,
  claimRange,
  claimsOf,
  countsOf,
  draw,
  drawn,
  makeBulk,
  namesOf,
  pass,
  stateOf,
  succeed,
  useBulks,
  work,
} from '../bulk-fixture.ts';
import { bulksCommands } from '../commands.generated.ts';

const { spoil } = useBulks();

describe('preparing', () => {
  it('writes the ids, and then the bulk runs', async () => {
    const { id } = await makeBulk([], {
      ...ORG,
      maxFailures: { percent: 10 },
      canary: { count: 5, continues: false },
    });
    await draw();
    expect(await work.restart(id, 'w1')).toBe(true);
    expect(await work.saveIds(id, 'w1', 0, namesOf(1000))).toBe(true);
    expect(await work.saveIds(id, 'w1', 1, ['last'])).toBe(true);
    expect(await work.endPrepare(id, 'w1', 1001, TAKES)).toBe(true);
    expect(await bulks.get(id)).toMatchObject({
      state: 'RUNNING',
      estimate: TAKES,
      counts: { total: 1001, waiting: 1001 },
    });
    expect(await work.ids(id, 0)).toEqual(namesOf(1000));
    expect(await work.ids(id, 1)).toEqual(['last']);
    expect(await work.ids(id, 2)).toEqual([]);
    expect(await work.letters(id, 1)).toBe('.');
    expect((await drawn()).to).toBe(5);
  });

  it('that restarts deletes what was written before', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    await work.saveIds(id, 'w1', 3, ['a']);
    await work.restart(id, 'w1');
    expect(await work.ids(id, 3)).toEqual([]);
  });

  it('without all of its ids does not start the bulk', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    await work.saveIds(id, 'w1', 0, namesOf(1000));
    await work.saveIds(id, 'w1', 1, ['x']);
    await redis.hdel(`{spec}:bulk:${id}:ids`, '0');
    expect(await work.endPrepare(id, 'w1', 1001, TAKES)).toBe(false);
    expect(await stateOf(id)).toEqual(['PREPARING', undefined]);
  });

  it.each([[['a', 'b\nc', 'd']], [['a', '', 'd']], [['a\n']], [['']]])(
    'refuses ids that would shift the others: %j',
    async (assistantIds) => {
      const { id } = await makeBulk([], ORG);
      await draw();
      const before = await everything();
      expect(await codeOf(work.saveIds(id, 'w1', 0, assistantIds))).toBe('INVALID_ARGUMENT');
      const draft = bulks.draft('blk_draft');
      await draft.add(assistantIds);
      expect(await codeOf(draft.finish())).toBe('INVALID_ARGUMENT');
      expect(await everything()).toEqual(before);
    },
  );

  it('refuses them in the command too', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    const { bulkSaveIds } = bulksCommands(createRunner(redis, '{spec}'));
    const [bulk, ids] = [`{spec}:bulk:${id}`, `{spec}:bulk:${id}:ids`];
    await expect(
      bulkSaveIds({ bulk, ids, token: 'w1', chunk: 0, text: 'a\nb\nc', count: 2 }),
    ).rejects.toThrow('ids must be one a line');
    expect(await work.ids(id, 0)).toEqual([]);
  });

  describe('from a list that is known to be incomplete', () => {
    const LIST = { complete: false, listed: 3, counted: 5, unreadable: 0 };
    const halted = async (more: Partial<BulkSpec> = {}, assistantIds = ['a', 'b', 'c']) => {
      const { id } = await makeBulk([], { ...ORG, ...more });
      await draw();
      if (assistantIds.length > 0) await work.saveIds(id, 'w1', 0, assistantIds);
      expect(
        await work.endPrepare(id, 'w1', assistantIds.length, TAKES, { ...LIST, listed: assistantIds.length }),
      ).toBe(true);
      return id;
    };

    it('halts before anything is begun, with the counts', async () => {
      const id = await halted();
      expect(await bulks.get(id)).toMatchObject({
        state: 'HALTED',
        why: 'LIST_INCOMPLETE',
        list: LIST,
        counts: { total: 3, waiting: 3, rotating: 0 },
        estimate: TAKES,
      });
      expect(await draw()).toEqual({ kind: 'nothing' });
      await pass(10 * LEASE_MS);
      expect(await draw()).toEqual({ kind: 'nothing' });
    });

    it('rotates the listed assistants when an operator resumes it, canary first', async () => {
      const id = await halted({ canary: { count: 1, continues: false } });
      expect(await bulks.resume(id)).toMatchObject({ state: 'RUNNING', list: LIST });
      const range = await drawn();
      expect(range.waiting).toEqual([{ index: 0, assistantId: 'a' }]);
      for (const claim of await claimsOf(claimRange(range))) await succeed(claim);
      await work.dropRange(range, 'w1');
      expect(await stateOf(id)).toEqual(['PAUSED', 'CANARY_DONE']);
      await bulks.resume(id);
      expect((await drawn()).waiting.map(({ assistantId }) => assistantId)).toEqual(['b', 'c']);
      expect((await bulks.get(id)).list).toEqual(LIST);
    });

    it('can be cancelled, or paused and resumed', async () => {
      expect(await bulks.cancel(await halted())).toMatchObject({
        state: 'CANCELLED',
        counts: { cancelled: 3 },
      });
      const id = await halted();
      await bulks.pause(id);
      expect(await bulks.resume(id)).toMatchObject({ state: 'RUNNING', list: LIST });
    });

    it('halts also if nothing was listed, and ends when it is resumed', async () => {
      const id = await halted({}, []);
      expect(await stateOf(id)).toEqual(['HALTED', 'LIST_INCOMPLETE']);
      expect(await draw()).toEqual({ kind: 'nothing' });
      await bulks.resume(id);
      expect(await draw()).toEqual({ kind: 'verify', bulkId: id });
    });

    it('is cancelled, and not begun, if it is resumed after its window', async () => {
      const id = await halted({ untilMs: START_MS + 1000 });
      await pass(1001);
      await bulks.resume(id);
      expect(await draw()).toEqual({ kind: 'nothing' });
      expect(await stateOf(id)).toEqual(['CANCELLED', 'WINDOW_CLOSED']);
    });

    it('fails as a dry run, with the counts', async () => {
      const { id } = await makeBulk([], { ...ORG, validateOnly: true });
      await draw();
      await work.fail(id, 'w1', 'LIST_INCOMPLETE', LIST);
      expect(await bulks.get(id)).toMatchObject({ state: 'FAILED', why: 'LIST_INCOMPLETE', list: LIST });
    });
  });

  it('that finds no assistant needs only the verification', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    await work.endPrepare(id, 'w1', 0, TAKES);
    expect(await stateOf(id)).toEqual(['VERIFYING', undefined]);
  });

  it('that fails ends the bulk, with the reason', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    expect(await work.fail(id, 'w1', 'UPSTREAM_FORBIDDEN')).toBe(true);
    expect(await bulks.get(id)).toMatchObject({
      state: 'FAILED',
      why: 'UPSTREAM_FORBIDDEN',
      endedMs: START_MS,
    });
  });

  it('by a worker that lost the task writes nothing', async () => {
    const { id } = await makeBulk([], ORG);
    await draw();
    await pass(LEASE_MS);
    await draw({ token: 'w2' });
    const before = await everything();
    const saves = [
      work.restart(id, 'w1'),
      work.saveIds(id, 'w1', 0, ['a']),
      work.saveLetters(id, 'w1', 0, 'v'),
      work.endPrepare(id, 'w1', 1, TAKES),
      work.endDryRun(id, 'w1', TAKES),
      work.saveVerification(id, 'w2', NO_FINDINGS, false),
      work.saveVerification(id, 'w2', NO_FINDINGS, true),
      work.fail(id, 'w1', 'INTERNAL'),
      work.restart('blk_none', 'w1'),
    ];
    expect(await Promise.all(saves)).toEqual(saves.map(() => false));
    expect(await everything()).toEqual(before);
  });

  it.each(['pause', 'cancel'] as const)('after a %s writes nothing', async (wish) => {
    const { id } = await makeBulk([], ORG);
    await draw();
    await bulks[wish](id);
    const before = await everything();
    const saves = [
      work.restart(id, 'w1'),
      work.saveIds(id, 'w1', 0, ['a']),
      work.endPrepare(id, 'w1', 1, TAKES),
      work.fail(id, 'w1', 'INTERNAL'),
    ];
    expect(await Promise.all(saves)).toEqual(saves.map(() => false));
    expect(await everything()).toEqual(before);
  });
});

describe('a dry run', () => {
  it('of named assistants reports which could be rotated', async () => {
    const { id } = await makeBulk(3, { validateOnly: true });
    expect(await draw()).toEqual({ kind: 'prepare', bulkId: id });
    await work.saveLetters(id, 'w1', 0, 'vB');
    await work.saveLetters(id, 'w1', 2, 'v');
    expect(await work.endDryRun(id, 'w1', TAKES)).toBe(true);
    expect(await bulks.get(id)).toMatchObject({
      state: 'VALIDATED',
      estimate: TAKES,
      counts: { total: 3, waiting: 0, valid: 2, failed: 1 },
    });
    expect((await bulks.items(id, { state: 'FAILED' }, { size: 9, from: 0 })).items).toEqual([
      { index: 1, assistantId: 'ast_1', state: 'FAILED', errorCode: 'ASSISTANT_DELETED' },
    ]);
  });

  it.each([0, 2, 1001])('of an org counts the assistants that were found: %i', async (count) => {
    const { id } = await makeBulk([], { ...ORG, validateOnly: true });
    await draw();
    await work.restart(id, 'w1');
    for (let chunk = 0; chunk * 1000 < count; chunk += 1)
      await work.saveIds(id, 'w1', chunk, namesOf(count).slice(chunk * 1000, (chunk + 1) * 1000));
    expect(await work.saveLetters(id, 'w1', 0, 'v'.repeat(count))).toBe(true);
    expect(await work.endDryRun(id, 'w1', TAKES)).toBe(true);
    expect((await bulks.get(id)).counts).toMatchObject({ total: count, waiting: 0, valid: count, failed: 0 });
    expect((await bulks.items(id, { state: 'VALID' }, { size: 5000, from: 0 })).items).toHaveLength(count);
  });

  it('that restarts deletes the states that were found before', async () => {
    const { id } = await makeBulk([], { ...ORG, validateOnly: true });
    await draw();
    await work.saveLetters(id, 'w1', 0, 'vvv');
    await work.restart(id, 'w1');
    await work.saveIds(id, 'w1', 0, ['a']);
    await work.saveLetters(id, 'w1', 0, 'v');
    await work.endDryRun(id, 'w1', TAKES);
    expect(await countsOf(id)).toMatchObject({ total: 1, valid: 1 });
  });
});

describe('verifying', () => {
  it('saves its findings, and ends the bulk', async () => {
    const { id } = await makeBulk(1);
    for (const claim of await begin(1)) await succeed(claim);
    expect(await draw()).toEqual({ kind: 'verify', bulkId: id });
    const found = { verified: 1, repaired: 2, unverified: 3, differing: ['a', 'b'] };
    expect(await work.saveVerification(id, 'w1', NO_FINDINGS, false)).toBe(true);
    expect(await bulks.get(id)).toMatchObject({ state: 'VERIFYING', verification: NO_FINDINGS });
    expect(await work.saveVerification(id, 'w1', found, true)).toBe(true);
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', verification: found });
    expect(await work.read(id)).toMatchObject({ state: 'COMPLETED' });
    expect(await work.read('blk_none')).toBeUndefined();
  });
});

describe('the entry of a bulk that cannot be read', () => {
  it('is reported to an operator, and blocks no other bulk', async () => {
    spoil();
    const [bad, good] = [await makeBulk(1), await makeBulk(1)];
    await redis.del(`{spec}:bulk:${bad.id}`);
    await redis.set(`{spec}:bulk:${bad.id}`, 'text');
    expect(await codeOf(bulks.pause(bad.id))).toBe('LEDGER_CORRUPT');
    expect((await drawn()).bulkId).toBe(good.id);
  });
});
