import { describe, expect, it } from '@jest/globals';
import { bulkStates, type BulkSpec, type BulkState } from '@rekey/schema';
import { codeOf, everything, redis } from '../ledger-fixture.ts';
import {
  LEASE_MS,
  START_MS,
  allProblems,
  begin,
  bulks,
  claimRange,
  draw,
  drawn,
  failWith,
  makeBulk,
  pass,
  stateOf,
  succeed,
  useBulks,
  wordsOf,
  work,
} from './bulk-fixture.ts';

useBulks();

const ORG: Partial<BulkSpec> = { selection: { kind: 'org' } };

describe('transitions', () => {
  type Wish = 'pause' | 'resume' | 'cancel' | 'retry';
  const TOKEN = 'w1';
  /** A bulk of two assistants in each state. */
  const inState: Record<BulkState, () => Promise<string>> = {
    PREPARING: async () => (await makeBulk([], ORG)).id,
    RUNNING: async () => (await makeBulk(2)).id,
    PAUSED: async () => (await bulks.pause((await makeBulk(2)).id)).id,
    HALTED: async () => {
      const { id } = await makeBulk(2, { maxFailures: { count: 0 } });
      const [first] = await begin(1);
      await failWith(first!);
      return id;
    },
    VERIFYING: async () => {
      const { id } = await makeBulk(2);
      for (const claim of await begin(2)) await succeed(claim);
      return id;
    },
    CANCELLING: async () => {
      const { id } = await makeBulk(2);
      await begin(1);
      await bulks.cancel(id);
      return id;
    },
    COMPLETED: async () => {
      const { id } = await makeBulk(2);
      const [first, second] = await begin(2);
      await succeed(first!);
      await failWith(second!);
      await draw();
      await work.saveVerification(
        id,
        TOKEN,
        { verified: 1, repaired: 0, unverified: 0, differing: [] },
        true,
      );
      return id;
    },
    FAILED: async () => {
      const { id } = await makeBulk([], ORG);
      await draw();
      await work.fail(id, TOKEN, 'UPSTREAM_FORBIDDEN');
      return id;
    },
    CANCELLED: async () => (await bulks.cancel((await makeBulk(2)).id)).id,
    VALIDATED: async () => {
      const { id } = await makeBulk(2, { validateOnly: true });
      await draw();
      await work.saveLetters(id, TOKEN, 0, 'vA');
      await work.endDryRun(id, TOKEN, { requests: 1, durationMs: 1 });
      return id;
    },
  };
  const outcomes: Record<BulkState, Record<Wish, BulkState | 'refused'>> = {
    PREPARING: { pause: 'PAUSED', resume: 'PREPARING', cancel: 'CANCELLED', retry: 'refused' },
    RUNNING: { pause: 'PAUSED', resume: 'RUNNING', cancel: 'CANCELLED', retry: 'refused' },
    PAUSED: { pause: 'PAUSED', resume: 'RUNNING', cancel: 'CANCELLED', retry: 'refused' },
    HALTED: { pause: 'PAUSED', resume: 'RUNNING', cancel: 'CANCELLED', retry: 'refused' },
    VERIFYING: { pause: 'refused', resume: 'refused', cancel: 'refused', retry: 'refused' },
    CANCELLING: { pause: 'refused', resume: 'refused', cancel: 'CANCELLING', retry: 'refused' },
    COMPLETED: { pause: 'refused', resume: 'refused', cancel: 'refused', retry: 'RUNNING' },
    FAILED: { pause: 'refused', resume: 'refused', cancel: 'refused', retry: 'refused' },
    CANCELLED: { pause: 'refused', resume: 'refused', cancel: 'CANCELLED', retry: 'refused' },
    VALIDATED: { pause: 'refused', resume: 'refused', cancel: 'refused', retry: 'refused' },
  };
  const accepted = bulkStates.flatMap((state) =>
    Object.entries(outcomes[state])
      .filter(([, to]) => to !== 'refused')
      .map(([wish, to]) => [state, wish as Wish, to as BulkState] as const),
  );
  const refused = bulkStates.flatMap((state) =>
    Object.entries(outcomes[state])
      .filter(([, to]) => to === 'refused')
      .map(([wish]) => [state, wish as Wish] as const),
  );

  it.each(accepted)('%s, %s: it is %s afterwards, also when repeated', async (state, wish, to) => {
    const id = await inState[state]();
    expect(await stateOf(id)).toContain(state);
    expect(await bulks[wish](id)).toMatchObject({ id, state: to });
    expect(await bulks[wish](id)).toMatchObject({ id, state: to });
  });

  it.each(refused)('%s, %s: it is refused, and nothing is written', async (state, wish) => {
    const id = await inState[state]();
    expect(await stateOf(id)).toContain(state);
    const before = await everything();
    expect(await codeOf(bulks[wish](id))).toBe('BULK_STATE');
    expect(await everything()).toEqual(before);
  });

  it.each(['pause', 'resume', 'cancel', 'retry'] as const)(
    '%s of a missing bulk is not found',
    async (wish) => {
      expect(await codeOf(bulks[wish]('blk_none'))).toBe('BULK_NOT_FOUND');
    },
  );

  it('note why the bulk is stopped, and clear that when it resumes', async () => {
    const { id } = await makeBulk(2);
    expect(await bulks.pause(id)).toMatchObject({ why: 'PAUSED_BY_OPERATOR' });
    expect(await bulks.resume(id)).not.toHaveProperty('why');
    expect(await bulks.cancel(id)).toMatchObject({
      state: 'CANCELLED',
      why: 'CANCELLED_BY_OPERATOR',
      endedMs: START_MS,
      counts: { waiting: 0, cancelled: 2 },
    });
  });

  it('by two operators at once leave a state that one requested, and each sees a valid one', async () => {
    const { id } = await makeBulk(2);
    await bulks.pause(id);
    const [resumed, cancelled] = await Promise.all([bulks.resume(id), bulks.cancel(id)]);
    expect(['RUNNING', 'CANCELLED']).toContain(resumed.state);
    expect(cancelled.state).toBe('CANCELLED');
    expect(await stateOf(id)).toEqual(['CANCELLED', 'CANCELLED_BY_OPERATOR']);
  });

  it('of a bulk that is being prepared let a worker prepare it afterwards', async () => {
    const id = await inState.PREPARING();
    await draw();
    await bulks.pause(id);
    expect(await work.saveIds(id, TOKEN, 0, ['a'])).toBe(false);
    expect(await draw({ token: 'w2' })).toEqual({ kind: 'nothing' });
    await bulks.resume(id);
    await pass(LEASE_MS);
    expect(await draw({ token: 'w2' })).toEqual({ kind: 'prepare', bulkId: id });
  });
});

describe('cancelling', () => {
  it('lets rotations in flight finish, and ends with the last of them', async () => {
    const { id } = await makeBulk(3);
    const [first, second] = await begin(2);
    expect(await bulks.cancel(id)).toMatchObject({
      state: 'CANCELLING',
      counts: { waiting: 0, rotating: 2, cancelled: 1 },
    });
    await succeed(first!);
    expect(await stateOf(id)).toEqual(['CANCELLING', 'CANCELLED_BY_OPERATOR']);
    await failWith(second!);
    expect(await bulks.get(id)).toMatchObject({
      state: 'CANCELLED',
      why: 'CANCELLED_BY_OPERATOR',
      counts: { succeeded: 1, failed: 1, cancelled: 1, rotating: 0 },
    });
  });

  it('begins no more assistants that were drawn', async () => {
    const { id } = await makeBulk(3);
    const range = await drawn();
    await bulks.cancel(id);
    expect(await wordsOf(claimRange(range))).toEqual(['stopped']);
  });
});

describe('retry', () => {
  const complete = async (id: string) => {
    await draw();
    await work.saveVerification(id, 'w1', { verified: 0, repaired: 0, unverified: 0, differing: [] }, true);
  };
  /** Rotates all waiting assistants; those at the indexes for which `fails` returns true fail. */
  const runDown = async (id: string, fails: (index: number) => boolean): Promise<number[]> => {
    const begun: number[] = [];
    for (let got = await draw(); got.kind === 'range'; got = await draw()) {
      const { range } = got;
      begun.push(...range.waiting.map(({ index }) => index));
      const claims = await claimRange(range, { maxOpenIntents: 10_000 });
      const items = claims.kind === 'claimed' ? claims.items : [];
      await Promise.all(
        items.map((item, i) =>
          item.kind === 'claimed'
            ? fails(range.waiting[i]!.index)
              ? failWith(item.claim)
              : succeed(item.claim)
            : undefined,
        ),
      );
      await work.dropRange(range, 'w1');
    }
    await complete(id);
    return begun;
  };

  it('rotates failed assistants and no others, also many in a row across the strings of ids', async () => {
    const { id } = await makeBulk(2300);
    const failed = (index: number) =>
      (index >= 950 && index < 1210) || index === 0 || index === 1999 || index === 2000 || index === 2299;
    await runDown(id, failed);
    const { counts } = await bulks.get(id);
    expect(counts).toMatchObject({ failed: 264, succeeded: 2036 });
    expect(await bulks.retry(id)).toMatchObject({
      state: 'RUNNING',
      lastFailures: [],
      counts: { failed: 0, waiting: 264 },
    });
    expect(await allProblems()).toEqual([]);
    const again = await runDown(id, () => false);
    expect(again.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 2300 }, (_, i) => i).filter(failed));
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', counts: { failed: 0, succeeded: 2300 } });
  });

  it('can be repeated, and forgives earlier failures', async () => {
    const { id } = await makeBulk(4, { maxFailures: { count: 2 } });
    await runDown(id, (index) => index < 2);
    await bulks.retry(id);
    await runDown(id, (index) => index < 2);
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', counts: { failed: 2 } });
    await bulks.retry(id);
    await runDown(id, () => false);
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', counts: { failed: 0, succeeded: 4 } });
  });

  it('is not bound to the window of a policy', async () => {
    const { id } = await makeBulk(3, { untilMs: START_MS + 1000 });
    await runDown(id, (index) => index === 1);
    await pass(5000);
    expect(await bulks.retry(id)).toMatchObject({ state: 'RUNNING' });
    expect(await runDown(id, () => false)).toEqual([1]);
    expect(await bulks.get(id)).toMatchObject({ state: 'COMPLETED', counts: { failed: 0, succeeded: 3 } });
  });

  it('draws a hundred at a time, also with few failures in each, and with full strings of ids', async () => {
    const { id } = await makeBulk(1050);
    await runDown(id, (index) => index % 3 === 0);
    await bulks.retry(id);
    expect(await redis.lrange(`{spec}:bulk:${id}:redo`, 0, -1)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `${i * 100}:${i * 100 + 100}`),
      '1000:1050',
    ]);
    expect((await runDown(id, () => false)).length).toBe(350);
  });

  it('of a bulk without failures has no effect', async () => {
    const { id } = await makeBulk(2);
    await runDown(id, () => false);
    expect(await bulks.retry(id)).toMatchObject({ state: 'COMPLETED' });
  });
});
