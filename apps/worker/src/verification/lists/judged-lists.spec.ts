import { beforeEach, describe, expect, it } from '@jest/globals';
import type { InventClient, ListOutcome, ReadOutcome } from '@rekey/invent';
import { ledgerKeys, openLedger, type Ledger } from '@rekey/ledger';
import { noSweepCounts, type SweepCounts } from '@rekey/schema';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkAssistant } from '../checks/check-assistant.ts';
import type { Clock } from '../../shared/clock.ts';
import { silentLogger } from '@rekey/runtime';
import { silentMeter as meter } from '../../metrics/meter-fixture.ts';
import { createPublisher } from '../../publishing/publisher.ts';
import { noRecipients, sealer } from '../../publishing/sealing-fixture.ts';
import { sweep } from '../sweep/sweep.ts';

const keys = ledgerKeys('spec');
const PAGE = 100;
/** A second read that comes far later than this confirms nothing: a machine may be that busy. */
const CONFIRM_MS = 200;
const names = (count: number, prefix = 'ast'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}_${i}`);

let redis: Redis;
let ledger: Ledger;
/** What upstream has: ids and their keys; undefined for one without a key. */
let upstream: Map<string, string | undefined>;
let gets: string[];
/** LIST shows stars instead of keys. */
let masked: boolean;
/** The count that LIST gives. */
let total: ((count: number) => number | undefined) | undefined;
/** What LIST omits. */
let omitted: (id: string) => boolean;
/** What GET fails for. */
let failing: (id: string) => boolean;

useRedis((url) => (redis = new Redis(url)));
beforeEach(() => {
  ledger = openLedger(redis, { prefix: 'spec', confirmAfterMs: CONFIRM_MS });
  upstream = new Map();
  gets = [];
  masked = false;
  total = undefined;
  omitted = () => false;
  failing = () => false;
});

const record = (id: string, isMasked = false) => {
  const secretKey = upstream.get(id);
  const json = JSON.stringify({ id, secret_key: secretKey ?? null });
  return isMasked && secretKey !== undefined
    ? { id, secretKey: undefined, masked: true as const, deleted: false, json, unexpected: [] }
    : { id, secretKey, deleted: false, json, unexpected: [] };
};
const invent: Pick<InventClient, 'getAssistant' | 'listAssistants'> = {
  getAssistant: async ({ assistantId }): Promise<ReadOutcome> => {
    gets.push(assistantId);
    if (failing(assistantId))
      return { outcome: 'not-read', code: 'UPSTREAM_UNREACHABLE', status: 503, reason: '503' };
    return upstream.has(assistantId)
      ? { outcome: 'read', record: record(assistantId) }
      : { outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: '404' };
  },
  listAssistants: async (_orgId, page): Promise<ListOutcome> => {
    const all = [...upstream.keys()].filter((id) => !omitted(id));
    const records = all.slice((page - 1) * PAGE, page * PAGE).map((id) => record(id, masked));
    return {
      outcome: 'read',
      page: { records, unreadable: [], total: total ? total(all.length) : all.length },
    };
  },
};
/** Shortens sleeps. */
const clock: Clock = {
  nowMs: () => performance.now(),
  sleep: async (ms) => void (await sleep(Math.min(ms, 2 * CONFIRM_MS))),
};
const deps = () => {
  const publisher = createPublisher({
    ledger,
    sealer,
    recipients: noRecipients,
    logger: silentLogger,
    clock,
    meter,
  });
  return {
    ledger,
    publisher,
    clock,
    logger: silentLogger,
    meter,
    readLagMs: 0,
    invent,
    pacer: { take: async () => 0, unused: async () => {} },
  };
};
const sweepOrg = async (orgId = 'org_a'): Promise<{ code: string; counts: SweepCounts }> => {
  const counts = { ...noSweepCounts };
  gets = [];
  const all = deps();
  const sweeping = sweep({ ...all, check: checkAssistant(all), configuredOrgs: () => [orgId] })(
    orgId,
    counts,
    async () => {},
  );
  return {
    code: await sweeping.then(
      () => 'SUCCEEDED',
      (error: { code: string }) => error.code,
    ),
    counts,
  };
};
const published = async (orgId = 'org_a'): Promise<string[]> =>
  (await redis.zrange(keys.assistants(orgId), '0', '-1')).toSorted();
const removals = async (): Promise<number> =>
  (await redis.xrange(keys.events, '-', '+')).filter(([, fields]) => fields[1]!.includes('removed')).length;
const ours = (count: number) => names(count).map((id) => [id, `key of ${id}`] as const);

describe('a check of an assistant that GET repeatedly does not find', () => {
  /** Two reads, far enough apart to confirm each other. */
  const checkTwice = async (assistantId: string): Promise<string> => {
    const check = checkAssistant(deps());
    await check({ orgId: 'org_a', assistantId });
    await sleep(CONFIRM_MS + 5);
    gets = [];
    return (await check({ orgId: 'org_a', assistantId })).kind;
  };

  it('publishes nothing if the API key shows another org, and reads another assistant', async () => {
    upstream = new Map(ours(30));
    await sweepOrg();
    upstream = new Map(names(30, 'other').map((id) => [id, `key of ${id}`]));
    expect(await checkTwice('ast_3')).toBe('unconfirmed');
    const [, witness] = gets;
    expect(await removals()).toBe(0);
    expect(await redis.zrange(keys.slowChecks, '0', '-1')).toEqual([`org_a/${witness}`]);
  });

  it('publishes nothing if records come without keys', async () => {
    upstream = new Map(ours(30));
    await sweepOrg();
    upstream = new Map(names(30).map((id) => [id, undefined]));
    expect([await checkTwice('ast_3'), await removals()]).toEqual(['unconfirmed', 0]);
  });

  it('publishes the deletion if another of the org exists, at the cost of two more requests', async () => {
    upstream = new Map(ours(30));
    await sweepOrg();
    upstream.delete('ast_3');
    expect([await checkTwice('ast_3'), await removals(), gets.length]).toEqual(['removed', 1, 3]);
  });

  it('publishes nothing if the other cannot be read', async () => {
    upstream = new Map(ours(30));
    await sweepOrg();
    upstream.delete('ast_3');
    failing = (id) => id !== 'ast_3';
    expect([await checkTwice('ast_3'), await removals(), await redis.zcard(keys.slowChecks)]).toEqual([
      'unconfirmed',
      0,
      0,
    ]);
  });
});

describe('an API key that lists another org', () => {
  it.each([
    ['no key', undefined],
    ['a key', 'key of a stranger'],
  ])('publishes nothing of it if its first assistant has %s', async (_, first) => {
    upstream = new Map(ours(30));
    await sweepOrg();
    const before = await published();
    upstream = new Map<string, string | undefined>([
      ['other_first', first],
      ...names(30, 'other').map((id) => [id, `key of ${id}`] as const),
    ]);
    expect((await sweepOrg()).code).toBe('ORG_CHANGED');
    expect(await published()).toEqual(before);
  });

  it('publishes nothing of it if the list never agrees with its own count', async () => {
    upstream = new Map(ours(1000));
    await sweepOrg();
    const before = await published();
    upstream = new Map(names(1000, 'other').map((id) => [id, `key of ${id}`]));
    total = (count) => count + 200;
    const codes = [];
    for (let i = 0; i < 4; i += 1) {
      codes.push((await sweepOrg()).code);
      await sleep(2 * CONFIRM_MS);
    }
    expect(codes).not.toContain('SUCCEEDED');
    expect({ published: await published(), removals: await removals() }).toEqual({
      published: before,
      removals: 0,
    });
  });
});

describe('swapped API keys of two orgs', () => {
  it('move nothing from one org to the other', async () => {
    const theirs = names(30, 'other').map((id) => [id, `key of ${id}`] as const);
    upstream = new Map(ours(30));
    await sweepOrg('org_a');
    upstream = new Map(theirs);
    await sweepOrg('org_b');
    const before = [await published('org_a'), await published('org_b')];
    // Invent ignores the org in the path: the API key of org_a lists and reads org_b, and vice versa.
    const [all, { getAssistant, listAssistants }] = [{ org_a: theirs, org_b: ours(30) }, invent];
    const as = (orgId: string) => (upstream = new Map(all[orgId as keyof typeof all]));
    try {
      invent.getAssistant = (target) => (as(target.orgId), getAssistant(target));
      invent.listAssistants = (orgId, page) => (as(orgId), listAssistants(orgId, page));
      expect([(await sweepOrg('org_a')).code, (await sweepOrg('org_b')).code]).toEqual([
        'TOO_MANY_GONE',
        'TOO_MANY_GONE',
      ]);
    } finally {
      Object.assign(invent, { getAssistant, listAssistants });
    }
    expect([await published('org_a'), await published('org_b')]).toEqual(before);
  });
});

describe('an assistant that LIST shows with another key, and GET cannot read', () => {
  beforeEach(async () => {
    upstream = new Map(ours(30));
    await sweepOrg();
    upstream.set('ast_7', 'another key');
  });

  it('fails the sweep, because the key in force is unknown', async () => {
    failing = (id) => id === 'ast_7';
    expect(await sweepOrg()).toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      counts: { agreed: 29, unresolved: 1 },
    });
    expect(gets).toEqual(['ast_7', 'ast_7']);
  });

  it('is read again before the sweep fails', async () => {
    failing = () => gets.length === 1;
    expect(await sweepOrg()).toMatchObject({
      code: 'SUCCEEDED',
      counts: { agreed: 29, adopted: 1, unresolved: 0 },
    });
  });
});

describe('a held org', () => {
  it('stays held if an incomplete list does not show its known assistants', async () => {
    upstream = new Map(ours(1000));
    await sweepOrg();
    await ledger.orgs.hold('org_a', { code: 'TOO_MANY_GONE', affected: 900, known: 1000 });
    upstream = new Map(ours(100));
    total = () => 1000;
    for (let i = 0; i < 3; i += 1) {
      await sweepOrg();
      await sleep(2 * CONFIRM_MS);
    }
    expect({ held: (await ledger.orgs.limits('org_a')).held, removals: await removals() }).toEqual({
      held: 'TOO_MANY_GONE',
      removals: 0,
    });
  });
});

describe('a LIST that masks keys', () => {
  it('leaves none unread forever: each sweep reads others, unpublished ones first', async () => {
    upstream = new Map(ours(350));
    masked = true;
    for (let i = 0; i < 4; i += 1) expect((await sweepOrg()).counts.requests).toBeLessThanOrEqual(220);
    expect((await published()).length).toBe(350);
    const read = new Set<string>();
    for (let i = 0; i < 20; i += 1) {
      await sweepOrg();
      for (const id of gets) read.add(id);
    }
    expect(read.size).toBeGreaterThan(300);
  });
});
