import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createRequestLimit } from './api/request-limit.ts';
import { Fault } from './faults/fault.ts';
import { createFaults } from './faults/faults.ts';
import { seededRandom } from './faults/random.ts';
import { json, startSimulator, type Simulator } from './simulator-fixture.ts';

let simulator: Simulator | undefined;
const faults = createFaults();

const start = async (options: Parameters<typeof startSimulator>[0] = {}) => {
  simulator = await startSimulator({ faults, ...options });
};
beforeEach(() => faults.clear());
afterEach(() => {
  jest.restoreAllMocks();
  simulator?.close();
  simulator = undefined;
});

const call = (method: string, path: string, key = 'parent') => simulator!.call(path, { method, key });
const admin = (method: string, path: string, body?: object) => simulator!.admin(method, path, body);
const history = async () => json(await admin('GET', '/history'));
const keyOf = async (id: string) => (await json(await call('GET', `/orgs/c/assistants/${id}`))).secret_key;
const rotate = (id = 'ast_1') => call('POST', `/orgs/c/assistants/${id}/rotate-secret-key`);
/** The outcome of a request: its status, or `broken` if the connection was cut. */
const outcomeOf = (response: Promise<Response>) =>
  response.then(async (whole) => (await whole.text(), whole.status)).catch(() => 'broken');

describe('the API', () => {
  it('rotates: each time a new key, which replaces the old one at once and in GET', async () => {
    await start();
    const before = await json(await call('GET', '/orgs/org/assistants/ast_1'));
    const first = await json(await call('POST', '/orgs/org/assistants/ast_1/rotate-secret-key'));
    const second = await json(await call('POST', '/orgs/c/assistants/ast_1/rotate-secret-key'));
    expect(new Set([before.secret_key, first.secret_key, second.secret_key]).size).toBe(3);
    expect((await json(await call('GET', '/orgs/org/assistants/ast_1'))).secret_key).toBe(second.secret_key);
  });

  it('returns records of about 2 kB', async () => {
    await start();
    const text = await (await call('GET', '/orgs/org/assistants/ast_1')).text();
    expect(text.length).toBeGreaterThan(1700);
    expect(text.length).toBeLessThan(2500);
  });

  it('lists in pages with counts in the headers, and searches', async () => {
    await start();
    const response = await call('GET', '/orgs/c/assistants?page=3&take=100');
    expect(['count', 'page', 'take'].map((name) => response.headers.get(`pagination-${name}`))).toEqual([
      '250',
      '3',
      '100',
    ]);
    expect((await json(response)).map(({ id }: { id: string }) => id)).toEqual(
      Array.from({ length: 50 }, (_, i) => `ast_${201 + i}`),
    );
    expect(await json(await call('GET', '/orgs/c/assistants?search=ast_249'))).toHaveLength(1);
    expect((await call('GET', '/orgs/c/assistants?take=101')).status).toBe(400);
  });

  it.each([
    ['no key', 'GET', '/orgs/org/assistants/ast_1', 'wrong', 401],
    ["another org's key", 'GET', '/orgs/org/assistants/ast_1', 'parent-sub1', 403],
    ['no such org', 'GET', '/orgs/nope/assistants/ast_1', 'parent', 404],
    ['no such assistant', 'POST', '/orgs/org/assistants/ast_251/rotate-secret-key', 'parent', 404],
    ['an assistant of another org', 'GET', '/orgs/org/assistants/ast_s1_1', 'parent', 404],
    ['no such path', 'POST', '/orgs/org/assistants/ast_1', 'parent', 404],
    ["the parent's key in a sub-org", 'GET', '/orgs/org_sub1/assistants/ast_s1_1', 'parent', 200],
    ["a sub-org's own key under c", 'GET', '/orgs/c/assistants/ast_s1_1', 'parent-sub1', 200],
  ])('checks API keys and orgs: %s', async (_what, method, path, key, status) => {
    await start();
    expect((await call(method, path, key)).status).toBe(status);
  });

  it('limits the requests of an address in a sliding window, and says when to retry', async () => {
    await start({ limit: createRequestLimit(2, 60_000) });
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push(await call('GET', '/orgs/c/assistants/ast_1'));
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(Number(statuses[2]!.headers.get('retry-after'))).toBe(60);
  });
});

describe('createRequestLimit', () => {
  it('counts exactly the requests that passed within the window', () => {
    const limit = createRequestLimit(2, 100);
    expect([0, 10, 50, 99].map((now) => limit.take('a', now))).toEqual([0, 0, 50, 1]);
    expect(limit.take('b', 50)).toBe(0);
    expect([100, 105, 110].map((now) => limit.take('a', now))).toEqual([0, 5, 0]);
  });
});

describe('the admin port', () => {
  it('says which key signed a user hash, and how long ago that key had been replaced', async () => {
    await start();
    const keyNow = async () =>
      (await json(await admin('GET', '/assistants/ast_7'))).record.secret_key as string;
    const hashOf = (key: string) => createHmac('sha256', key).update('user-1').digest('hex');
    const check = async (hash: string, signedAtMs = Date.now()) =>
      (
        await json(
          await admin('POST', '/hashes', [
            { assistant_id: 'ast_7', user_id: 'user-1', hash, signed_at_ms: signedAtMs },
          ]),
        )
      )[0];
    const first = await keyNow();
    expect(await check(hashOf(first))).toEqual({ key: 0, stale_ms: 0 });
    await admin('POST', '/assistants/ast_7/rotate');
    const replacedMs = (await history()).ast_7[1].atMs;
    expect(await check(hashOf(await keyNow()))).toEqual({ key: 1, stale_ms: 0 });
    expect(await check(hashOf(first), replacedMs - 5)).toEqual({ key: 0, stale_ms: 0 });
    expect(await check(hashOf(first), replacedMs + 70)).toEqual({ key: 0, stale_ms: expect.closeTo(70) });
    expect(await check('nonsense')).toEqual({ key: null, stale_ms: null });
  });

  it('shows the truth, rotates by hand, patches and deletes', async () => {
    await start();
    const byHand = await json(await admin('POST', '/assistants/ast_1/rotate'));
    expect(byHand.rotations).toBe(1);
    expect(await json(await admin('GET', '/keys'))).toEqual({ ast_1: byHand.record.secret_key });
    await admin('PATCH', '/assistants/ast_2', { secret_key: null, added: { x: 1 } });
    expect(await json(await call('GET', '/orgs/c/assistants/ast_2'))).toMatchObject({
      secret_key: null,
      added: { x: 1 },
    });
    await admin('DELETE', '/assistants/ast_3');
    expect((await call('GET', '/orgs/c/assistants/ast_3')).status).toBe(404);
    expect(await json(await admin('GET', '/counts'))).toEqual({
      rotate: 0,
      get: 2,
      list: 0,
      limited: 0,
      refused: 0,
      concurrentRotates: 0,
    });
    expect((await admin('POST', '/faults', { kind: 'nonsense' })).status).toBe(400);
    expect((await admin('GET', '/nonsense')).status).toBe(404);
  });

  it('records when and how each key changed', async () => {
    await start();
    const nowMs = () => performance.timeOrigin + performance.now();
    const startedMs = nowMs();
    const original = await keyOf('ast_1');
    const byRequest = (await json(await rotate())).secret_key;
    const byHand = (await json(await admin('POST', '/assistants/ast_1/rotate'))).record.secret_key;
    await admin('PATCH', '/assistants/ast_1', { secret_key: 'sk_set' });
    await admin('PATCH', '/assistants/ast_1', { name: 'other' });
    await admin('POST', '/faults', { kind: 'failAfter', status: 404 });
    expect((await rotate()).status).toBe(404);
    await admin('DELETE', '/assistants/ast_1');
    const changes = (await history()).ast_1 as { key: string; atMs: number; by: string }[];
    expect(changes.map(({ key, by }) => [key, by])).toEqual([
      [original, 'start'],
      [byRequest, 'request'],
      [byHand, 'hand'],
      ['sk_set', 'hand'],
      [expect.any(String), 'denied'],
      [null, 'removed'],
    ]);
    expect(changes[0]!.atMs).toBe(0);
    expect(changes.slice(1).map(({ atMs }) => atMs >= startedMs && atMs <= nowMs())).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
  });

  it('records one key for an assistant that was patched but never rotated', async () => {
    await start();
    await admin('PATCH', '/assistants/ast_1', { name: 'other' });
    expect(await history()).toEqual({ ast_1: [{ key: await keyOf('ast_1'), atMs: 0, by: 'start' }] });
  });

  it('deletes softly: the record stays, is marked deleted, and can be restored', async () => {
    await start();
    const key = await keyOf('ast_1');
    await admin('PATCH', '/assistants/ast_1', { deleted: true });
    expect(await json(await call('GET', '/orgs/c/assistants/ast_1'))).toMatchObject({
      deleted: true,
      secret_key: key,
    });
    expect((await json(await call('GET', '/orgs/c/assistants?take=1')))[0]).toMatchObject({
      id: 'ast_1',
      deleted: true,
    });
    await admin('PATCH', '/assistants/ast_1', { deleted: false });
    expect((await json(await call('GET', '/orgs/c/assistants/ast_1'))).deleted).toBe(false);
    expect((await history()).ast_1.map(({ key: had, by }: any) => [had, by])).toEqual([
      [key, 'start'],
      [null, 'removed'],
      [key, 'hand'],
    ]);
  });

  it('creates assistants, first or last in the LIST', async () => {
    await start();
    const ids = async (page: number) =>
      (await json(await call('GET', `/orgs/c/assistants?page=${page}`))).map(({ id }: { id: string }) => id);
    const made = await json(await admin('POST', '/assistants', { org_id: 'org', id: 'ast_new1' }));
    expect(made).toMatchObject({ rotations: 0, record: { id: 'ast_new1', deleted: false } });
    await admin('POST', '/assistants', { org_id: 'org', id: 'ünï/x', at: 'start' });
    expect((await ids(1)).slice(0, 2)).toEqual(['ünï/x', 'ast_1']);
    expect((await ids(3)).slice(-2)).toEqual(['ast_250', 'ast_new1']);
    expect((await call('GET', '/orgs/c/assistants?take=1')).headers.get('pagination-count')).toBe('252');

    const rotated = await json(await rotate(encodeURIComponent('ünï/x')));
    expect(await json(await admin('GET', '/keys'))).toEqual({ 'ünï/x': rotated.secret_key });
    expect((await call('GET', '/orgs/org_sub1/assistants/ast_new1')).status).toBe(404);
  });

  it('creates none with a taken id or in an unknown org; a removed one gets a new key', async () => {
    await start();
    const create = async (org: string, id: string) =>
      (await admin('POST', '/assistants', { org_id: org, id })).status;
    const key = await keyOf('ast_1');
    expect([await create('org', 'ast_1'), await create('nope', 'ast_new1'), await create('org', '')]).toEqual(
      [400, 404, 400],
    );
    await admin('DELETE', '/assistants/ast_1');
    expect(await create('org', 'ast_1')).toBe(200);
    expect(await keyOf('ast_1')).not.toBe(key);
    expect((await history()).ast_1.map(({ by }: any) => by)).toEqual(['start', 'removed', 'hand']);
    await admin('DELETE', '/assistants/ast_1');
    expect((await call('GET', '/orgs/c/assistants/ast_1')).status).toBe(404);
  });
});

describe('counts.concurrentRotates', () => {
  const seen = async () => (await json(await admin('GET', '/counts'))).concurrentRotates;
  const rotations = async () => (await json(await admin('GET', '/assistants/ast_1'))).rotations;

  it('does not count a request after the answer to the other, or for another assistant', async () => {
    await start({ latencyMs: 20 });
    await rotate();
    await Promise.all([rotate(), rotate('ast_2')]);
    await rotate();
    expect(await seen()).toBe(0);
  });

  it('counts a request that arrives while another one is in progress', async () => {
    await start({ latencyMs: 20 });
    await Promise.all([rotate(), rotate(), rotate('ast_2')]);
    expect(await seen()).toBe(1);
  });

  it('counts every request that arrives while a late commit is pending', async () => {
    await start();
    faults.add(Fault.parse({ kind: 'commitLate', delayMs: 300 }));
    expect(await outcomeOf(rotate())).toBe('broken');
    await rotate();
    await rotate();
    expect([await seen(), await rotations()]).toEqual([2, 2]);
    while ((await rotations()) < 3);
    await rotate();
    expect(await seen()).toBe(2);
  });
});

describe('faults', () => {
  const rotations = async () => (await json(await admin('GET', '/assistants/ast_1'))).rotations;

  it.each([
    ['failBefore', 503, 0],
    ['failAfter', 503, 1],
    ['loseConnectionBefore', 'broken', 0],
    ['loseResponseAfterCommit', 'broken', 1],
    ['truncateBody', 'broken', 1],
    ['commitLate', 'broken', 1],
    ['garble', 503, 1],
    ['nullKey', 200, 0],
  ])('%s works as documented, once', async (kind, seen, done) => {
    await start();
    faults.add(
      Fault.parse({ kind, delayMs: 20, ...(typeof seen === 'number' && seen !== 200 && { status: seen }) }),
    );
    expect(await outcomeOf(rotate())).toBe(seen);
    await new Promise((resolve) => setTimeout(resolve, kind === 'commitLate' ? 60 : 0));
    expect(await rotations()).toBe(done);
    expect((await rotate()).status).toBe(200);
  });

  it('apply only to the requests that they are scripted for', async () => {
    await start();
    faults.add(Fault.parse({ kind: 'failBefore', assistantId: 'ast_2', times: 0 }));
    faults.add(Fault.parse({ kind: 'failBefore', on: 'get' }));
    expect((await rotate()).status).toBe(200);
    expect((await call('GET', '/orgs/c/assistants/ast_1')).status).toBe(500);
    expect((await call('GET', '/orgs/c/assistants/ast_1')).status).toBe(200);
    for (let i = 0; i < 3; i += 1)
      expect((await call('POST', '/orgs/c/assistants/ast_2/rotate-secret-key')).status).toBe(500);
  });

  it.each([
    ['failBefore', 503],
    ['loseConnectionBefore', 'broken'],
    ['truncateBody', 'broken'],
    ['garble', 200],
    ['hangBefore', 'broken'],
  ])('%s works on a LIST too, once', async (kind, seen) => {
    await start();
    faults.add(Fault.parse({ kind, on: 'list', ...(kind === 'failBefore' && { status: 503 }) }));
    const page = (withinMs = 60_000) =>
      fetch(`${simulator!.base}/orgs/c/assistants`, {
        headers: { authorization: 'Bearer parent' },
        signal: AbortSignal.timeout(withinMs),
      });
    expect(await outcomeOf(page(kind === 'hangBefore' ? 300 : undefined))).toBe(seen);
    expect(await json(await page())).toHaveLength(100);
  });

  it('garble keeps the headers of a page, and truncateBody half of its body', async () => {
    await start();
    faults.add(Fault.parse({ kind: 'garble', on: 'list', body: '[]' }));
    const garbled = await call('GET', '/orgs/c/assistants');
    expect([garbled.headers.get('pagination-count'), await garbled.text()]).toEqual(['250', '[]']);
    faults.add(Fault.parse({ kind: 'truncateBody', on: 'list' }));
    const truncated = await call('GET', '/orgs/c/assistants');
    expect([truncated.status, truncated.headers.get('pagination-count')]).toEqual([200, '250']);
    await expect(truncated.text()).rejects.toThrow('terminated');
  });

  const firstKeys = async () =>
    (await json(await call('GET', '/orgs/c/assistants?take=3'))).map(({ secret_key: key }: any) => key);

  it('staleRead returns the previous key, on a LIST for every record', async () => {
    await start();
    const before = await firstKeys();
    await rotate('ast_1');
    await rotate('ast_3');
    const after = await firstKeys();
    faults.add(Fault.parse({ kind: 'staleRead', on: 'get' }));
    faults.add(Fault.parse({ kind: 'staleRead', on: 'list' }));
    expect([await keyOf('ast_1'), await keyOf('ast_1')]).toEqual([before[0], after[0]]);
    expect([await firstKeys(), await firstKeys()]).toEqual([before, after]);
  });

  it('laggingRead returns the record as of delayMs ago, even several keys back', async () => {
    await start();
    const { timeOrigin } = performance;
    const clock = jest.spyOn(performance, 'now');
    const at = (ms: number) => clock.mockReturnValue(Date.UTC(2026, 5, 1) - timeOrigin + ms);
    const lagging = (on: 'get' | 'list', delayMs: number) => {
      faults.add(Fault.parse({ kind: 'laggingRead', on, delayMs }));
      return call('GET', `/orgs/c/assistants${on === 'get' ? '/ast_1' : '?take=3'}`).then(json);
    };
    const original = await json(await call('GET', '/orgs/c/assistants/ast_1'));
    const others = (await firstKeys()).slice(1);
    at(0);
    const first = await json(await rotate());
    at(100);
    const second = await json(await rotate());
    at(200);
    await admin('PATCH', '/assistants/ast_1', { deleted: true });
    const truth = await json(await call('GET', '/orgs/c/assistants/ast_1'));
    at(250);
    const seen = [
      await lagging('get', 251),
      await lagging('get', 249),
      await lagging('get', 151),
      await lagging('get', 149),
      await lagging('get', 49),
    ];
    expect(seen).toEqual([original, first, first, second, truth]);
    expect((await lagging('list', 199)).map((record: any) => [record.secret_key, record.deleted])).toEqual([
      [first.secret_key, false],
      [others[0], false],
      [others[1], false],
    ]);
    expect(await json(await call('GET', '/orgs/c/assistants/ast_1'))).toEqual(truth);
  });

  it('apply to the same requests again with the same seed', () => {
    const hits = (seed: number) => {
      const seeded = createFaults(seededRandom(seed));
      seeded.add(Fault.parse({ kind: 'failBefore', times: 0, probability: 0.3 }));
      return Array.from({ length: 1000 }, () => seeded.next('rotate', 'ast_1') !== undefined);
    };
    expect(hits(7)).toEqual(hits(7));
    expect(hits(7)).not.toEqual(hits(8));
    const share = hits(7).filter(Boolean).length / 1000;
    expect(share).toBeGreaterThan(0.25);
    expect(share).toBeLessThan(0.35);
  });
});
