import { afterEach, describe, expect, it } from '@jest/globals';
import type { CreateBulkRotationRequest } from '@rekey/client';
import { areTrials } from '@rekey/testing';
import { bulksOf, type Bulks } from './bulks.ts';
import { expectInOrder, expectTruth } from '../support/invariants.ts';
import { eventually, startSystem, type System, type SystemOptions } from '../support/system.ts';

let system: System;
let bulks: Bulks;
afterEach(async () => {
  await system.stop();
});

const ORG = 'org_demo';
const ids = (count: number, from = 1) => Array.from({ length: count }, (_, i) => `ast_${from + i}`);
const start = async (options: SystemOptions = {}) => {
  system = await startSystem({ simulator: ['--assistants', '120'], ...options });
  bulks = bulksOf(system);
};
const create = (request: Partial<CreateBulkRotationRequest>) => bulks.create({ orgId: ORG, ...request });
/** How often a request has changed the key of each assistant. */
const timesRotated = async (): Promise<Record<string, number>> => {
  const history: Record<string, { by: string }[]> = await system.admin('GET', '/history');
  return Object.fromEntries(
    Object.entries(history).map(([id, changes]) => [id, changes.filter(({ by }) => by === 'request').length]),
  );
};
const once = (assistantIds: string[]) => Object.fromEntries(assistantIds.map((id) => [id, 1]));

describe('a bulk rotation', () => {
  it('rotates every assistant of an org once, and verifies each', async () => {
    await start();
    const bulk = await bulks.ended(await create({ allAssistants: true, reason: 'quarterly' }));
    expect(bulk).toMatchObject({
      state: 'COMPLETED',
      reason: 'quarterly',
      counts: { total: 120, succeeded: 120, failed: 0, waiting: 0, rotating: 0 },
      verification: { verified: 120, repaired: 0, unverified: 0 },
    });
    expect(await timesRotated()).toEqual(once(ids(120)));
    const rotated = (await system.versions()).filter(({ data }) => data.cause === 'rotation');
    expect(new Set(rotated.map(({ data }) => data.bulk_rotation_id))).toEqual(new Set([bulk.id]));
    // The org was unknown: two passes list it, with one page beyond the count, and one pass verifies it.
    // Rekey reads three assistants of the first page and one of the second by GET, to check that the list
    // shows keys.
    expect(await system.admin('GET', '/counts')).toMatchObject({ rotate: 120, get: 4, list: 7 });
    expect((await system.client.listRotations()).rotations).toEqual([]);
    await expectTruth(system);
  });

  it('gives each named assistant an outcome: a duplicate counts once, an unknown id FAILED', async () => {
    await start();
    const bulk = await bulks.ended(
      await create({
        assistantIds: ['ast_1', 'ast_2', 'ast_nobody', 'ast_2', 'ast_3', 'ast_s1_1'],
        maxFailures: { percent: 50 },
      }),
    );
    expect(bulk.counts).toMatchObject({ total: 5, succeeded: 3, failed: 2, duplicates: 1 });
    expect(await bulks.items(bulk.id)).toEqual([
      ['ast_1', 'SUCCEEDED', ''],
      ['ast_2', 'SUCCEEDED', ''],
      ['ast_nobody', 'FAILED', 'ASSISTANT_NOT_FOUND'],
      ['ast_3', 'SUCCEEDED', ''],
      ['ast_s1_1', 'FAILED', 'ASSISTANT_NOT_FOUND'],
    ]);
    expect(bulk.lastFailures.map(({ assistantId }) => assistantId).toSorted()).toEqual([
      'ast_nobody',
      'ast_s1_1',
    ]);
    expect(bulk.verification).toMatchObject({ verified: 3 });
    await expectTruth(system);
  });

  if (areTrials)
    it('retries failed assistants, and no others', async () => {
      await start();
      await system.admin('POST', '/faults', { kind: 'failBefore', status: 400, assistantId: 'ast_2' });
      const first = await bulks.ended(await create({ assistantIds: ids(3), maxFailures: { count: 3 } }));
      expect(first.counts).toMatchObject({ succeeded: 2, failed: 1 });
      const again = await bulks.ended(await system.client.retryBulkRotation(first.id));
      expect(again).toMatchObject({
        state: 'COMPLETED',
        counts: { succeeded: 3, failed: 0 },
        verification: { verified: 3 },
      });
      expect(await timesRotated()).toEqual(once(ids(3)));
      await expectTruth(system);
    });

  if (areTrials)
    it('resumes after its only worker was killed, and rotates no assistant twice', async () => {
      await start({
        simulator: ['--assistants', '200', '--latency-ms', '20'],
        worker: false,
        timing: { REKEY_TAKEOVER_AFTER_MS: '3000' },
      });
      const worker = await system.startWorker();
      const { id } = await create({ allAssistants: true });
      await bulks.until(id, ({ counts }) => counts!.succeeded >= 100);
      await worker.child.kill();
      await system.startWorker();
      const bulk = await bulks.ended({ id });
      expect(bulk).toMatchObject({
        state: 'COMPLETED',
        counts: { total: 200, succeeded: 200 },
        verification: { verified: 200, repaired: 0 },
      });
      expect(await timesRotated()).toEqual(once(ids(200)));
      await expectTruth(system);
    });

  it('is shared by several workers, and continues after one of them ends', async () => {
    await start({ simulator: ['--assistants', '300', '--latency-ms', '10'], worker: false });
    const [first] = await Promise.all([system.startWorker(), system.startWorker()]);
    const { id } = await create({ allAssistants: true });
    await bulks.until(id, ({ counts }) => counts!.succeeded >= 100);
    expect(await first!.child.stop()).toBe(0);
    expect(await bulks.ended({ id })).toMatchObject({ state: 'COMPLETED', counts: { succeeded: 300 } });
    expect(await timesRotated()).toEqual(once(ids(300)));
    await expectTruth(system);
  });

  if (areTrials)
    it('counts and names assistants in a dry run, and rotates none', async () => {
      await start();
      await system.admin('PATCH', '/assistants/ast_2', { deleted: true });
      await system.rotateAndWait('ast_1');
      const named = await bulks.ended(
        await create({ assistantIds: ['ast_1', 'ast_2', 'ast_3', 'nobody'], validateOnly: true }),
      );
      expect(named).toMatchObject({ state: 'VALIDATED', counts: { total: 4, valid: 2, failed: 2 } });
      expect(await bulks.items(named.id)).toMatchObject([
        ['ast_1', 'VALID', ''],
        ['ast_2', 'FAILED', expect.any(String)],
        ['ast_3', 'VALID', ''],
        ['nobody', 'FAILED', 'ASSISTANT_NOT_FOUND'],
      ]);
      const all = await bulks.ended(
        await create({ allAssistants: true, validateOnly: true, excludeAssistantIds: ['ast_7', 'ast_8'] }),
      );
      expect(all).toMatchObject({
        state: 'VALIDATED',
        counts: { total: 117, valid: 117 },
        estimate: { requestCount: 121 },
      });
      expect((await system.admin('GET', '/counts')).rotate).toBe(1);
    });

  if (areTrials)
    it('selects by search term, exclusion and age of the key', async () => {
      await start();
      await system.rotateAndWait('ast_11');
      const bulk = await bulks.ended(
        await create({
          allAssistants: true,
          search: 'ast_1',
          excludeAssistantIds: ['ast_12'],
          rotatedBefore: new Date(Date.now() - 3_600_000),
        }),
      );
      const wanted = ids(120).filter((id) => id.startsWith('ast_1') && id !== 'ast_12' && id !== 'ast_11');
      expect((await bulks.items(bulk.id)).map(([id]) => id)).toEqual(wanted);
      expect(await timesRotated()).toEqual(once([...wanted, 'ast_11']));
    });

  if (areTrials)
    it('repairs and names an assistant that was rotated by hand before its verification', async () => {
      await start({ timing: { REKEY_READ_LAG_MS: '1500' } });
      const { id } = await create({ assistantIds: ids(20) });
      await bulks.until(id, ({ state }) => state === 'VERIFYING');
      await system.admin('POST', '/assistants/ast_5/rotate');
      const bulk = await bulks.ended({ id });
      expect(bulk).toMatchObject({
        state: 'COMPLETED',
        verification: { verified: 19, repaired: 1, unverified: 0, differingAssistantIds: ['ast_5'] },
      });
      await expectTruth(system);
    });

  if (areTrials)
    it('returns the same bulk for the same request id, and refuses the id with other arguments', async () => {
      await start();
      const requestId = '3f2d7e1a-5b64-4c0e-9d53-0a1b2c3d4e5f';
      const first = await create({ assistantIds: ids(3), requestId });
      expect((await create({ assistantIds: ids(3), requestId })).id).toBe(first.id);
      await expect(create({ assistantIds: ids(4), requestId })).rejects.toThrow(
        /request_id was already used with different arguments/,
      );
      await bulks.ended(first);
      expect(await timesRotated()).toEqual(once(ids(3)));
    });
});

describe('a bulk rotation stops', () => {
  it('when it is paused, and begins no assistant until it is resumed', async () => {
    await start({ simulator: ['--assistants', '120', '--latency-ms', '20'] });
    const { id } = await create({ assistantIds: ids(120) });
    await bulks.until(id, ({ counts }) => counts!.succeeded >= 20);
    await system.client.pauseBulkRotation(id);
    const paused = await bulks.until(id, ({ counts }) => counts!.rotating === 0);
    expect(paused).toMatchObject({ state: 'PAUSED', stop: { reason: 'PAUSED_BY_OPERATOR' } });
    const { rotate } = await system.admin('GET', '/counts');
    await system.rotateAndWait('ast_120');
    expect((await system.admin('GET', '/counts')).rotate).toBe(rotate + 1);
    await Promise.all([system.client.resumeBulkRotation(id), system.client.resumeBulkRotation(id)]);
    expect(await bulks.ended({ id })).toMatchObject({
      state: 'COMPLETED',
      counts: { total: 120, succeeded: 119, shared: 1 },
    });
    expect(await timesRotated()).toEqual(once(ids(120)));
  });

  it('for good when it is cancelled, but never during a request', async () => {
    await start({ simulator: ['--assistants', '120', '--latency-ms', '50'] });
    const { id } = await create({ assistantIds: ids(120) });
    await bulks.until(id, ({ counts }) => counts!.succeeded >= 20);
    await system.client.cancelBulkRotation(id);
    const bulk = await bulks.ended({ id });
    expect(bulk).toMatchObject({
      state: 'CANCELLED',
      stop: { reason: 'CANCELLED_BY_OPERATOR' },
      counts: { failed: 0, rotating: 0, waiting: 0 },
    });
    expect(bulk.counts!.succeeded + bulk.counts!.cancelled).toBe(120);
    expect(Object.values(await timesRotated())).toHaveLength(bulk.counts!.succeeded);
    expect(await bulks.items(id, 'CANCELLED')).toHaveLength(bulk.counts!.cancelled);
    await expectTruth(system);
  });

  if (areTrials)
    it('after its canary, until it is resumed', async () => {
      await start();
      const { id } = await create({ assistantIds: ids(40), canary: { count: 10, continues: false } });
      const stopped = await bulks.until(id, ({ state }) => state === 'PAUSED');
      expect(stopped).toMatchObject({
        stop: { reason: 'CANARY_DONE' },
        counts: { succeeded: 10, waiting: 30 },
      });
      expect(await timesRotated()).toEqual(once(ids(10)));
      await system.client.resumeBulkRotation(id);
      expect(await bulks.ended({ id })).toMatchObject({ counts: { succeeded: 40 } });
    });

  if (areTrials)
    it('neither after a successful canary that continues, nor after one larger than the set', async () => {
      await start();
      const [continuing, larger] = await Promise.all([
        create({ assistantIds: ids(40), canary: { count: 10, continues: true } }),
        create({ assistantIds: ids(5, 50), canary: { count: 1000, continues: false } }),
      ]);
      expect(await bulks.ended(continuing)).toMatchObject({ state: 'COMPLETED', counts: { succeeded: 40 } });
      expect(await bulks.ended(larger)).toMatchObject({ state: 'COMPLETED', counts: { succeeded: 5 } });
    });

  it('when Invent refuses the API key; none counts as failed, and a new key resumes it', async () => {
    await start({ simulator: ['--assistants', '120', '--latency-ms', '10'] });
    const { id } = await create({ assistantIds: ids(120) });
    await bulks.until(id, ({ counts }) => counts!.succeeded >= 30);
    await system.admin('POST', '/faults', { kind: 'failBefore', status: 401, times: 0 });
    const halted = await bulks.until(id, ({ state, counts }) => state === 'HALTED' && counts!.rotating === 0);
    expect(halted).toMatchObject({ stop: { reason: 'UPSTREAM_UNAUTHENTICATED' }, counts: { failed: 0 } });
    await system.admin('DELETE', '/faults');
    await system.client.resumeBulkRotation(id);
    expect(await bulks.ended({ id })).toMatchObject({
      state: 'COMPLETED',
      counts: { succeeded: 120, failed: 0 },
      verification: { verified: 120 },
    });
    expect(await timesRotated()).toEqual(once(ids(120)));
    await expectTruth(system);
  });

  if (areTrials)
    it('at the first failure if none is allowed', async () => {
      await start();
      const { id } = await create({ assistantIds: ['nobody', ...ids(119)], maxFailures: { count: 0 } });
      const halted = await bulks.until(
        id,
        ({ state, counts }) => state === 'HALTED' && counts!.rotating === 0,
      );
      expect(halted).toMatchObject({
        stop: { reason: 'TOO_MANY_FAILURES' },
        counts: { failed: 1 },
        lastFailures: [{ assistantId: 'nobody', reason: 'ASSISTANT_NOT_FOUND' }],
      });
      expect(halted.counts!.waiting).toBeGreaterThan(0);
    });

  it('when upstream rotates but answers errors, within the bound of unknown keys', async () => {
    await start({ worker: { REKEY_MAX_UNKNOWNS: '6' }, timing: { REKEY_LANDING_WINDOW_MS: '4000' } });
    await system.admin('POST', '/faults', { kind: 'failAfter', status: 500, times: 0 });
    await system.admin('POST', '/faults', { kind: 'failBefore', status: 503, on: 'get', times: 0 });
    const { id } = await create({ assistantIds: ids(120), maxFailures: { percent: 3 } });
    const halted = await bulks.until(id, ({ state }) => state === 'HALTED');
    expect(halted.stop!.reason).toMatch(/TOO_MANY_FAILURES|TOO_MANY_UNKNOWNS/);
    expect(Object.keys(await timesRotated()).length).toBeLessThanOrEqual(6);
    await system.admin('DELETE', '/faults');
    await eventually(
      () => system.client.getBulkRotation(id),
      ({ counts }) => counts!.unknown === 0,
      30_000,
    );
    await system.client.resumeBulkRotation(id);
    expect(await bulks.ended({ id })).toMatchObject({ state: 'COMPLETED', counts: { succeeded: 120 } });
    await expectTruth(system);
  });

  if (areTrials)
    it('while upstream is away, and forgets no assistant', async () => {
      await start({ simulator: ['--assistants', '60', '--latency-ms', '10'] });
      await system.admin('POST', '/faults', { kind: 'failBefore', status: 429, retryAfter: '0', times: 40 });
      const bulk = await bulks.ended(await create({ assistantIds: ids(60) }), 60_000);
      expect(bulk).toMatchObject({ state: 'COMPLETED', counts: { succeeded: 60, failed: 0 } });
      expect(await timesRotated()).toEqual(once(ids(60)));
    });
});

describe('an assistant that is requested more than once at a time', () => {
  if (areTrials)
    it('is rotated once for two bulk rotations', async () => {
      await start({ simulator: ['--assistants', '120', '--latency-ms', '20'], worker: false });
      const [first, second] = [
        await create({ assistantIds: ids(60) }),
        await create({ assistantIds: ids(60, 31) }),
      ];
      await system.startWorker();
      const ends = await Promise.all([bulks.ended(first), bulks.ended(second)]);
      expect(ends.map(({ counts }) => counts!.succeeded + counts!.shared)).toEqual([60, 60]);
      expect(await timesRotated()).toEqual(once(ids(90)));
    });

  it('is rotated once for a bulk and a single rotation requested before either began', async () => {
    await start({ worker: false });
    const { id } = await create({ assistantIds: ids(10) });
    const single = await system.rotate('ast_4');
    await system.startWorker();
    expect(await bulks.ended({ id })).toMatchObject({ state: 'COMPLETED' });
    expect((await system.waitFor(single.id)).state).toBe('SUCCEEDED');
    expect(await timesRotated()).toEqual(once(ids(10)));
  });

  if (areTrials)
    it('is rotated again if its key was made before the bulk rotation was requested', async () => {
      await start();
      await system.rotateAndWait('ast_1');
      expect(await bulks.ended(await create({ assistantIds: ['ast_1'] }))).toMatchObject({
        counts: { succeeded: 1, shared: 0 },
      });
      expect(await timesRotated()).toEqual({ ast_1: 2 });
    });
});

describe('the request budget', () => {
  it('is shared by all workers: no 429 from upstream, and single rotations go before a bulk', async () => {
    // The unused part of the limit allows that a request is counted late by 1.5 % of the window, which is
    // 0.3 s. A simulator on a busy machine may pause for that time.
    await start({
      simulator: ['--assistants', '350', '--requests-per-minute', '250', '--limit-window-ms', '20000'],
      worker: false,
      timing: { INVENT_REQUESTS_PER_MINUTE: '750' },
    });
    await Promise.all([system.startWorker(), system.startWorker()]);
    const { id } = await create({ assistantIds: ids(300) });
    await bulks.until(id, ({ counts }) => counts!.succeeded >= 20);
    const single = await system.rotateAndWait('ast_350');
    expect(single.state).toBe('SUCCEEDED');
    expect((await system.client.getBulkRotation(id)).counts!.waiting).toBeGreaterThan(0);
    expect(await bulks.ended({ id })).toMatchObject({
      state: 'COMPLETED',
      counts: { succeeded: 300 },
      verification: { verified: 300 },
    });
    expect((await system.admin('GET', '/counts')).limited).toBe(0);
  });

  if (areTrials)
    it('is closed for all workers for as long as upstream says', async () => {
      await start({ worker: false, timing: { INVENT_REQUESTS_PER_MINUTE: '60000' } });
      await Promise.all([system.startWorker(), system.startWorker()]);
      await system.admin('POST', '/faults', {
        kind: 'failBefore',
        status: 429,
        retryAfter: '2',
        assistantId: 'ast_10',
      });
      const bulk = await bulks.ended(await create({ assistantIds: ids(60) }));
      expect(bulk.counts).toMatchObject({ succeeded: 60 });
      const history: Record<string, { by: string; atMs: number }[]> = await system.admin('GET', '/history');
      const times = Object.values(history)
        .map((changes) => changes.at(-1)!.atMs)
        .toSorted((a, b) => a - b);
      const pauses = times.slice(1).map((ms, i) => ms - times[i]!);
      expect(Math.max(...pauses)).toBeGreaterThan(1500);
      expectInOrder(await system.events());
    });
});
