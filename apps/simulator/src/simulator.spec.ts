import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createAdmin } from './admin.ts';
import { createApi, type Counts } from './api.ts';
import { createFaults, Fault } from './faults.ts';
import { createRequestLimit } from './request-limit.ts';
import { createWorld } from './world.ts';

let base: string;
let adminBase: string;
let servers: Server[];
let counts: Counts;
const faults = createFaults();

const listen = async (server: Server) => {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const start = async (limit = createRequestLimit(0, 0), retryAfter: 'seconds' | 'date' | 'none' = 'seconds') => {
  const world = createWorld({ orgId: 'org', apiKey: 'parent', subOrgs: 1, assistants: 250 });
  counts = { rotate: 0, get: 0, list: 0, limited: 0, refused: 0, concurrentRotates: 0 };
  base = await listen(createApi({ world, faults, limit, counts, latencyMs: 0, retryAfter }));
  adminBase = await listen(createAdmin({ world, faults, counts }));
};
beforeEach(() => {
  servers = [];
  faults.clear();
});
afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

const call = (method: string, path: string, key = 'parent') => fetch(`${base}${path}`, { method, headers: { authorization: `Bearer ${key}` } });
const json = async (response: Response) => (await response.json()) as any;

describe('the API', () => {
  it('rotates: a new key each time, the old one gone at once, the same in GET', async () => {
    await start();
    const before = await json(await call('GET', '/orgs/org/assistants/ast_1'));
    const first = await json(await call('POST', '/orgs/org/assistants/ast_1/rotate-secret-key'));
    const second = await json(await call('POST', '/orgs/c/assistants/ast_1/rotate-secret-key'));
    expect(new Set([before.secret_key, first.secret_key, second.secret_key]).size).toBe(3);
    expect((await json(await call('GET', '/orgs/org/assistants/ast_1'))).secret_key).toBe(second.secret_key);
  });

  it('answers records of about 2 kB', async () => {
    await start();
    const text = await (await call('GET', '/orgs/org/assistants/ast_1')).text();
    expect(text.length).toBeGreaterThan(1700);
    expect(text.length).toBeLessThan(2500);
  });

  it('lists in pages, with counts in the headers, and searches', async () => {
    await start();
    const response = await call('GET', '/orgs/c/assistants?page=3&take=100');
    expect(['count', 'page', 'take'].map((name) => response.headers.get(`pagination-${name}`))).toEqual(['250', '3', '100']);
    expect((await json(response)).map(({ id }: { id: string }) => id)).toEqual(Array.from({ length: 50 }, (_, i) => `ast_${201 + i}`));
    expect(await json(await call('GET', '/orgs/c/assistants?search=ast_249'))).toHaveLength(1);
    expect((await call('GET', '/orgs/c/assistants?take=101')).status).toBe(400);
  });

  it.each([
    ['no key', 'GET', '/orgs/org/assistants/ast_1', 'wrong', 401], ["another org's key", 'GET', '/orgs/org/assistants/ast_1', 'parent-sub1', 403],
    ['no such org', 'GET', '/orgs/nope/assistants/ast_1', 'parent', 404], ['no such assistant', 'POST', '/orgs/org/assistants/ast_251/rotate-secret-key', 'parent', 404],
    ['an assistant of another org', 'GET', '/orgs/org/assistants/ast_s1_1', 'parent', 404], ['no such path', 'POST', '/orgs/org/assistants/ast_1', 'parent', 404],
    ["the parent's key in a sub-org", 'GET', '/orgs/org_sub1/assistants/ast_s1_1', 'parent', 200], ["a sub-org's own key under c", 'GET', '/orgs/c/assistants/ast_s1_1', 'parent-sub1', 200],
  ])('knows who may what: %s', async (_what, method, path, key, status) => {
    await start();
    expect((await call(method, path, key)).status).toBe(status);
  });

  it('limits the requests of an address in a sliding window, and says when to come again', async () => {
    await start(createRequestLimit(2, 60_000));
    const statuses = [];
    for (let i = 0; i < 3; i += 1) statuses.push(await call('GET', '/orgs/c/assistants/ast_1'));
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(Number(statuses[2]!.headers.get('retry-after'))).toBe(60);
  });
});

describe('createRequestLimit', () => {
  it('counts exactly those that passed within the window', () => {
    const limit = createRequestLimit(2, 100);
    expect([0, 10, 50, 99].map((now) => limit.take('a', now))).toEqual([0, 0, 50, 1]);
    expect(limit.take('b', 50)).toBe(0);
    expect([100, 105, 110].map((now) => limit.take('a', now))).toEqual([0, 5, 0]);
  });
});

describe('the admin port', () => {
  it('tells the truth, rotates by hand, patches and deletes', async () => {
    await start();
    const admin = (method: string, path: string, body?: object) => fetch(`${adminBase}${path}`, { method, body: body ? JSON.stringify(body) : null });
    const byHand = await json(await admin('POST', '/assistants/ast_1/rotate'));
    expect(byHand.rotations).toBe(1);
    expect(await json(await admin('GET', '/keys'))).toEqual({ ast_1: byHand.record.secret_key });
    await admin('PATCH', '/assistants/ast_2', { secret_key: null, added: { x: 1 } });
    expect(await json(await call('GET', '/orgs/c/assistants/ast_2'))).toMatchObject({ secret_key: null, added: { x: 1 } });
    await admin('DELETE', '/assistants/ast_3');
    expect((await call('GET', '/orgs/c/assistants/ast_3')).status).toBe(404);
    expect(await json(await admin('GET', '/counts'))).toEqual({ rotate: 0, get: 2, list: 0, limited: 0, refused: 0, concurrentRotates: 0 });
    expect((await admin('POST', '/faults', { kind: 'nonsense' })).status).toBe(400);
    expect((await admin('GET', '/nonsense')).status).toBe(404);
  });
});

describe('faults', () => {
  const rotate = () => call('POST', '/orgs/c/assistants/ast_1/rotate-secret-key');
  const rotations = async () => (await json(await fetch(`${adminBase}/assistants/ast_1`))).rotations;

  it.each([
    ['failBefore', 503, 0], ['failAfter', 503, 1], ['loseConnectionBefore', 'broken', 0], ['loseResponseAfterCommit', 'broken', 1],
    ['truncateBody', 'broken', 1], ['commitLate', 'broken', 1], ['garble', 503, 1], ['nullKey', 200, 0],
  ])('%s does as it says, once', async (kind, seen, done) => {
    await start();
    faults.add(Fault.parse({ kind, delayMs: 20, ...(typeof seen === 'number' && seen !== 200 && { status: seen }) }));
    const outcome = await rotate()
      .then(async (response) => (await response.text(), response.status))
      .catch(() => 'broken');
    expect(outcome).toBe(seen);
    await new Promise((resolve) => setTimeout(resolve, kind === 'commitLate' ? 60 : 0));
    expect(await rotations()).toBe(done);
    expect((await rotate()).status).toBe(200);
  });

  it('hit only what they are scripted for', async () => {
    await start();
    faults.add(Fault.parse({ kind: 'failBefore', assistantId: 'ast_2', times: 0 }));
    faults.add(Fault.parse({ kind: 'failBefore', on: 'get' }));
    expect((await rotate()).status).toBe(200);
    expect((await call('GET', '/orgs/c/assistants/ast_1')).status).toBe(500);
    expect((await call('GET', '/orgs/c/assistants/ast_1')).status).toBe(200);
    for (let i = 0; i < 3; i += 1) expect((await call('POST', '/orgs/c/assistants/ast_2/rotate-secret-key')).status).toBe(500);
  });
});
