import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Sweep } from '@rekey/client';
import type { KeyEvent } from '@rekey/schema';
import type { TcpProxy } from '@rekey/testing';
import { expectTruth, keysInForce, lastPublished } from '../support/invariants.ts';
import { eventually, proxyTo, startSystem, type System } from '../support/system.ts';

const READ_LAG_MS = 200;

const eventsOf = async (system: System, assistantId: string): Promise<KeyEvent[]> =>
  (await system.events()).filter(({ subject }) => subject === assistantId);
const untilEvents = (system: System, assistantId: string, count: number): Promise<KeyEvent[]> =>
  eventually(
    () => eventsOf(system, assistantId),
    ({ length }) => length === count,
  );
const untilEnded = (system: System, id: string): Promise<Sweep> =>
  eventually(
    () => system.client.getSweep(id),
    ({ state }) => state === 'SUCCEEDED' || state === 'FAILED',
    40_000,
  );
const sweepOnce = async (system: System): Promise<Sweep> =>
  untilEnded(system, (await system.client.createSweep()).id);
const secondsOf = (time: Sweep['endTime']): number => time!.getTime() / 1000;
const expectInForce = async (system: System, assistantId: string) => {
  const published = (await lastPublished(system, await system.events()))[assistantId];
  expect({ [assistantId]: published }).toEqual(await keysInForce(system, [assistantId]));
};

describe('a scheduled sweep', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({
      simulator: ['--assistants', '6'],
      worker: { REKEY_SWEEP_EVERY_MS: '1000', REKEY_MAX_CHANGED_PERCENT: '100' },
    });
    await eventually(
      () => system.events(),
      ({ length }) => length === 6,
    );
    // Reads may lag: an earlier list proves nothing.
    await sleep(READ_LAG_MS);
  });
  afterAll(() => system.stop());

  it('publishes unknown assistants from the list, after it has read three of them', async () => {
    expect((await system.versions()).map(({ data }) => data.cause)).toEqual(
      Array.from({ length: 6 }, () => 'import'),
    );
    const { get, rotate } = await system.admin('GET', '/counts');
    expect({ get, rotate }).toEqual({ get: 3, rotate: 0 });
    await expectTruth(system);
  });

  it('publishes a key that was rotated by hand', async () => {
    await system.admin('POST', '/assistants/ast_1/rotate');
    const [, drift] = await untilEvents(system, 'ast_1', 2);
    expect(drift!.data).toMatchObject({ cause: 'drift', rotation_id: null });
    await expectInForce(system, 'ast_1');
  });

  it('publishes that an assistant has no key, and later its new key', async () => {
    await system.admin('PATCH', '/assistants/ast_2', { secret_key: null });
    const [, removed] = await untilEvents(system, 'ast_2', 2);
    expect(removed).toMatchObject({
      type: 'rekey.assistant.key-removed.v1',
      data: { removal: 'no-key', fingerprint: null },
    });
    await sleep(READ_LAG_MS);
    await system.admin('POST', '/assistants/ast_2/rotate');
    const [, , returned] = await untilEvents(system, 'ast_2', 3);
    expect(returned).toMatchObject({ type: 'rekey.assistant.key-rotated.v1', data: { cause: 'drift' } });
    await expectInForce(system, 'ast_2');
  });

  it.each([
    ['for good', () => system.admin('DELETE', '/assistants/ast_3'), 'ast_3'],
    ['softly', () => system.admin('PATCH', '/assistants/ast_4', { deleted: true }), 'ast_4'],
  ])('publishes that an assistant is deleted %s', async (_how, remove, assistantId) => {
    await remove();
    const [, removed] = await untilEvents(system, assistantId, 2);
    expect(removed).toMatchObject({ type: 'rekey.assistant.key-removed.v1', data: { removal: 'deleted' } });
  });

  it('publishes nothing twice, and nothing from a lagging list', async () => {
    await system.rotateAndWait('ast_5');
    // The rotation names the org that sweeps knew as `c`. What they published gets that name first.
    await eventually(
      () => system.redis.exists('{rekey}:assistants:c'),
      (left) => left === 0,
    );
    await system.admin('POST', '/faults', { on: 'list', kind: 'staleRead', times: 0 });
    const before = await system.events();
    const { list } = await system.admin('GET', '/counts');
    await eventually(
      () => system.admin('GET', '/counts'),
      (counts) => counts.list >= list + 3,
    );
    await system.admin('DELETE', '/faults');
    const after = await system.events();
    expect(after).toEqual(before);
    await expectTruth(system);
  });
});

describe('a sweep over many pages', () => {
  let system: System;
  let upstream: TcpProxy & { url: string };
  beforeAll(async () => {
    system = await startSystem({ simulator: ['--assistants', '250'], worker: false });
    upstream = await proxyTo(system.environment['INVENT_BASE_URL']!);
    await system.startWorker({ INVENT_BASE_URL: upstream.url });
  });
  afterAll(async () => {
    await upstream.close();
    await system.stop();
  });
  afterEach(() => sleep(READ_LAG_MS));

  const removals = async (): Promise<string[]> =>
    (await system.events())
      .filter(({ type }) => type === 'rekey.assistant.key-removed.v1')
      .map(({ subject }) => subject);

  it('publishes all assistants, with one request a page, and reads of three, then one a page', async () => {
    const ended = await sweepOnce(system);
    expect(ended).toMatchObject({
      state: 'SUCCEEDED',
      counts: { imported: 250, adopted: 0, removed: 0, unresolved: 0 },
    });
    expect((await system.admin('GET', '/counts')).get).toBe(5);
    await expectTruth(system);
  });

  it('finds an assistant that a deletion moved to a page that was already read', async () => {
    // The deletion moves ast_101 from the top of the second page to the end of the first page.
    await system.admin('POST', '/assistants/ast_101/rotate');
    const shifted = upstream.once('page=2', 'before', () => system.admin('DELETE', '/assistants/ast_50'));
    await sweepOnce(system);
    await shifted;
    const [, drift, ...more] = await eventsOf(system, 'ast_101');
    expect(drift!.data).toMatchObject({ cause: 'drift' });
    expect(more).toEqual([]);
    expect(await removals()).toEqual([]);
    await sweepOnce(system);
    await eventually(removals, (removed) => removed.length > 0);
    expect(await removals()).toEqual(['ast_50']);
    await expectTruth(system);
  });

  it('finds a new assistant, and ignores that it moves another one to the next page', async () => {
    const before = await system.events();
    const shifted = upstream.once('page=2', 'before', () =>
      system.admin('POST', '/assistants', { org_id: 'org_demo', id: 'ast_new', at: 'start' }),
    );
    await sweepOnce(system);
    await shifted;
    const news = (await system.events()).slice(before.length);
    expect(news.map(({ subject, data }) => [subject, 'cause' in data && data.cause])).toEqual([
      ['ast_new', 'import'],
    ]);
    await expectTruth(system);
  });

  it('waits for a running sweep, even in another worker, and then begins', async () => {
    const other = await system.startWorker({ INVENT_BASE_URL: upstream.url });
    const asked: Sweep[] = [];
    const waited = upstream.once('page=2', 'before', async () => {
      asked.push(await system.client.createSweep({ orgId: 'org_demo' }));
      // A worker took its job, and postponed it.
      await eventually(
        () => system.redis.zscore('{rekey}:bull:sweeps:delayed', asked[0]!.id),
        (score) => score !== null,
      );
      asked.push(await system.client.getSweep(asked[0]!.id));
    });
    const first = await sweepOnce(system);
    await waited;
    expect(asked[1]).toMatchObject({ state: 'QUEUED' });
    const second = await untilEnded(system, asked[0]!.id);
    expect([first.state, second.state]).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect(secondsOf(second.startTime)).toBeGreaterThanOrEqual(secondsOf(first.endTime));
    await other.child.kill();
  });
});
