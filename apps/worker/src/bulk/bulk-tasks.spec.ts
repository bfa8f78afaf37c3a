import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { InventClient, ListOutcome, ReadOutcome } from '@rekey/invent';
import {
  createBulkWork,
  createBulks,
  createLedger,
  createPolicies,
  ledgerKeys,
  type BulkRange,
  type BulkWork,
  type Bulks,
  type Claim,
  type Ledger,
} from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { KeyEvent, type BulkRotation, type BulkSpec, type ErrorCode } from '@rekey/schema';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { doBulkTask, type BulkTaskDeps } from './bulk-tasks.ts';
import { checkAssistant } from '../verification/checks/check-assistant.ts';
import type { Clock } from '../shared/clock.ts';
import type { Meter } from '../shared/meter.ts';
import { openPolicyShare } from '../policy/policy-share.ts';
import { createPublisher, findingOf, type Publisher } from '../publishing/publisher.ts';
import { nobody, sealer } from '../shared/sealing-fixture.ts';

const HOUR_MS = 3_600_000;
const PAGE = 100;
const silent = () => {};
const quiet = { info: silent, warn: silent, error: silent, debug: silent } as unknown as Logger;
const meter: Meter = {
  rotated: silent,
  unknown: silent,
  read: silent,
  published: silent,
  staleRead: silent,
  limited: silent,
  swept: silent,
  propagated: silent,
  lag: silent,
};
/** Pauses take no time. */
const clock: Clock = { nowMs: () => performance.now(), sleep: async () => {} };
const budget = { egress: 'spec', requestsPerMinute: 500 };
const keys = ledgerKeys('spec');

/** An upstream of several orgs. */
class Upstream {
  readonly orgs = new Map<string, Map<string, number>>();
  /** What the alias stands for. */
  alias = '';
  readonly unlisted = new Set<string>();
  /** Why nothing can be read. */
  refuses: ErrorCode | undefined;
  /** How a page is answered instead, where it is. */
  list:
    | ((all: string[], page: number) => { ids: string[]; total?: number; unreadable?: string[] } | ErrorCode)
    | undefined;
  readonly requests: string[] = [];

  add(orgId: string, ...assistantIds: string[]): void {
    const org = this.orgs.get(orgId) ?? new Map<string, number>();
    for (const id of assistantIds) org.set(id, 0);
    this.orgs.set(orgId, org);
  }
  rotate(orgId: string, assistantId: string): void {
    const org = this.orgs.get(orgId)!;
    org.set(assistantId, org.get(assistantId)! + 1);
  }
  private org(orgId: string): Map<string, number> {
    return this.orgs.get(orgId === 'c' ? this.alias : orgId) ?? new Map<string, number>();
  }
  record(orgId: string, assistantId: string) {
    const secretKey = `${assistantId} ${this.org(orgId).get(assistantId)}`;
    return {
      id: assistantId,
      secretKey,
      deleted: false,
      json: JSON.stringify({ id: assistantId, secret_key: secretKey }),
      unexpected: [],
    };
  }
  readonly client: Pick<InventClient, 'getAssistant' | 'listAssistants'> = {
    getAssistant: async ({ orgId, assistantId }): Promise<ReadOutcome> => {
      this.requests.push(`GET ${orgId}/${assistantId}`);
      if (this.refuses) return { outcome: 'not-read', code: this.refuses, reason: 'as the test has it' };
      // As the client has it: such a request never leaves.
      if (assistantId.includes('\n'))
        return { outcome: 'not-read', code: 'INVALID_ARGUMENT', reason: 'INVALID_ARGUMENT' };
      if (!this.org(orgId).has(assistantId))
        return { outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: '404' };
      return { outcome: 'read', record: this.record(orgId, assistantId) };
    },
    listAssistants: async (orgId, page, { search = '' } = {}): Promise<ListOutcome> => {
      this.requests.push(`LIST ${orgId} ${page}`);
      if (this.refuses) return { outcome: 'not-read', code: this.refuses, reason: 'as the test has it' };
      const all = [...this.org(orgId).keys()].filter((id) => !this.unlisted.has(id) && id.includes(search));
      const scripted = this.list?.(all, page);
      if (typeof scripted === 'string')
        return { outcome: 'not-read', code: scripted, reason: 'as the test has it' };
      if (scripted) {
        const { ids, total, unreadable = [] } = scripted;
        return {
          outcome: 'read',
          page: { records: ids.map((id) => this.record(orgId, id)), unreadable, total },
        };
      }
      const records = all.slice((page - 1) * PAGE, page * PAGE).map((id) => this.record(orgId, id));
      return { outcome: 'read', page: { records, unreadable: [], total: all.length } };
    },
  };
}

let server: RedisServer;
let redis: Redis;
let ledger: Ledger;
let bulks: Bulks;
let work: BulkWork;
let publisher: Publisher;
let upstream: Upstream;
let made = 0;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  ledger = createLedger({ redis, prefix: 'spec' });
  bulks = createBulks({ redis, prefix: 'spec' });
  work = createBulkWork({ redis, prefix: 'spec', budget: { egress: 'spec', requestsPerMinute: 0 } });
  publisher = createPublisher({ ledger, sealer, readers: nobody, logger: quiet, clock, meter });
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
beforeEach(async () => {
  await redis.flushall();
  upstream = new Upstream();
});

const names = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `ast_${i + from}`);
const nextId = (kind: string): string => `${kind}_${String((made += 1)).padStart(26, '0')}`;
const make = async (assistantIds: string[] | 'org', more: Partial<BulkSpec> = {}): Promise<BulkRotation> => {
  const draft = bulks.draft(nextId('blk'));
  if (assistantIds !== 'org') await draft.add(assistantIds);
  const spec: BulkSpec = {
    orgId: 'org_a',
    reason: '',
    selection: { kind: assistantIds === 'org' ? 'org' : 'ids' },
    urgent: false,
    validateOnly: false,
    maxFailures: { percent: 100 },
    ...more,
  };
  return (await bulks.create(draft.id, spec, draft)).bulk;
};

/** Draws what is to be prepared or verified and does it. */
const doTask = async (more: Partial<BulkTaskDeps> = {}): Promise<void> => {
  const draw = await work.draw({
    token: 'w1',
    leaseMs: 60_000,
    size: 1,
    maxOpenIntents: 1000,
    ranges: false,
    tasks: true,
    except: [],
  });
  if (draw.kind !== 'prepare' && draw.kind !== 'verify') throw new Error(`${draw.kind}, and not a task`);
  const deps = {
    ledger,
    publisher,
    clock,
    logger: quiet,
    meter,
    readLagMs: 0,
    invent: upstream.client,
    pacer: { take: async () => 0 },
  };
  const task = doBulkTask({
    ...deps,
    work,
    budget,
    retryForMs: HOUR_MS,
    check: checkAssistant(deps),
    openShare: openPolicyShare(createPolicies({ redis, prefix: 'spec' })),
    stopping: new AbortController().signal,
    ...more,
  });
  // What was drawn is given back at once, so that the test can draw it again.
  await task(draw.kind, draw.bulkId, 'w1').finally(() => redis.hdel(keys.bulk(draw.bulkId), 'task_until'));
};
const prepared = async (more?: Partial<BulkSpec>): Promise<BulkRotation> => {
  const { id } = await make('org', more);
  await doTask();
  return bulks.get(id);
};
const idsOf = async ({ id }: { id: string }): Promise<string[]> =>
  (await bulks.items(id, {}, { size: 100_000, from: 0 })).items.map(({ assistantId }) => assistantId);
const wordsOf = async ({ id }: { id: string }): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await bulks.items(id, {}, { size: 1000, from: 0 })).items.map(({ assistantId, state, errorCode }) => [
      assistantId,
      errorCode ?? state,
    ]),
  );

const rotateFor = async (claim: Claim): Promise<void> => {
  upstream.rotate(claim.orgId, claim.assistantId);
  const finding = findingOf(upstream.record(claim.orgId, claim.assistantId));
  await publisher.publish(
    claim,
    { redisMs: claim.atMs, clockMs: clock.nowMs() },
    { finding, cause: 'rotation', rotation: 'ends' },
  );
};
const claimSome = async (range: BulkRange): Promise<Claim[]> => {
  const items = range.waiting.map(({ index, assistantId }) => ({
    index,
    job: { rotationId: nextId('rot'), orgId: range.orgId, assistantId },
  }));
  const result = await work.claim(range, items, {
    leaseMs: 60_000,
    landingWindowMs: 60_000,
    maxOpenIntents: 1000,
  });
  return result.kind === 'claimed'
    ? result.items.flatMap((item) => (item.kind === 'claimed' ? [item.claim] : []))
    : [];
};
/** Rotates all that wait, until there is nothing left but to verify. */
const rotateAll = async (): Promise<void> => {
  for (;;) {
    const draw = await work.draw({
      token: 'w1',
      leaseMs: 60_000,
      size: 100,
      maxOpenIntents: 1000,
      ranges: true,
      tasks: false,
      except: [],
    });
    if (draw.kind !== 'range') return;
    for (const claim of await claimSome(draw.range)) await rotateFor(claim);
    await work.endRange(draw.range, 'w1');
  }
};
const rotateSingly = async (orgId: string, assistantId: string): Promise<void> => {
  const { rotation } = await ledger.accept(nextId('rot'), { orgId, assistantId, reason: '' });
  const result = await ledger.claim(
    { rotationId: rotation.id, orgId, assistantId },
    { leaseMs: 60_000, landingWindowMs: 60_000, maxOpenIntents: 1000 },
  );
  if (result.kind !== 'claimed') throw new Error(`${result.kind}, and not claimed`);
  await rotateFor(result.claim);
};
const removals = async (): Promise<string[]> =>
  (await redis.xrange(keys.events, '-', '+'))
    .map(([, fields]) => KeyEvent.parse(JSON.parse(fields[1]!)))
    .filter(({ type }) => type.includes('removed'))
    .map(({ subject }) => subject);
const corrupt = (assistantId: string) =>
  redis.pipeline().del(keys.assistant(assistantId)).set(keys.assistant(assistantId), 'x').exec();
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: { code: string }) => error.code,
  );

describe('preparing an org', () => {
  it('takes each of its assistants once, also those that are there and not listed', async () => {
    upstream.add('org_a', ...names(1011));
    await prepared();
    for (const id of names(16, 500)) upstream.unlisted.add(id);
    const bulk = await prepared();
    expect(bulk).toMatchObject({ state: 'RUNNING', counts: { total: 1011 } });
    const ids = await idsOf(bulk);
    expect(ids.slice(0, 995)).toEqual(names(1011).filter((id) => !upstream.unlisted.has(id)));
    expect(ids.slice(995).toSorted()).toEqual([...upstream.unlisted].toSorted());
  });

  it('goes on where the entries of some cannot be read, listed or not', async () => {
    upstream.add('org_a', ...names(20));
    await prepared();
    await corrupt('ast_3');
    await corrupt('ast_4');
    upstream.unlisted.add('ast_4');
    const bulk = await prepared();
    expect(bulk).toMatchObject({ state: 'RUNNING', counts: { total: 19 } });
    expect((await redis.hkeys(keys.quarantine)).toSorted()).toEqual(['ast_3', 'ast_4']);
  });

  it('says what listing, rotating and verifying takes', async () => {
    upstream.add('org_a', ...names(150));
    // Two passes of two pages, for nobody was ever seen, and one page beyond the count; three reads of the
    // first page and one of the second; one pass to verify.
    const first = await prepared();
    expect(first.estimate).toEqual({
      requests: 5 + 4 + 150 + 2,
      durationMs: Math.round((161 * 60_000) / 492.5),
    });
    expect((await prepared({ validateOnly: true })).estimate).toMatchObject({ requests: 2 + 150 + 2 });
    // 61 are found by it, on one page; the next one shows that there are no more.
    expect((await prepared({ selection: { kind: 'org', search: 'ast_1' } })).estimate).toMatchObject({
      requests: 2 + 61 + 1,
    });
  });

  it('writes as many as a policy may choose at once', async () => {
    upstream.add('org_a', 'ast_1');
    const share = { consider: async () => {}, chosen: () => names(200_500) };
    const { id } = await make('org', { selection: { kind: 'org', policyId: 'pol_1' } });
    await doTask({ openShare: async () => share });
    expect(await bulks.get(id)).toMatchObject({ state: 'RUNNING', counts: { total: 200_500 } });
    expect([await work.ids(id, 0), await work.ids(id, 200)]).toEqual([names(1000), names(500, 200_000)]);
  });

  it('is tried again while upstream cannot be reached, and given up after as long as anything is tried', async () => {
    upstream.add('org_a', 'ast_1');
    upstream.refuses = 'UPSTREAM_UNREACHABLE';
    const { id } = await make('org');
    expect(await codeOf(doTask())).toBe('UPSTREAM_UNREACHABLE');
    expect(await bulks.get(id)).toMatchObject({ state: 'PREPARING' });
    await doTask({ retryForMs: 0 });
    expect(await bulks.get(id)).toMatchObject({ state: 'FAILED', why: 'UPSTREAM_UNREACHABLE' });
  });
});

/** Ways in which a list of 850 shows fewer, or not all of it for certain. */
const lies: [what: string, listed: number, list: NonNullable<Upstream['list']>][] = [
  ['repeats its first page', 100, (all) => ({ ids: all.slice(0, PAGE), total: 850 })],
  [
    'omits two fifths',
    510,
    (all, page) => ({
      ids: all.slice((page - 1) * PAGE, page * PAGE).filter((_, i) => i % 5 < 3),
      total: 850,
    }),
  ],
  [
    'stops in the middle',
    400,
    (all, page) => ({ ids: page > 4 ? [] : all.slice((page - 1) * PAGE, page * PAGE), total: 850 }),
  ],
  [
    'counts fewer than it lists',
    850,
    (all, page) => ({ ids: all.slice((page - 1) * PAGE, page * PAGE), total: 400 }),
  ],
  [
    'counts more than it lists',
    850,
    (all, page) => ({ ids: all.slice((page - 1) * PAGE, page * PAGE), total: 1e9 }),
  ],
  ['has no count and repeats its first page', 100, (all) => ({ ids: all.slice(0, PAGE) })],
  [
    'has a page that fails',
    750,
    (all, page) =>
      page === 7 ? 'UPSTREAM_UNREACHABLE' : { ids: all.slice((page - 1) * PAGE, page * PAGE), total: 850 },
  ],
];

describe('a list that is incomplete', () => {
  beforeEach(() => upstream.add('org_a', ...names(850)));

  it.each(lies)('that %s halts a bulk of the org before its first assistant', async (_what, listed, list) => {
    upstream.list = list;
    const bulk = await prepared();
    expect(bulk).toMatchObject({
      state: 'HALTED',
      why: 'LIST_INCOMPLETE',
      counts: { total: listed, waiting: listed, rotating: 0 },
      list: { complete: false, listed },
    });
    await rotateAll();
    expect(await bulks.get(bulk.id)).toMatchObject({
      state: 'HALTED',
      counts: { waiting: listed, succeeded: 0 },
    });
    // Whoever resumes it accepts those that were listed.
    await bulks.resume(bulk.id);
    await rotateAll();
    upstream.list = undefined;
    await doTask();
    expect(await bulks.get(bulk.id)).toMatchObject({
      state: 'COMPLETED',
      counts: { succeeded: listed },
      verification: { verified: listed },
      list: { complete: false, listed },
    });
  });

  it.each(lies)('that %s fails a dry run', async (_what, listed, list) => {
    upstream.list = list;
    expect(await prepared({ validateOnly: true })).toMatchObject({
      state: 'FAILED',
      why: 'LIST_INCOMPLETE',
      list: { complete: false, listed },
    });
  });

  it('halts a search, an age and a policy as well', async () => {
    upstream.list = lies[0]![2];
    for (const selection of [{ search: 'ast_' }, { rotatedBeforeMs: Date.now() + HOUR_MS }] as const) {
      expect(await prepared({ selection: { kind: 'org', ...selection } })).toMatchObject({
        state: 'HALTED',
        why: 'LIST_INCOMPLETE',
        counts: { total: 100 },
      });
    }
    const { id } = await make('org', { selection: { kind: 'org', policyId: 'pol_1' } });
    await doTask({ openShare: async () => ({ consider: async () => {}, chosen: () => names(20) }) });
    expect(await bulks.get(id)).toMatchObject({
      state: 'HALTED',
      why: 'LIST_INCOMPLETE',
      counts: { total: 20 },
      list: { listed: 100, counted: 850 },
    });
  });

  it('adds those that are known and not listed, and halts all the same', async () => {
    await prepared();
    upstream.list = (all, page) => ({
      ids: all.slice(0, 840).slice((page - 1) * PAGE, page * PAGE),
      total: 850,
    });
    const bulk = await prepared();
    expect(bulk).toMatchObject({
      state: 'HALTED',
      why: 'LIST_INCOMPLETE',
      counts: { total: 850 },
      list: { complete: false, listed: 840, counted: 850 },
    });
    expect((await idsOf(bulk)).toSorted()).toEqual(names(850).toSorted());
  });

  it('says nothing of those that it does not hold: a dry run of named assistants reads them, and the verification as well', async () => {
    await prepared();
    await redis.del(keys.bulksActive);
    upstream.list = (all, page) => ({
      ids: all.slice(40, 540).slice((page - 1) * PAGE, page * PAGE),
      total: 850,
    });
    upstream.add('org_a', 'ast_new');
    const dry = await make([...names(50), 'ast_new', 'nobody'], { validateOnly: true });
    await doTask();
    expect(await wordsOf(dry)).toMatchObject({
      ast_0: 'VALID',
      ast_49: 'VALID',
      ast_new: 'VALID',
      nobody: 'ASSISTANT_NOT_FOUND',
    });
    const bulk = await make(names(50));
    await rotateAll();
    upstream.requests.length = 0;
    upstream.rotate('org_a', 'ast_33');
    await doTask();
    expect(await bulks.get(bulk.id)).toMatchObject({
      state: 'COMPLETED',
      verification: { verified: 49, repaired: 1, unverified: 0, differing: ['ast_33'] },
    });
    expect(upstream.requests.filter((request) => request.startsWith('GET')).length).toBe(40);
  });
});

describe('a list that is true', () => {
  it('is read to its end whatever size its pages have', async () => {
    upstream.add('org_a', ...names(850));
    upstream.list = (all, page) => ({ ids: all.slice((page - 1) * 50, page * 50), total: 850 });
    expect(await prepared()).toMatchObject({
      state: 'RUNNING',
      counts: { total: 850 },
      list: { complete: true, listed: 850, counted: 850, unreadable: 0 },
    });
  });

  it('may hold a few records that cannot be read: they are left out, and counted', async () => {
    upstream.add('org_a', ...names(20));
    upstream.list = (all, page) => (page > 1 ? { ids: [] } : { ids: all, unreadable: ['mark'], total: 21 });
    expect(await prepared()).toMatchObject({
      state: 'RUNNING',
      counts: { total: 20 },
      list: { complete: true, listed: 20, counted: 21, unreadable: 1 },
    });
  });

  it('leaves out an assistant that an older ledger knows by an id that is not valid', async () => {
    upstream.add('org_a', ...names(20));
    await prepared();
    await redis.zadd(keys.assistants('org_a'), 1, 'ast_x\nast_y');
    const bulk = await prepared();
    expect(bulk).toMatchObject({ state: 'RUNNING', counts: { total: 20 } });
    expect(await idsOf(bulk)).toEqual(names(20));
  });
});

describe('a dry run of assistants that are named', () => {
  beforeEach(async () => {
    upstream.add('org_a', ...names(300));
    upstream.add('org_b', 'ast_b');
    upstream.alias = 'org_a';
    await prepared();
    await prepared({ orgId: 'org_b' });
    upstream.requests.length = 0;
  });

  it('does not take one of another org for deleted, and does not ask', async () => {
    const bulk = await make(['ast_b', 'ast_7'], { validateOnly: true });
    await doTask();
    expect(await wordsOf(bulk)).toEqual({ ast_b: 'ASSISTANT_NOT_FOUND', ast_7: 'VALID' });
    expect(upstream.requests).toEqual(['GET org_a/ast_7']);
    expect(await removals()).toEqual([]);
    expect((await ledger.keyFacts(['ast_b']))[0]).toMatchObject({ orgId: 'org_b' });
  });

  it('asks where one of the two is the alias, for they may be one org', async () => {
    const [other, own] = [
      await make(['ast_b'], { orgId: 'c', validateOnly: true }),
      await make(['ast_7'], { orgId: 'c', validateOnly: true }),
    ];
    await doTask();
    await doTask();
    expect({ ...(await wordsOf(other)), ...(await wordsOf(own)) }).toEqual({
      ast_b: 'ASSISTANT_NOT_FOUND',
      ast_7: 'VALID',
    });
    expect(upstream.requests).toEqual(['GET c/ast_b', 'GET org_b/ast_b', 'GET c/ast_7']);
    expect(await removals()).toEqual([]);
  });

  it('says which cannot be read in the ledger', async () => {
    await corrupt('ast_7');
    const bulk = await make(['ast_7', 'ast_8'], { validateOnly: true });
    await doTask();
    expect(await wordsOf(bulk)).toEqual({ ast_7: 'LEDGER_CORRUPT', ast_8: 'VALID' });
    expect(await redis.hkeys(keys.quarantine)).toEqual(['ast_7']);
  });

  it('lists the org where they are many, and says what rotating and verifying takes', async () => {
    await corrupt('ast_7');
    const bulk = await make([...names(50), 'ast_b', 'nobody'], { validateOnly: true });
    await doTask();
    expect(await wordsOf(bulk)).toMatchObject({
      ast_0: 'VALID',
      ast_7: 'LEDGER_CORRUPT',
      ast_b: 'ASSISTANT_NOT_FOUND',
      nobody: 'ASSISTANT_NOT_FOUND',
    });
    expect(await bulks.get(bulk.id)).toMatchObject({ counts: { valid: 49 }, estimate: { requests: 49 + 3 } });
  });

  it('fails with the reason where the API key is refused', async () => {
    upstream.refuses = 'UPSTREAM_FORBIDDEN';
    const bulk = await make(['ast_7'], { validateOnly: true });
    await doTask();
    expect(await bulks.get(bulk.id)).toMatchObject({ state: 'FAILED', why: 'UPSTREAM_FORBIDDEN' });
  });
});

describe('verifying', () => {
  it('compares one that another rotation has replaced under another org there', async () => {
    upstream.add('org_a', ...names(300));
    upstream.add('org_b', 'ast_b');
    await prepared();
    await redis.del(keys.bulksActive);
    const bulk = await make(['ast_b']);
    await redis.hset(keys.bulk(bulk.id), 'created', Date.now() - 1000);
    await rotateSingly('org_b', 'ast_b');
    await rotateAll();
    await doTask();
    expect(await bulks.get(bulk.id)).toMatchObject({
      state: 'COMPLETED',
      counts: { shared: 1 },
      verification: { verified: 1, repaired: 0, unverified: 0 },
    });
    expect(upstream.requests.at(-1)).toBe('GET org_b/ast_b');
    expect(await removals()).toEqual([]);
  });

  it.each(['UPSTREAM_UNAUTHENTICATED', 'UPSTREAM_FORBIDDEN', 'ASSISTANT_NOT_FOUND'] as const)(
    'ends where it is refused (%s), and says that nobody could be compared',
    async (code) => {
      upstream.add('org_a', ...names(150));
      const { id } = await prepared();
      await rotateAll();
      upstream.refuses = code;
      await doTask();
      const { state, verification } = await bulks.get(id);
      expect({ state, verification }).toMatchObject({
        state: 'COMPLETED',
        verification: { verified: 0, repaired: 0, unverified: 150, differing: names(100) },
      });
      // The next sweep lists the others.
      expect(await redis.zcard(keys.checks)).toBe(100);
    },
  );

  it('ends also where a few are read one by one and the API key is refused, after one request', async () => {
    upstream.add('org_a', ...names(300));
    await prepared();
    await redis.del(keys.bulksActive);
    const { id } = await make(names(3));
    await rotateAll();
    upstream.refuses = 'UPSTREAM_UNAUTHENTICATED';
    upstream.requests.length = 0;
    await doTask();
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      verification: { unverified: 3, differing: names(3) },
    });
    expect(upstream.requests).toEqual(['GET org_a/ast_0']);
  });

  it('is tried again while upstream cannot be reached, and ended after as long as anything is tried', async () => {
    upstream.add('org_a', ...names(20));
    const { id } = await prepared();
    await rotateAll();
    upstream.refuses = 'UPSTREAM_UNREACHABLE';
    expect(await codeOf(doTask())).toBe('UPSTREAM_UNREACHABLE');
    const { verification, state } = await bulks.get(id);
    expect(state).toBe('VERIFYING');
    // Since the first attempt, whoever makes the next.
    const retryForMs = Date.now() - verification!.sinceMs! + 60_000;
    expect(await codeOf(doTask({ retryForMs }))).toBe('UPSTREAM_UNREACHABLE');
    expect((await bulks.get(id)).verification!.sinceMs).toBe(verification!.sinceMs);
    await doTask({ retryForMs: 0 });
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      verification: { verified: 0, unverified: 20 },
    });
  });

  it('goes on where the entry of one cannot be read, and names it', async () => {
    upstream.add('org_a', ...names(20));
    const { id } = await prepared();
    await rotateAll();
    await corrupt('ast_5');
    await doTask();
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      verification: { verified: 19, unverified: 1, differing: ['ast_5'] },
    });
    expect(await redis.hkeys(keys.quarantine)).toEqual(['ast_5']);
  });

  it('publishes and names what somebody else has rotated meanwhile', async () => {
    upstream.add('org_a', ...names(20));
    const { id } = await prepared();
    await rotateAll();
    upstream.rotate('org_a', 'ast_5');
    await doTask();
    expect(await bulks.get(id)).toMatchObject({
      state: 'COMPLETED',
      verification: { verified: 19, repaired: 1, unverified: 0, differing: ['ast_5'] },
    });
  });
});
