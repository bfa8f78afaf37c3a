import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Sweep } from '@rekey/client';
import { KEY_REMOVED, KEY_ROTATED, KEY_UNCERTAIN } from '@rekey/schema';
import { bulksOf } from '../bulk/bulks.ts';
import { expectTruth } from '../support/invariants.ts';
import { startRekey, type RekeyOptions, type RekeyResult } from '../support/rekey.ts';
import { eventually, startSystem, type System, type SystemOptions } from '../support/system.ts';

const KNOWN = 30;
const READ_LAG_MS = 200;
const CONFIRM_AFTER_MS = 1000;

let system: System;
/** With it, a worker knows which org `c` is. */
const NAMED = { INVENT_ORG_ID: 'org_demo' };
/** Starts a system that has imported all assistants. After the first sweep, sweeps come only on request. */
const start = async ({
  simulator = ['--assistants', String(KNOWN)],
  timing = NAMED,
  worker = {},
  ...options
}: SystemOptions = {}): Promise<void> => {
  system = await startSystem({
    simulator,
    redis: { persistence: 'everysec' },
    worker,
    timing: {
      REKEY_SWEEP_EVERY_MS: '3600000',
      REKEY_READ_LAG_MS: String(READ_LAG_MS),
      REKEY_CONFIRM_AFTER_MS: String(CONFIRM_AFTER_MS),
      ...timing,
    },
    ...options,
  });
  if (worker !== false) await untilImported();
};
const untilImported = async (): Promise<void> => {
  await eventually(
    () => system.redis.hget('{rekey}:ledger', 'sweep_succeeded'),
    (ended) => ended !== null,
  );
  // Reads may lag: an earlier one proves nothing.
  await sleep(READ_LAG_MS);
};
const rekey = (args: string[], options: RekeyOptions = {}): Promise<RekeyResult> =>
  startRekey(system, args, options).result;
const check = (): Promise<RekeyResult> => rekey(['status', '--check']);
const sweep = async (orgId = 'org_demo'): Promise<Sweep> => {
  const { id } = await system.client.createSweep({ orgId });
  return eventually(
    () => system.client.getSweep(id),
    ({ state }) => state === 'SUCCEEDED' || state === 'FAILED',
    30_000,
  );
};
const fault = (script: object): Promise<unknown> => system.admin('POST', '/faults', script);
const removeFaults = (): Promise<unknown> => system.admin('DELETE', '/faults');
const removals = async (): Promise<string[]> =>
  (await system.events()).filter(({ type }) => type === KEY_REMOVED).map(({ subject }) => subject);
const heldAs = async (): Promise<string | undefined> =>
  (await system.client.getStatus()).heldOrgs.find(({ orgId }) => orgId === 'org_demo')?.reason;

describe('a wrong view of a whole org', () => {
  beforeAll(() => start());
  afterAll(() => system.stop());
  afterEach(removeFaults);
  /** Expects that a sweep with the known assistants lifts the hold, without an operator. */
  const expectReleased = async (): Promise<void> => {
    await removeFaults();
    expect(await sweep()).toMatchObject({ state: 'SUCCEEDED', counts: { agreed: KNOWN, unresolved: 0 } });
    expect((await system.client.getStatus()).attention).toEqual([]);
    await expectTruth(system);
  };

  it('is not published if the API key shows another org; the sweep fails, status advises', async () => {
    const before = await system.events();
    await fault({ kind: 'swapOrg' });
    expect(await sweep()).toMatchObject({
      state: 'FAILED',
      error: { reason: 'ORG_CHANGED' },
      counts: { imported: 0, adopted: 0, removed: 0 },
    });
    // A sweep of all orgs, under either name.
    const { id } = await system.client.createSweep();
    expect(
      await eventually(
        () => system.client.getSweep(id),
        ({ state }) => state === 'FAILED',
      ),
    ).toMatchObject({ error: { reason: 'ORG_CHANGED' }, counts: { imported: 0, removed: 0 } });
    expect(await system.events()).toEqual(before);
    expect(await system.redis.keys('*stranger*')).toEqual([]);
    const { code, out } = await check();
    expect(code).toBe(1);
    expect(out).toMatch(/ORG_HELD {2}org_demo {2}since .*\n.*30 of 30 assistants\. \(ORG_CHANGED\)\n/);
    expect(out).toMatch(/\(ORG_CHANGED\)\n.*rekey sweep org_demo --accept-removals/);
    await removeFaults();
    const again = await system.client.createSweep();
    await eventually(
      () => system.client.getSweep(again.id),
      ({ state }) => state === 'SUCCEEDED',
    );
    expect(await check()).toMatchObject({ code: 0 });
    await expectReleased();
  });

  it.each([
    ['partly of another org', { kind: 'swapOrg', overlap: 0.3 }, 'TOO_MANY_GONE'],
    ['without keys', { kind: 'hideKey', as: 'absent' }, 'TOO_MANY_WITHOUT_KEY'],
    ['with null for a key', { kind: 'hideKey', as: 'null' }, 'TOO_MANY_WITHOUT_KEY'],
    ['all with the same key', { kind: 'hideKey', as: 'constant' }, 'KEYS_NOT_SHOWN'],
    ['with other keys', { kind: 'hideKey', as: 'other' }, 'TOO_MANY_CHANGED'],
  ])('is not published if Invent answers with records %s', async (_how, script, reason) => {
    const before = await system.events();
    await fault(script);
    expect(await sweep()).toMatchObject({ state: 'FAILED', counts: { imported: 0, adopted: 0, removed: 0 } });
    expect(await heldAs()).toBe(reason);
    expect(await system.events()).toEqual(before);
    expect((await system.client.getStatus()).attention).toContainEqual(
      expect.objectContaining({
        code: 'ORG_HELD',
        subject: 'org_demo',
        message: expect.stringContaining(reason),
      }),
    );
    await expectReleased();
  });

  it.each(['stars', 'tail', 'absent', 'constant', 'other'])(
    'is not believed if only LIST shows it: GET shows the keys in force (LIST: %s)',
    async (as) => {
      const before = await system.events();
      await fault({ kind: 'hideKey', as, on: 'list' });
      await sweep();
      expect(await system.events()).toEqual(before);
      await expectReleased();
    },
  );

  it('is not published if it is a wave of 404s during rotations', async () => {
    const ids = Array.from({ length: 12 }, (_, i) => `ast_${i + 1}`);
    await fault({ kind: 'failBefore', status: 404, on: 'any', times: 0, forMs: 700 });
    const asked = await Promise.all(ids.map((assistantId) => system.rotate(assistantId)));
    const ended = await Promise.all(asked.map(({ id }) => system.waitFor(id)));
    expect(ended.map(({ state, error }) => [state, error?.reason])).toEqual(
      ids.map(() => ['FAILED', 'ASSISTANT_NOT_FOUND']),
    );
    await sleep(CONFIRM_AFTER_MS + 700);
    const due = async (key: string) => system.redis.zcount(key, '-inf', Date.now() + 60_000);
    await eventually(
      async () => (await due('{rekey}:checks')) + (await due('{rekey}:checks:slow')),
      (count) => count === 0,
      20_000,
    );
    expect(await removals()).toEqual([]);
    await expectReleased();
  });
});

describe('an API key that shows another org, while it is unknown which org `c` is', () => {
  afterEach(() => system.stop());

  it('publishes nothing, and is reported under the org that the operator knows', async () => {
    await start({ timing: {} });
    const before = await system.events();
    await fault({ kind: 'swapOrg' });
    expect(await sweep('c')).toMatchObject({
      state: 'FAILED',
      error: { reason: 'ORG_CHANGED' },
      counts: { imported: 0, adopted: 0, removed: 0 },
    });
    expect(await system.events()).toEqual(before);
    expect(await check()).toMatchObject({
      code: 1,
      out: expect.stringContaining('rekey sweep c --accept-removals'),
    });
    await removeFaults();
    expect(await sweep('c')).toMatchObject({ state: 'SUCCEEDED', counts: { agreed: KNOWN } });
    expect(await check()).toMatchObject({ code: 0 });
  });
});

describe('a first import of a list whose keys are not the real ones', () => {
  afterEach(() => system.stop());

  it.each(['stars', 'other'])('publishes the keys that GET shows (keys in LIST: %s)', async (as) => {
    await start({
      simulator: ['--assistants', '12', '--fault', JSON.stringify({ kind: 'hideKey', as, on: 'list' })],
    });
    expect(await system.versions()).toHaveLength(12);
    await expectTruth(system);
  });
});

describe('real removals', () => {
  beforeAll(() => start());
  afterAll(() => system.stop());

  const remove = async (from: number, to: number): Promise<string[]> => {
    const ids = Array.from({ length: to - from + 1 }, (_, i) => `ast_${from + i}`);
    for (const id of ids) await system.admin('DELETE', `/assistants/${id}`);
    return ids.toSorted();
  };

  it('of more than a quarter hold the org until an operator accepts them', async () => {
    const gone = await remove(1, 12);
    expect(await sweep()).toMatchObject({
      state: 'FAILED',
      error: { reason: 'TOO_MANY_GONE' },
      counts: { removed: 0 },
    });
    expect(await check()).toMatchObject({
      code: 1,
      out: expect.stringMatching(
        /12 of 30 assistants\. \(TOO_MANY_GONE\)[^]*rekey sweep org_demo --accept-removals/,
      ),
    });

    const unconfirmed = await rekey(['sweep', 'org_demo', '--accept-removals']);
    expect(unconfirmed).toMatchObject({ code: 1, out: '' });
    expect(unconfirmed.err).toMatch(/TOO_MANY_GONE\naffected +12 of 30 known assistants\n/);
    expect(unconfirmed.err).toMatch(
      /assistants\nthen +At least 12 assistants are published as deleted[^]*--yes[^]*NOT_CONFIRMED/,
    );
    for (const orgId of ['org_other', 'ORG_DEMO'])
      expect(await rekey(['sweep', orgId, '--accept-removals', '--yes'])).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining('ORG_NOT_HELD'),
      });
    expect(await removals()).toEqual([]);
    expect(await heldAs()).toBe('TOO_MANY_GONE');

    const accepted = await rekey(['sweep', 'c', '--accept-removals', '--yes', '--json']);
    expect(accepted).toMatchObject({ code: 0 });
    expect(accepted.json()).toMatchObject([
      { org_id: 'org_demo', state: 'SUCCEEDED', counts: { removed: 12, agreed: 18, unresolved: 0 } },
    ]);
    expect((await removals()).toSorted()).toEqual(gone);
    expect(await check()).toMatchObject({ code: 0 });
    expect(await rekey(['sweep', 'org_demo', '--accept-removals', '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('ORG_NOT_HELD'),
    });
    await expectTruth(system);
  });

  it('of a few are published without an operator, after two reads apart in time', async () => {
    const gone = await remove(13, 14);
    const before = (await removals()).length;
    const began = performance.now();
    expect(await sweep()).toMatchObject({
      state: 'SUCCEEDED',
      counts: { removed: 2, agreed: 16, unresolved: 0 },
    });
    expect(performance.now() - began).toBeGreaterThan(CONFIRM_AFTER_MS);
    expect((await removals()).slice(before).toSorted()).toEqual(gone);
    expect(await check()).toMatchObject({ code: 0 });
  });

  it('that were accepted do not admit further ones', async () => {
    const before = await system.events();
    await remove(15, 22);
    expect(await sweep()).toMatchObject({ state: 'FAILED', error: { reason: 'TOO_MANY_GONE' } });
    expect(await system.events()).toEqual(before);
  });
});

describe('a restored backup of the whole org', () => {
  const STALE = 120;
  const OTHERS = 80;
  const idsFrom = (from: number, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `ast_${from + i}`);
  afterEach(() => system.stop());

  it('is announced, published after several reads within the share of sweeps, behind rotations', async () => {
    await start({ simulator: ['--assistants', String(STALE + OTHERS)], worker: false });
    const bulks = bulksOf(system);
    const first = await system.startWorker();
    await untilImported();
    const backup = Date.now();
    await sleep(5);
    await bulks.ended(await bulks.create({ orgId: 'org_demo', assistantIds: idsFrom(1, STALE) }));
    await sleep(READ_LAG_MS);
    await first.child.kill();
    await system.admin('POST', '/restore', { at_ms: backup, org_id: 'org_demo' });

    const limited = await system.startWorker({ INVENT_REQUESTS_PER_MINUTE: '500' });
    expect(await sweep()).toMatchObject({ counts: { adopted: 0, removed: 0, unresolved: STALE } });
    const { id } = await bulks.create({ orgId: 'org_demo', assistantIds: idsFrom(STALE + 1, OTHERS) });
    await bulks.until(id, ({ counts }) => counts!.succeeded >= 5);
    const [began, before] = [performance.now(), await system.admin('GET', '/counts')];
    const asked = await system.rotateAndWait('ast_120');
    expect(asked).toMatchObject({ state: 'SUCCEEDED', cause: 'ROTATION', attemptCount: 1 });
    expect(performance.now() - began).toBeLessThan(3000);
    expect((await system.openLast('ast_120')).assistant.secret_key).toBe(await system.trueKey('ast_120'));
    await bulks.until(id, ({ counts }) => counts!.succeeded >= OTHERS - 10);
    const after = await system.admin('GET', '/counts');
    const sweepsShare = ((performance.now() - began) / 60_000) * (500 / 50);
    expect(after.rotate - before.rotate).toBeGreaterThan(OTHERS / 2);
    // After idle time two requests may leave at once, and one was in flight.
    expect(after.get - before.get).toBeLessThanOrEqual(Math.ceil(sweepsShare) + 3);
    await bulks.ended({ id });
    await limited.child.kill();

    await system.startWorker();
    await eventually(
      async () => (await system.redis.hlen('{rekey}:stale')) + (await system.redis.hlen('{rekey}:uncertain')),
      (left) => left === 0,
      40_000,
    );
    const events = await system.events();
    const back = events
      .filter((event) => event.type === KEY_ROTATED && event.data.cause === 'rollback')
      .map(({ subject }) => subject);
    expect(back.toSorted()).toEqual(idsFrom(1, STALE - 1).toSorted());
    const told = new Set(events.filter(({ type }) => type === KEY_UNCERTAIN).map(({ subject }) => subject));
    expect(back.filter((assistantId) => !told.has(assistantId))).toEqual([]);
    expect((await system.client.getStatus()).attention.map(({ code }) => code)).toContain('ROLLED_BACK');
    await expectTruth(system);
  });
});

describe('SUCCEEDED', () => {
  beforeAll(() => start({ simulator: ['--assistants', '3'] }));
  afterAll(() => system.stop());

  const history = async (assistantId: string): Promise<{ key: string; atMs: number; by: string }[]> =>
    (await system.admin('GET', '/history'))[assistantId];
  /** Rotates, and returns when the key in force was made. */
  const rotated = async (assistantId: string) => {
    const rotation = await system.rotateAndWait(assistantId);
    const made = (await history(assistantId)).at(-1)!;
    expect((await system.openLast(assistantId)).assistant.secret_key).toBe(made.key);
    return { rotation, made, madeAfterMs: made.atMs - rotation.createTime.getTime() };
  };

  it('needs a key made after the request: not one rotated by hand before, with the POST lost', async () => {
    await system.admin('POST', '/assistants/ast_1/rotate');
    const leaked = await system.trueKey('ast_1');
    await sleep(1000);
    await fault({ kind: 'loseConnectionBefore' });
    const { rotation, made, madeAfterMs } = await rotated('ast_1');
    expect(rotation).toMatchObject({ state: 'SUCCEEDED', attemptCount: 2 });
    expect(made).toMatchObject({ by: 'request', key: expect.not.stringMatching(leaked!) });
    expect(madeAfterMs).toBeGreaterThanOrEqual(0);
  });

  it.each([
    ['done', { kind: 'staleAnswer' }],
    ['not done', { kind: 'staleAnswer', takesEffect: false }],
  ])('does not follow from a 200 with the previous record (%s)', async (_how, script) => {
    await system.rotateAndWait('ast_2');
    await fault(script);
    const { rotation, made, madeAfterMs } = await rotated('ast_2');
    expect(rotation.state).toBe('SUCCEEDED');
    expect(made.by).toBe('request');
    expect(madeAfterMs).toBeGreaterThanOrEqual(0);
  });
});
