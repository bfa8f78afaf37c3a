import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { bulksOf, type Bulks } from '../bulk/bulks.ts';
import { startRekey } from '../support/rekey.ts';
import { eventually, startSystem, type System } from '../support/system.ts';

interface ListAnswer {
  status?: number;
  records?: Record<string, unknown>[];
  /** The count. Left out if undefined. */
  count?: number | string;
}
/** Answers a request for a page, from all records of the org. */
type List = (all: Record<string, unknown>[], page: number) => ListAnswer;

const runRekey = (on: System, args: string[]) => startRekey(on, args).result;

let system: System;
let bulks: Bulks;
let proxy: Server | undefined;
let pages: number[];
afterEach(async () => {
  await system.stop();
  proxy?.closeAllConnections();
  proxy?.close();
});

/** Starts a system whose worker reaches the simulator through a proxy that answers LIST. */
const start = async (assistants: number, list: List): Promise<void> => {
  pages = [];
  system = await startSystem({ simulator: ['--assistants', String(assistants)], worker: false });
  bulks = bulksOf(system);
  const simulator = system.environment['INVENT_BASE_URL']!;
  proxy = createServer(async (request, response) => {
    const headers = { authorization: request.headers.authorization ?? '' };
    const url = new URL(request.url!, simulator);
    if (!url.pathname.endsWith('/assistants')) {
      const answer = await fetch(url, { method: request.method!, headers });
      return void response
        .writeHead(answer.status, { 'content-type': 'application/json' })
        .end(await answer.text());
    }
    const all: Record<string, unknown>[] = [];
    for (let page = 1; all.length < assistants; page += 1)
      all.push(
        ...((await (
          await fetch(`${simulator}${url.pathname}?page=${page}&take=100`, { headers })
        ).json()) as Record<string, unknown>[]),
      );
    const page = Number(url.searchParams.get('page'));
    pages.push(page);
    const { status = 200, records = [], count } = list(all, page);
    response
      .writeHead(status, {
        'content-type': 'application/json',
        ...(count !== undefined && { 'pagination-count': count }),
      })
      .end(JSON.stringify(records));
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  await system.startWorker({
    INVENT_BASE_URL: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    REKEY_TAKEOVER_AFTER_MS: '30000',
  });
};
const createAll = (more: object = {}) => bulks.create({ orgId: 'org_demo', allAssistants: true, ...more });
const sweep = async () => {
  const { id } = await system.client.createSweep({ orgId: 'org_demo' });
  return eventually(
    () => system.client.getSweep(id),
    ({ state }) => state === 'SUCCEEDED' || state === 'FAILED',
    40_000,
  );
};

describe('a bulk rotation of an org', () => {
  it('rotates all assistants if pages are half as large as requested', async () => {
    await start(230, (all, page) => ({ records: all.slice((page - 1) * 50, page * 50), count: all.length }));
    expect(await bulks.ended(await createAll())).toMatchObject({
      state: 'COMPLETED',
      counts: { total: 230, succeeded: 230 },
      verification: { verified: 230 },
      list: { incomplete: false, listedCount: 230, inventCount: 230 },
    });
  });

  it('halts if pages repeat, names the number listed, and rotates these when it is resumed', async () => {
    await start(230, (all) => ({ records: all.slice(0, 100), count: all.length }));
    const { id } = await createAll();
    const halted = await bulks.until(id, ({ state }) => state !== 'PREPARING');
    expect(halted).toMatchObject({
      state: 'HALTED',
      counts: { total: 100, waiting: 100 },
      stop: {
        reason: 'LIST_INCOMPLETE',
        message: expect.stringContaining('100 assistants were listed; Invent counts 230.'),
      },
    });
    const got = await runRekey(system, ['bulk', 'get', id]);
    expect(got.out).toMatch(/list +incomplete: 100 listed, 230 counted by Invent/);
    const watched = await runRekey(system, ['bulk', 'watch', id]);
    expect(watched).toMatchObject({ code: 3, err: expect.stringContaining(`rekey bulk resume ${id}`) });
    expect(watched.out).toContain('LIST_INCOMPLETE  incomplete: 100 listed, 230 counted by Invent');
    expect((await system.admin('GET', '/counts')).rotate).toBe(0);
    await system.client.resumeBulkRotation(id);
    expect(await bulks.ended({ id })).toMatchObject({
      state: 'COMPLETED',
      counts: { succeeded: 100 },
      list: { incomplete: true },
    });
  });

  it('fails as a dry run if its list omits assistants', async () => {
    await start(230, (all, page) => ({
      records: all.slice((page - 1) * 100, page * 100).filter((_, i) => i % 5 < 3),
      count: all.length,
    }));
    expect(await bulks.ended(await createAll({ validateOnly: true }))).toMatchObject({
      state: 'FAILED',
      stop: { reason: 'LIST_INCOMPLETE' },
      list: { incomplete: true, listedCount: 138, inventCount: 230 },
    });
  });

  it('confuses no assistants if an id contains a line break', async () => {
    const odd = (record: Record<string, unknown>) => ({ ...record, id: 'ast_5\nast_x' });
    await start(12, (all, page) => ({
      records: page > 1 ? [] : all.map((record) => (record['id'] === 'ast_5' ? odd(record) : record)),
      count: all.length,
    }));
    const bulk = await bulks.ended(await createAll());
    expect(bulk).toMatchObject({
      state: 'COMPLETED',
      counts: { total: 11, succeeded: 11 },
      list: { listedCount: 11, inventCount: 12, unreadableCount: 1 },
    });
    expect((await bulks.items(bulk.id)).map(([assistantId]) => assistantId)).toEqual(
      [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12].map((n) => `ast_${n}`),
    );
    expect((await runRekey(system, ['bulk', 'get', bulk.id])).out).toContain(
      '1 left out (unreadable record or invalid id)',
    );
    expect(system.output()).not.toContain('ast_x');
  });
});

describe('a sweep', () => {
  it('ends if upstream returns no count and ignores the requested page', async () => {
    await start(120, (all) => ({ records: all.slice(0, 100) }));
    expect(await sweep()).toMatchObject({
      state: 'FAILED',
      error: { reason: 'LIST_INCOMPLETE' },
      counts: { imported: 100 },
    });
    expect(pages.length).toBeLessThan(30);
    // The sweep has released its lock.
    expect(await sweep()).toMatchObject({ state: 'FAILED' });
  });

  it('compares the pages after one that fails', async () => {
    await start(850, (all, page) =>
      page === 7 ? { status: 500 } : { records: all.slice((page - 1) * 100, page * 100), count: all.length },
    );
    expect(await sweep()).toMatchObject({
      state: 'FAILED',
      error: { reason: 'LIST_INCOMPLETE' },
      counts: { imported: 750 },
    });
    expect(pages).toEqual(expect.arrayContaining([8, 9]));
  });
});
