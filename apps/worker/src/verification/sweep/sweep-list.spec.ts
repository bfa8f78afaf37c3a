import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { InventClient, ListOutcome, ReadOutcome } from '@rekey/invent';
import { ledgerKeys, openLedger, type Ledger } from '@rekey/ledger';
import { noSweepCounts, type ErrorCode, type SweepCounts } from '@rekey/schema';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { checkAssistant } from '../checks/check-assistant.ts';
import type { Clock } from '../../shared/clock.ts';
import { silentLogger } from '@rekey/runtime';
import { silentMeter as meter } from '../../metrics/meter-fixture.ts';
import { createPublisher } from '../../publishing/publisher.ts';
import { noRecipients, sealer } from '../../publishing/sealing-fixture.ts';
import { sweep } from './sweep.ts';

const keys = ledgerKeys('spec');
const PAGE = 100;
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `ast_${i}`);

let redis: Redis;
let ledger: Ledger;
/** What upstream has: ids and the number of their key. */
let upstream: Map<string, number>;
let lists: number[];
let gets: string[];
let paused: number[];
/** List requests and renewals of the sweep's lease, in order. */
let steps: ('list' | 'save')[];
/** An answer in place of the listed page; undefined answers the page itself. */
let list:
  | ((
      all: string[],
      page: number,
      take: number,
    ) => { ids: string[]; total?: number } | { code: ErrorCode; retryAfterMs?: number })
  | undefined;
useRedis((url) => (redis = new Redis(url)));
beforeAll(() => {
  ledger = openLedger(redis, { prefix: 'spec' });
});
beforeEach(() => {
  upstream = new Map(names(850).map((id) => [id, 0]));
  list = undefined;
  [lists, gets, paused, steps] = [[], [], [], []];
});

const record = (id: string) => {
  const secretKey = `${id} ${upstream.get(id)}`;
  return {
    id,
    secretKey,
    deleted: false,
    json: JSON.stringify({ id, secret_key: secretKey }),
    unexpected: [],
  };
};
const invent: Pick<InventClient, 'getAssistant' | 'listAssistants'> = {
  getAssistant: async ({ assistantId }): Promise<ReadOutcome> => {
    gets.push(assistantId);
    return upstream.has(assistantId)
      ? { outcome: 'read', record: record(assistantId) }
      : { outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: '404' };
  },
  listAssistants: async (_orgId, page, { take = PAGE } = {}): Promise<ListOutcome> => {
    lists.push(page);
    steps.push('list');
    const all = [...upstream.keys()];
    const answer = list?.(all, page, take) ?? {
      ids: all.slice((page - 1) * PAGE, page * PAGE),
      total: all.length,
    };
    if ('code' in answer) return { outcome: 'not-read', reason: 'scripted', ...answer };
    return {
      outcome: 'read',
      page: { records: answer.ids.map(record), unreadable: [], total: answer.total },
    };
  },
};
/** Sweeps an org, or all. Returns how the sweep ended. */
const sweepOrg = async (
  orgId: string | null = 'org_a',
  configuredOrgs = ['org_a'],
): Promise<{ counts: SweepCounts; code: string }> => {
  const clock: Clock = { nowMs: () => performance.now(), sleep: async (ms) => void paused.push(ms) };
  const publisher = createPublisher({
    ledger,
    sealer,
    recipients: noRecipients,
    logger: silentLogger,
    clock,
    meter,
  });
  const deps = {
    ledger,
    publisher,
    clock,
    logger: silentLogger,
    meter,
    readLagMs: 0,
    invent,
    pacer: { take: async () => 0, unused: async () => {} },
  };
  const counts = { ...noSweepCounts };
  [lists, gets] = [[], []];
  const sweeping = sweep({ ...deps, check: checkAssistant(deps), configuredOrgs: () => configuredOrgs })(
    orgId ?? undefined,
    counts,
    async () => void steps.push('save'),
  );
  return {
    code: await sweeping.then(
      () => 'SUCCEEDED',
      (error: { code: string }) => error.code,
    ),
    counts,
  };
};
const pageOf = (all: string[], page: number, size = PAGE): string[] =>
  all.slice((page - 1) * size, page * size);

describe('a sweep', () => {
  it('of a known org takes one request for each page', async () => {
    await sweepOrg();
    expect(await sweepOrg()).toMatchObject({ code: 'SUCCEEDED', counts: { requests: 9, agreed: 850 } });
    expect(lists).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('of all orgs puts back the index of an org that another client has removed', async () => {
    await sweepOrg();
    await redis.del(keys.assistants('org_a'));
    const sweepAll = () => sweepOrg(null, []);
    expect(await sweepAll()).toMatchObject({ code: 'SUCCEEDED', counts: { agreed: 850 } });
    expect(await redis.zcard(keys.assistants('org_a'))).toBe(850);
    expect(await sweepAll()).toMatchObject({ code: 'SUCCEEDED', counts: { agreed: 850 } });
  });

  it('imports no strangers of a partly foreign list, and all new ones if known ones follow', async () => {
    await sweepOrg();
    const known = names(850);
    const strangers = Array.from({ length: 750 }, (_, i) => `stranger_${i}`);
    upstream = new Map([...strangers, ...known.slice(0, 100)].map((id) => [id, 0]));
    expect(await sweepOrg()).toMatchObject({
      code: 'TOO_MANY_GONE',
      counts: { imported: 0, adopted: 0, removed: 0 },
    });
    const added = Array.from({ length: 300 }, (_, i) => `new_${i}`);
    upstream = new Map([...added, ...known].map((id) => [id, 0]));
    expect(await sweepOrg()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { imported: 300, adopted: 0, removed: 0, unresolved: 0 },
    });
    expect(await sweepOrg()).toMatchObject({ code: 'SUCCEEDED', counts: { agreed: 1150, requests: 12 } });
  });

  it('compares the pages after one that fails, and reports the list as incomplete', async () => {
    await sweepOrg();
    upstream.set('ast_820', 1);
    list = (all, page) =>
      page === 7 ? { code: 'UPSTREAM_UNREACHABLE' } : { ids: pageOf(all, page), total: all.length };
    const { code, counts } = await sweepOrg();
    expect({ code, adopted: counts.adopted }).toEqual({ code: 'LIST_INCOMPLETE', adopted: 1 });
    expect(lists).toEqual(expect.arrayContaining([8, 9]));
    // Those of the page are read one by one.
    expect(gets.filter((id) => id !== 'ast_820').toSorted()).toEqual(names(850).slice(600, 700).toSorted());
    expect(
      (await redis.xrange(keys.events, '-', '+')).filter(([, fields]) => fields[1]!.includes('removed')),
    ).toEqual([]);
  });

  it('ends without a count if all pages are the same', async () => {
    list = (all) => ({ ids: all.slice(0, PAGE) });
    expect(await sweepOrg()).toMatchObject({ code: 'LIST_INCOMPLETE', counts: { imported: 100 } });
    expect(lists.length).toBeLessThan(10);
  });

  it('does not wait for a page that asks for an hour', async () => {
    list = () => ({ code: 'UPSTREAM_RATE_LIMITED', retryAfterMs: 3_600_000 });
    expect((await sweepOrg()).code).toBe('UPSTREAM_RATE_LIMITED');
    list = () => ({ code: 'UPSTREAM_UNREACHABLE', retryAfterMs: 3_600_000 });
    expect((await sweepOrg()).code).toBe('UPSTREAM_UNREACHABLE');
    expect(Math.max(...paused)).toBeLessThanOrEqual(60_000);
  });

  it.each([
    'UPSTREAM_UNAUTHENTICATED',
    'UPSTREAM_FORBIDDEN',
    'ASSISTANT_NOT_FOUND',
    'UPSTREAM_REJECTED',
    'ORG_NOT_CONFIGURED',
  ] as const)('ends at once if its first page is refused (%s)', async (code) => {
    list = () => ({ code });
    expect((await sweepOrg()).code).toBe(code);
    expect(lists).toEqual([1]);
  });

  it('does not end if a later page is refused', async () => {
    list = (all, page) =>
      page === 3 ? { code: 'UPSTREAM_REJECTED' } : { ids: pageOf(all, page), total: all.length };
    expect(await sweepOrg()).toMatchObject({ code: 'LIST_INCOMPLETE', counts: { imported: 750 } });
  });

  it('keeps its lease while it reads a page that is too long in smaller ones', async () => {
    upstream = new Map(names(100).map((id) => [id, 0]));
    list = (all, page, take) =>
      take > 1 ? { code: 'RECORD_TOO_LARGE' } : { ids: pageOf(all, page, take), total: all.length };
    expect(await sweepOrg()).toMatchObject({ code: 'SUCCEEDED', counts: { imported: 100 } });
    const requestsBetweenSaves = steps
      .join('')
      .split('save')
      .map((requests) => requests.length / 'list'.length);
    expect(requestsBetweenSaves.reduce((sum, requests) => sum + requests)).toBeGreaterThan(100);
    // The page, its first part, and the first part of that.
    expect(Math.max(...requestsBetweenSaves)).toBeLessThanOrEqual(3);
  });

  it('compares a page that is larger than requested in batches', async () => {
    list = (all) => ({ ids: all, total: all.length });
    expect(await sweepOrg()).toMatchObject({ code: 'SUCCEEDED', counts: { imported: 850 } });
    expect(await sweepOrg()).toMatchObject({ code: 'SUCCEEDED', counts: { agreed: 850, requests: 1 } });
  });
});
