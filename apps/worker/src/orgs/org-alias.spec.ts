import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { InventClient, ListOutcome, ReadOutcome, Target } from '@rekey/invent';
import {
  createConsumers,
  createLedger,
  createOrgAlias,
  type Consumers,
  type Ledger,
  type OrgAlias,
} from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { KeyEvent, noSweepCounts, type Consumer, type ErrorCode } from '@rekey/schema';
import {
  generateConsumerKey,
  generateSharedKeys,
  openEnvelope,
  openRecord,
  parseConsumerKey,
  parseSharedKeys,
  sealGrant,
} from '@rekey/sealing';
import { startRedis, type RedisServer } from '@rekey/testing';
import { Redis } from 'ioredis';
import { checkAssistant } from '../verification/checks/check-assistant.ts';
import type { Clock } from '../shared/clock.ts';
import type { Meter } from '../shared/meter.ts';
import {
  AliasContradiction,
  askByOneName,
  keepOrgAlias,
  orgsByOneName,
  type OrgAliasDeps,
  type OrgAliasKeeper,
} from './org-alias.ts';
import { createPublisher, findingOf, type Publisher } from '../publishing/publisher.ts';
import { createReaders, type Readers } from '../publishing/readers.ts';
import { sealer } from '../shared/sealing-fixture.ts';
import { sweep } from '../verification/sweep/sweep.ts';

const silent = () => {};
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

/**
 * An Invent of several orgs. Its alias is of the org of the API key, which may use all of them, or but some.
 */
class Upstream {
  readonly orgs = new Map<string, Map<string, number>>();
  alias = 'org_real';
  /** Orgs that the API key may not use. */
  readonly forbidden = new Set<string>();
  /** Answers under any org what any org has. */
  ignoresOrg = false;
  /** The same, but only for orgs that exist. */
  ignoresKnownOrgs = false;
  /** Why no request is answered. */
  refuses: ErrorCode | undefined;
  /** Called before each request. */
  onRequest: (request: string) => void = () => {};
  readonly requests: string[] = [];

  add(orgId: string, ...assistantIds: string[]): void {
    const org = this.orgs.get(orgId) ?? new Map<string, number>();
    for (const id of assistantIds) org.set(id, 0);
    this.orgs.set(orgId, org);
  }
  rotate(assistantId: string): void {
    for (const org of this.orgs.values())
      if (org.has(assistantId)) org.set(assistantId, org.get(assistantId)! + 1);
  }
  move(assistantId: string, from: string, to: string): void {
    this.add(to, assistantId);
    this.orgs.get(to)!.set(assistantId, this.orgs.get(from)!.get(assistantId)!);
    this.orgs.get(from)!.delete(assistantId);
  }
  private all(orgId: string): Map<string, number> {
    const name = orgId === 'c' ? this.alias : orgId;
    if (this.ignoresOrg || (this.ignoresKnownOrgs && this.orgs.has(name)))
      return new Map([...this.orgs.values()].flatMap((org) => [...org]));
    return this.orgs.get(name) ?? new Map<string, number>();
  }
  private refusal(orgId: string): (ReadOutcome & { outcome: 'not-read' }) | undefined {
    if (this.refuses) return { outcome: 'not-read', code: this.refuses, reason: 'as the test has it' };
    if (this.forbidden.has(orgId))
      return { outcome: 'not-read', code: 'UPSTREAM_FORBIDDEN', status: 403, reason: '403' };
    return undefined;
  }
  record(orgId: string, id: string) {
    const secretKey = `sk_${id}_${this.all(orgId).get(id)}`;
    return {
      id,
      secretKey,
      deleted: false,
      json: `{"id":"${id}", "big":12345678901234567890.10,"secret_key":"${secretKey}"}`,
      unexpected: [],
    };
  }
  readonly client: Pick<InventClient, 'getAssistant' | 'listAssistants'> = {
    getAssistant: async ({ orgId, assistantId }) => {
      const request = `GET ${orgId}/${assistantId}`;
      this.onRequest(request);
      this.requests.push(request);
      const refused = this.refusal(orgId);
      if (refused) return refused;
      if (!this.all(orgId).has(assistantId))
        return { outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: '404' };
      return { outcome: 'read', record: this.record(orgId, assistantId) };
    },
    listAssistants: async (orgId, page): Promise<ListOutcome> => {
      const request = `LIST ${orgId}`;
      this.onRequest(request);
      this.requests.push(request);
      const refused = this.refusal(orgId);
      if (refused) return refused;
      const ids = this.ignoresKnownOrgs
        ? [...(this.orgs.get(orgId === 'c' ? this.alias : orgId) ?? new Map<string, number>()).keys()]
        : [...this.all(orgId).keys()];
      return {
        outcome: 'read',
        page: {
          records: ids.slice((page - 1) * 100, page * 100).map((id) => this.record(orgId, id)),
          unreadable: [],
          total: ids.length,
        },
      };
    },
  };
}

let server: RedisServer;
let redis: Redis;
let ledger: Ledger;
let consumers: Consumers;
let alias: OrgAlias;
let upstream: Upstream;
let readers: Readers;
let publisher: Publisher;
let keeper: OrgAliasKeeper;
let said: { level: string; text: string }[];
let passedMs: number;
let logger: Logger;
const clock: Clock = { nowMs: () => performance.now() + passedMs, sleep: async () => {} };

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.dispose();
});
/** A worker, with what it knows of the ledger. */
const startWorker = async (more: Partial<OrgAliasDeps> = {}) => {
  const own = createReaders({ consumers, sealer, logger });
  await own.refresh();
  const deps: OrgAliasDeps = {
    alias,
    consumers,
    readers: own,
    sealer,
    prober: upstream.client,
    hasKey: () => true,
    configured: undefined,
    pacer: { take: async () => 0 },
    clock,
    logger,
    meter,
    stopping: new AbortController().signal,
    ...more,
  };
  return {
    readers: own,
    publisher: createPublisher({ ledger, sealer, readers: own, logger, clock, meter }),
    keeper: keepOrgAlias(deps),
  };
};
beforeEach(async () => {
  await redis.flushall();
  said = [];
  passedMs = 0;
  const note =
    (level: string) =>
    (...words: unknown[]) =>
      void said.push({ level, text: JSON.stringify(words) });
  logger = {
    debug: silent,
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
  } as unknown as Logger;
  ledger = createLedger({ redis, prefix: 'spec' });
  consumers = createConsumers({ redis, prefix: 'spec' });
  alias = createOrgAlias({ redis, prefix: 'spec' });
  upstream = new Upstream();
  upstream.add('org_real', 'ast_1', 'ast_2', 'ast_3');
  upstream.add('org_other', 'ast_o1');
  ({ readers, publisher, keeper } = await startWorker());
});

const looked = async (orgId: string, assistantId: string) => {
  const result = await ledger.look({ orgId, assistantId });
  if (result.kind !== 'look') throw new Error(result.kind);
  return result.hold;
};
/** Publishes what Invent has, as a worker that was asked for it under this name. */
const publish = async (orgId: string, ...assistantIds: string[]) => {
  for (const assistantId of assistantIds) {
    const hold = await looked(orgId, assistantId);
    const record = upstream.record(orgId === 'c' ? upstream.alias : orgId, assistantId);
    const read = { beganMs: hold.atMs, lagMs: 0 };
    await publisher.publish(
      hold,
      { redisMs: hold.atMs, clockMs: clock.nowMs() },
      { finding: findingOf(record), cause: 'import', rotation: 'goes-on', read },
    );
  }
};
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `ast_n${i}`);
const known = async () => (await alias.read()).known?.orgId;
const conflict = async () => (await alias.read()).conflict?.why;
const event = async (assistantId: string) =>
  KeyEvent.parse(JSON.parse((await redis.get(`{spec}:current:${assistantId}`))!));
const published = async (assistantId: string) => {
  const { source, data } = await event(assistantId);
  return [
    source.split('/')[2],
    'cause' in data ? data.cause : '',
    ((await openRecord(sealer, (await event(assistantId)) as never)) as { assistant: { secret_key: string } })
      .assistant.secret_key,
  ];
};
/** A consumer whose grant has been made. */
const addConsumer = async (name: string, orgs: string[]) => {
  const { d: _, ...key } = await generateConsumerKey('X25519');
  const sharedKeys = await generateSharedKeys();
  const to = await parseConsumerKey(key);
  const grant = await sealGrant({ consumer: name, sharedKeys, to, signer: sealer.signer, nowMs: Date.now() });
  await consumers.write(
    name,
    undefined,
    {
      name,
      orgs,
      state: 'ACTIVE',
      created_at: '',
      key: { ...key, kid: to.kid },
      grant,
      kept: JSON.parse(sealer.seal(sharedKeys)),
    } as Consumer,
    { readers: true },
  );
  await readers.refresh();
  return parseSharedKeys(sharedKeys);
};
/** Names an org, as a consumer that may read it does. */
const name = (orgId: string) => addConsumer('namer', [orgId]);

describe('which org `c` is', () => {
  it('is learned when an org is named that has what is published under `c`', async () => {
    await publish('c', 'ast_1', 'ast_2');
    await keeper.round();
    expect([await known(), upstream.requests]).toEqual([undefined, []]);
    await name('org_real');
    await keeper.round();
    expect(await known()).toBe('org_real');
    expect((await alias.read()).known).toMatchObject({ how: 'learned' });
    expect(upstream.requests.length).toBeLessThanOrEqual(8);
  });

  it('is learned before a sweep, from what `c` lists, where nothing was published under `c`', async () => {
    await publish('org_real', 'ast_1');
    await keeper.round();
    expect(upstream.requests).toEqual([]);
    await keeper.beforeSweep();
    expect(await known()).toBe('org_real');
  });

  it('costs no request where nothing names another org, and none where it is known', async () => {
    await publish('c', 'ast_1');
    await keeper.beforeSweep();
    expect(upstream.requests).toEqual([]);
    await name('org_real');
    await keeper.round();
    upstream.requests.length = 0;
    await keeper.beforeSweep();
    await keeper.round();
    expect(upstream.requests).toEqual([]);
  });

  it('is not an org that has others, which is asked once and not again and again', async () => {
    await publish('c', 'ast_1');
    upstream.forbidden.add('org_strange');
    await addConsumer('one', ['org_other', 'org_strange']);
    await keeper.beforeSweep();
    expect([await known(), await conflict()]).toEqual([undefined, undefined]);
    const { length } = upstream.requests;
    for (let i = 0; i < 5; i += 1) await keeper.beforeSweep();
    expect(upstream.requests).toHaveLength(length);
    await name('org_real');
    await keeper.round();
    expect(await known()).toBe('org_real');
  });

  it('is learned from an Invent that refuses every other org as it refuses a wrong API key', async () => {
    await publish('c', 'ast_1');
    const refused = {
      outcome: 'not-read',
      code: 'UPSTREAM_UNAUTHENTICATED',
      status: 401,
      reason: '401',
    } as const;
    const getAssistant = async (target: Target) =>
      ['c', 'org_real'].includes(target.orgId) ? upstream.client.getAssistant(target) : refused;
    const { keeper: strict } = await startWorker({ prober: { ...upstream.client, getAssistant } });
    await addConsumer('one', ['org_another', 'org_real']);
    await strict.round();
    expect(await known()).toBe('org_real');
  });

  it('is asked of a handful of orgs at a time, however many are named', async () => {
    await publish('c', 'ast_1');
    await addConsumer(
      'one',
      Array.from({ length: 50 }, (_, i) => `org_n${i}`),
    );
    await keeper.round();
    expect(upstream.requests.length).toBeLessThanOrEqual(10);
  });

  it.each<[string, () => void]>([
    ['a wave of 404', () => (upstream.refuses = 'ASSISTANT_NOT_FOUND')],
    ['a wave of 401', () => (upstream.refuses = 'UPSTREAM_UNAUTHENTICATED')],
    ['a wave of 403', () => (upstream.refuses = 'UPSTREAM_FORBIDDEN')],
    ['an Invent that is away', () => (upstream.refuses = 'UPSTREAM_UNREACHABLE')],
    ['an API key of another org', () => (upstream.alias = 'org_other')],
  ])('is not learned from %s, which says nothing; afterwards it is', async (_what, begin) => {
    await publish('c', 'ast_1', 'ast_2');
    await addConsumer('one', ['org_real', 'org_other']);
    begin();
    await keeper.beforeSweep();
    await keeper.round();
    expect([await known(), await conflict()]).toEqual([undefined, undefined]);
    upstream.refuses = undefined;
    upstream.alias = 'org_real';
    passedMs += 60_000;
    await keeper.round();
    expect(await known()).toBe('org_real');
  });

  it('is not concluded from a moment in which Invent finds nothing', async () => {
    await publish('c', 'ast_1');
    await name('org_real');
    upstream.onRequest = (request) =>
      (upstream.refuses =
        request.startsWith('GET c/') && upstream.requests.length === 0 ? undefined : 'ASSISTANT_NOT_FOUND');
    await keeper.round();
    expect(await known()).toBeUndefined();
    upstream.onRequest = silent;
    upstream.refuses = undefined;
    passedMs += 60_000;
    await keeper.round();
    expect(await known()).toBe('org_real');
  });

  it('is not learned from strangers that an API key of another org has brought in under `c`', async () => {
    await publish('c', 'ast_1', 'ast_2', 'ast_3');
    upstream.alias = 'org_other';
    upstream.add('org_other', 'ast_o2', 'ast_o3', 'ast_o4');
    await publish('c', 'ast_o1', 'ast_o2', 'ast_o3', 'ast_o4');
    await name('org_other');
    await keeper.beforeSweep();
    expect(await known()).toBeUndefined();
  });

  it.each<[string, () => void, RegExp]>([
    ['answers under any org', () => (upstream.ignoresOrg = true), /does not exist/],
    [
      'answers under each org what any has',
      () => (upstream.ignoresKnownOrgs = true),
      /lists other assistants/,
    ],
  ])('is not learned from an Invent that %s', async (_what, begin, why) => {
    await publish('c', 'ast_1', 'ast_2');
    await name('org_other');
    begin();
    await keeper.round();
    expect(await known()).toBeUndefined();
    expect(await conflict()).toMatch(why);
    expect(
      said.filter(({ level, text }) => level === 'error' && text.includes('org_alias_conflict')),
    ).toHaveLength(1);
    const { length } = upstream.requests;
    await keeper.round();
    await keeper.beforeSweep();
    expect(upstream.requests).toHaveLength(length);
  });

  it('is not learned where two orgs have the same assistants', async () => {
    await publish('c', 'ast_1', 'ast_2');
    upstream.add('org_twin', 'ast_1', 'ast_2', 'ast_3');
    await addConsumer('one', ['org_real', 'org_twin']);
    await keeper.round();
    expect(await known()).toBeUndefined();
    expect((await alias.read()).conflict).toMatchObject({
      why: 'assistants of c answer under more than one org',
      orgIds: ['org_real', 'org_twin'],
    });
  });

  it('is learned once by several workers, and by none that has no key for `c`', async () => {
    await publish('c', 'ast_1');
    await name('org_real');
    const keyless = await startWorker({ hasKey: () => false });
    await keyless.keeper.round();
    expect([await known(), upstream.requests]).toEqual([undefined, []]);
    const workers = await Promise.all([startWorker(), startWorker(), startWorker()]);
    await Promise.all(workers.map((worker) => worker.keeper.round()));
    expect(await known()).toBe('org_real');
    expect(said.filter(({ text }) => text.includes('org_alias_known'))).toHaveLength(1);
  });
});

describe('INVENT_ORG_ID', () => {
  it('is believed where Invent does not contradict it, also where there is nothing to compare', async () => {
    upstream.orgs.set('org_real', new Map());
    await (await startWorker({ configured: 'org_real' })).keeper.establish();
    expect((await alias.read()).known).toMatchObject({ orgId: 'org_real', how: 'configured' });
  });

  it('names what was published under `c` before', async () => {
    await publish('c', 'ast_1', 'ast_2');
    const told = await startWorker({ configured: 'org_real' });
    await told.keeper.establish();
    await told.keeper.round();
    expect([await redis.smembers('{spec}:orgs'), (await alias.read()).known?.how]).toEqual([
      ['org_real'],
      'configured',
    ]);
    expect(await published('ast_2')).toEqual(['org_real', 'reconciliation', 'sk_ast_2_0']);
  });

  it('is believed where a file of API keys has none for `c`', async () => {
    await (await startWorker({ configured: 'org_real', hasKey: () => false })).keeper.establish();
    expect([await known(), upstream.requests]).toEqual(['org_real', []]);
  });

  it('contradicts Invent: it is refused, and says so', async () => {
    const { keeper: wrong } = await startWorker({ configured: 'org_other' });
    await expect(wrong.establish()).rejects.toThrow(AliasContradiction);
    await expect(wrong.establish()).rejects.toThrow(/INVENT_ORG_ID=org_other contradicts Invent: .*`c`/);
    expect([await known(), await conflict()]).toEqual([
      undefined,
      'INVENT_ORG_ID is not the org of the API key',
    ]);
    await keeper.establish();
    expect(await conflict()).toBeUndefined();
  });

  it('contradicts what was learned: it is refused, and nothing changes', async () => {
    await alias.note('org_real', 'learned');
    const { keeper: wrong } = await startWorker({ configured: 'org_other' });
    await expect(wrong.establish()).rejects.toThrow(
      /INVENT_ORG_ID=org_other contradicts the ledger, which has learned from Invent .* org_real/,
    );
    expect([await known(), upstream.requests]).toEqual(['org_real', []]);
  });

  it('is found out later where Invent is away at the start, and a worker that is not refused then says that it contradicts', async () => {
    upstream.refuses = 'UPSTREAM_UNREACHABLE';
    const right = await startWorker({ configured: 'org_real' });
    await right.keeper.establish();
    const wrong = await startWorker({ configured: 'org_other' });
    await wrong.keeper.establish();
    expect(await known()).toBeUndefined();
    upstream.refuses = undefined;
    passedMs += 60_000;
    await wrong.keeper.round();
    expect([await known(), await conflict()]).toEqual([
      undefined,
      'INVENT_ORG_ID is not the org of the API key',
    ]);
    await right.keeper.round();
    expect([await known(), await conflict()]).toEqual(['org_real', undefined]);
  });
});

describe('what was published under `c`', () => {
  it('is published under the org, with the record as it came, and sealed for who may read it under either name', async () => {
    await publish('c', 'ast_1', 'ast_2', 'ast_3');
    const before = await event('ast_1');
    const old = await addConsumer('old', ['c']);
    const real = await addConsumer('real', ['org_real']);
    await keeper.round();
    await keeper.round();
    for (const id of ['ast_1', 'ast_2', 'ast_3']) {
      expect(await published(id)).toEqual(['org_real', 'reconciliation', `sk_${id}_0`]);
      for (const shared of [old, real])
        expect(openEnvelope((await event(id)).data.sealed, shared)).toContain(
          '"big":12345678901234567890.10',
        );
    }
    expect((await event('ast_1')).data.version).toBeGreaterThan(before.data.version!);
    expect([
      await redis.exists('{spec}:assistants:c'),
      await redis.smembers('{spec}:orgs'),
      (await redis.zrange('{spec}:assistants:org_real', '0', '-1')).toSorted(),
    ]).toEqual([0, ['org_real'], ['ast_1', 'ast_2', 'ast_3']]);
    expect((await consumers.get('old'))!.storedOrgs).toEqual(['org_real']);
    // What was asked was the evidence: no key is read again to be published under another name.
    expect(upstream.requests.length).toBeLessThanOrEqual(8);
    passedMs += 60_000;
    await keeper.round();
    expect(upstream.requests.length).toBeLessThanOrEqual(8);
  });

  it('moves on where a worker died in the midst of it', async () => {
    const ids = names(250);
    upstream.add('org_real', ...ids);
    await publish('c', ...ids);
    await alias.note('org_real', 'learned');
    const dying = new AbortController();
    const page = alias.page;
    const { keeper: dies } = await startWorker({
      stopping: dying.signal,
      alias: {
        ...alias,
        page: async (offset) =>
          (await redis.scard('{spec}:orgs')) > 1 ? (dying.abort(), page(offset)) : page(offset),
      },
    });
    await dies.round();
    const left = await redis.zcard('{spec}:assistants:c');
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(250);
    const { keeper: next } = await startWorker();
    await next.round();
    expect([
      await redis.exists('{spec}:assistants:c'),
      await redis.zcard('{spec}:assistants:org_real'),
    ]).toEqual([0, 250]);
    expect(await published('ast_n249')).toEqual(['org_real', 'reconciliation', 'sk_ast_n249_0']);
    const versions = (await redis.xrange('{spec}:events', '-', '+')).map(([, fields]) =>
      KeyEvent.parse(JSON.parse(fields[1]!)),
    );
    expect(versions).toHaveLength(500);
  });

  it('and what was queued under `c`, is renamed again where Redis has lost that it was', async () => {
    await publish('c', 'ast_1');
    const id = `rot_${'0'.repeat(26)}`;
    await ledger.accept(id, { orgId: 'c', assistantId: 'ast_2', reason: '' });
    const copies = await Promise.all(
      (await redis.keys('{spec}:*')).map(async (key) => [key, await redis.dumpBuffer(key)] as const),
    );
    await name('org_real');
    await keeper.round();
    await keeper.round();
    await redis.flushall();
    for (const [key, copy] of copies) await redis.restore(key, 0, copy!);
    await name('org_real');
    await keeper.round();
    passedMs += 60_000;
    await keeper.round();
    expect(await published('ast_1')).toEqual(['org_real', 'reconciliation', 'sk_ast_1_0']);
    expect([
      await redis.hget(`{spec}:rotation:${id}`, 'org'),
      await redis.exists('{spec}:assistants:c'),
    ]).toEqual(['org_real', 0]);
  });

  it('and cannot be opened is left for a sweep, and stops no other', async () => {
    await publish('c', 'ast_1', 'ast_2');
    await redis.set('{spec}:current:ast_1', 'nonsense');
    await alias.note('org_real', 'learned');
    await keeper.round();
    expect(await redis.zrange('{spec}:assistants:c', '0', '-1')).toEqual(['ast_1']);
    expect(await published('ast_2')).toEqual(['org_real', 'reconciliation', 'sk_ast_2_0']);
  });

  it('by a worker that has not heard of it is committed under the org', async () => {
    const late = await startWorker();
    await alias.note('org_real', 'learned');
    const hold = await looked('c', 'ast_1');
    const read = { beganMs: hold.atMs, lagMs: 0 };
    await late.publisher.publish(
      hold,
      { redisMs: hold.atMs, clockMs: clock.nowMs() },
      {
        finding: findingOf(upstream.record('org_real', 'ast_1')),
        cause: 'import',
        rotation: 'goes-on',
        read,
      },
    );
    expect(await published('ast_1')).toEqual(['org_real', 'import', 'sk_ast_1_0']);
    expect(await redis.exists('{spec}:assistants:c')).toBe(0);
  });
});

/** A sweep of everything, by a worker with these API keys. */
const sweepAll = async (configuredOrgs: string[] = ['c']) => {
  const invent = askByOneName(
    {
      ...upstream.client,
      rotateSecretKey: async () => ({ outcome: 'unknown', reason: '' }),
      close: async () => {},
    },
    readers.nameOf,
  );
  const common = {
    ledger,
    invent,
    publisher,
    clock,
    logger,
    meter,
    readLagMs: 0,
    pacer: { take: async () => 0 },
  };
  const check = checkAssistant({ ...common, nameOf: readers.nameOf });
  const counts = { ...noSweepCounts };
  const all = sweep({
    ...common,
    ledger: { ...ledger, orgs: () => orgsByOneName(ledger, readers.nameOf) },
    check,
    configuredOrgs: () => configuredOrgs.map(readers.nameOf),
  });
  await all(undefined, counts, async () => {});
  return { counts, check };
};

describe('drift', () => {
  it('that a sweep finds under `c` is published under the org that the assistant was last published under', async () => {
    await publish('org_real', 'ast_1');
    upstream.rotate('ast_1');
    await sweepAll();
    expect(await published('ast_1')).toEqual(['org_real', 'drift', 'sk_ast_1_1']);
    expect(await published('ast_2')).toEqual(['c', 'import', 'sk_ast_2_0']);
  });

  it('that a check finds under another name of the org is, too', async () => {
    await publish('c', 'ast_1');
    upstream.rotate('ast_1');
    const { check } = await sweepAll();
    await publish('org_real', 'ast_2');
    upstream.rotate('ast_1');
    expect((await check({ orgId: 'org_real', assistantId: 'ast_1' })).kind).toBe('adopted');
    expect(await published('ast_1')).toEqual(['c', 'drift', 'sk_ast_1_2']);
  });

  it('is published under the one name once it is known, by sweeps that ask under that name', async () => {
    await publish('c', 'ast_1', 'ast_2', 'ast_3');
    await alias.note('org_real', 'learned');
    await keeper.round();
    upstream.rotate('ast_2');
    upstream.requests.length = 0;
    const { counts } = await sweepAll();
    expect(counts).toMatchObject({ compared: 3, agreed: 2, adopted: 1, requests: 2 });
    expect(upstream.requests).toEqual(['LIST org_real', 'GET org_real/ast_2']);
    expect(await published('ast_2')).toEqual(['org_real', 'drift', 'sk_ast_2_1']);
  });

  it("after the API key is another org's adopts nothing: Invent is asked under the real name", async () => {
    await publish('c', 'ast_1', 'ast_2', 'ast_3');
    await alias.note('org_real', 'learned');
    await keeper.round();
    upstream.alias = 'org_other';
    upstream.forbidden.add('org_real');
    await expect(sweepAll()).rejects.toThrow('UPSTREAM_FORBIDDEN');
    expect(await redis.exists('{spec}:current:ast_o1')).toBe(0);
  });
});

describe('an assistant that has moved to another org at Invent', () => {
  it('is published there, with its key or with a new one, when that org is swept', async () => {
    await publish('org_real', 'ast_1', 'ast_2', 'ast_3');
    await publish('org_other', 'ast_o1');
    upstream.move('ast_1', 'org_real', 'org_other');
    upstream.move('ast_2', 'org_real', 'org_other');
    upstream.rotate('ast_2');
    await sweepAll(['org_other', 'org_real']);
    expect(await published('ast_1')).toEqual(['org_other', 'reconciliation', 'sk_ast_1_0']);
    expect(await published('ast_2')).toEqual(['org_other', 'drift', 'sk_ast_2_1']);
    expect(await published('ast_3')).toEqual(['org_real', 'import', 'sk_ast_3_0']);
    expect((await redis.zrange('{spec}:assistants:org_other', '0', '-1')).toSorted()).toEqual([
      'ast_1',
      'ast_2',
      'ast_o1',
    ]);
  });

  it('has not moved where the org of before has it still, and stays what it was', async () => {
    await publish('org_real', 'ast_1', 'ast_2', 'ast_3');
    upstream.add('org_other', 'ast_1');
    upstream.rotate('ast_1');
    await sweepAll(['org_other', 'org_real']);
    expect(await published('ast_1')).toEqual(['org_real', 'drift', 'sk_ast_1_1']);
    upstream.requests.length = 0;
    await sweepAll(['org_other', 'org_real']);
    expect(await published('ast_1')).toEqual(['org_real', 'drift', 'sk_ast_1_1']);
  });

  it("is looked at with a few requests a sweep, however many an org lists that are another's", async () => {
    const ids = names(150);
    upstream.add('org_real', ...ids);
    await publish('org_real', ...ids);
    upstream.add('org_other', ...ids);
    upstream.requests.length = 0;
    await sweepAll(['org_other', 'org_real']);
    // Twenty of them, at two requests each; what else the sweep reads is a sample of a few.
    expect(upstream.requests.filter((request) => request.startsWith('GET')).length).toBeLessThanOrEqual(50);
  });
});
