import { beforeEach, describe, expect, it } from '@jest/globals';
import { redis, useLedger } from '../ledger-fixture.ts';
import type { Ledger } from '../open-ledger.ts';
import { Believed } from './believed.ts';
import { checkEntries, type EntryState } from './check-entries.ts';
import type { Stored } from './stored.ts';
import { add, believes, codesOf, consumerOf, fresh, remove } from './registry-fixture.ts';

useLedger();
let ledger: Ledger;
beforeEach(() => {
  ledger = fresh();
});
const readers = () => redis.hget('{spec}:ledger', 'readers');

describe('a consumer that a process has added', () => {
  it('is believed by every process that has the key', async () => {
    expect(await add(ledger, 'billing')).toBe(true);
    const other = fresh();
    expect(await believes(other)).toEqual(['billing org_1']);
    expect(other.registry.rev()).toBe(ledger.registry.rev());
    expect(other.registry.problems()).toEqual([]);
  });

  it('is written once, by whoever was first', async () => {
    const other = fresh();
    await other.registry.look();
    expect(await Promise.all([add(ledger, 'billing'), add(other, 'billing', { orgs: ['org_2'] })])).toEqual(
      expect.arrayContaining([true, false]),
    );
  });

  it('is believed by no process without the key, which can write nothing', async () => {
    await add(ledger, 'billing');
    const keyless = fresh({ key: undefined });
    expect(await believes(keyless)).toEqual([]);
    expect(codesOf(keyless)).toEqual(['REGISTRY_KEY_MISSING']);
    await expect(add(keyless, 'crm')).rejects.toMatchObject({ code: 'REGISTRY_KEY_MISSING' });
  });

  it('is believed by no process with another key', async () => {
    await add(ledger, 'billing');
    const { key } = { key: { kid: 'another-key0', mac: () => 'x'.repeat(43), verify: () => false } };
    const other = fresh({ key });
    expect(await believes(other)).toEqual([]);
    expect(other.registry.untrusted()).toBe('REGISTRY_KEY_OTHER');
    await expect(add(other, 'crm')).rejects.toMatchObject({ code: 'REGISTRY_KEY_OTHER' });
  });

  it('survives the writes of many processes at once', async () => {
    const processes = [ledger, ...Array.from({ length: 6 }, () => fresh())];
    const names = Array.from({ length: 98 }, (_, i) => `c${i}`);
    const added = await Promise.all(names.map((name, i) => add(processes[i % 7]!, name)));
    expect(added).toEqual(names.map(() => true));
    const removed = await Promise.all(names.slice(2).map((name, i) => remove(processes[(i + 3) % 7]!, name)));
    expect(removed).toEqual(names.slice(2).map(() => true));
    for (const one of [...processes, fresh()]) {
      expect(await believes(one)).toEqual(['c0 org_1', 'c1 org_1']);
      expect(codesOf(one)).toEqual([]);
    }
  });

  it('is refused if there are 100', async () => {
    for (let i = 0; i < 100; i += 1) await add(ledger, `c${i}`);
    await expect(add(ledger, 'more')).rejects.toMatchObject({ code: 'TOO_MANY_CONSUMERS' });
  });
});

describe('an entry that another client has added', () => {
  beforeEach(async () => {
    await add(ledger, 'billing');
    await redis.hset('{spec}:consumers', 'evil', JSON.stringify(consumerOf('evil', { orgs: ['*'] })));
    await redis.hincrby('{spec}:ledger', 'consumers', 1);
    await redis.hincrby('{spec}:ledger', 'readers', 1);
  });

  it('is listed by nobody, and named', async () => {
    for (const one of [ledger, fresh()]) {
      expect(await believes(one)).toEqual(['billing org_1']);
      expect(await one.consumers.get('evil')).toBeUndefined();
      expect(await one.registry.isKnown('evil')).toBe(true);
      expect(codesOf(one)).toEqual(['CONSUMER_UNTRUSTED evil']);
    }
  });

  it('is overwritten by an added consumer of this name, and goes with its removal', async () => {
    expect(await add(ledger, 'evil')).toBe(true);
    expect((await ledger.consumers.get('evil'))!.consumer.orgs).toEqual(['org_1']);
    expect(await remove(ledger, 'evil')).toBe(true);
    expect(await redis.hexists('{spec}:consumers', 'evil')).toBe(0);
  });

  it('is removed without ever having been listed', async () => {
    expect(await remove(ledger, 'evil')).toBe(true);
    expect(await redis.hexists('{spec}:consumers', 'evil')).toBe(0);
    expect(await believes(ledger)).toEqual(['billing org_1']);
  });
});

describe('an entry that another client has changed', () => {
  let proved: string;
  beforeEach(async () => {
    await add(ledger, 'billing');
    proved = (await redis.hget('{spec}:consumers', 'billing'))!;
    await redis.hset('{spec}:consumers', 'billing', JSON.stringify(consumerOf('billing', { orgs: ['*'] })));
  });

  it('is put back by a process that has its text', async () => {
    const before = await readers();
    expect(await believes(ledger)).toEqual(['billing org_1']);
    expect(await redis.hget('{spec}:consumers', 'billing')).toBe(proved);
    expect(await readers()).not.toBe(before);
    await believes(ledger);
    expect(ledger.registry.problems()).toEqual([
      expect.objectContaining({ code: 'CONSUMER_ALTERED', subject: 'billing', repaired: true }),
    ]);
    expect((await fresh().system.status()).attention).toContainEqual(
      expect.objectContaining({ code: 'CONSUMER_ALTERED', subject: 'billing' }),
    );
  });

  it('is not believed by another process, and no write of it makes it so', async () => {
    const other = fresh();
    expect(await believes(other)).toEqual([]);
    expect(other.registry.lost()).toEqual(['billing']);
    expect(codesOf(other)).toEqual(['CONSUMER_LOST billing']);
    expect(await add(other, 'crm')).toBe(true);
    expect(await believes(other)).toEqual(['crm org_1']);
    expect(await believes(ledger)).toEqual(['billing org_1', 'crm org_1']);
    expect(await believes(other)).toEqual(['billing org_1', 'crm org_1']);
  });

  it('is replaced if the consumer is added again', async () => {
    const other = fresh();
    expect(await add(other, 'billing', { orgs: ['org_2'] })).toBe(true);
    expect(await believes(ledger)).toEqual(['billing org_2']);
  });
});

describe('a registry that cannot be used', () => {
  beforeEach(async () => {
    await add(ledger, 'billing');
  });
  const spoilt: [string, () => Promise<unknown>][] = [
    ['is missing', () => redis.del('{spec}:registry')],
    ['is empty', () => redis.set('{spec}:registry', '')],
    ['has another text', () => redis.setrange('{spec}:registry', 100, 'x')],
    ['has another MAC', () => redis.setrange('{spec}:registry', 20, 'xxx')],
    ['is too long', () => redis.set('{spec}:registry', 'x'.repeat(300_000))],
    [
      'has another type',
      async () => (await redis.del('{spec}:registry'), redis.lpush('{spec}:registry', 'x')),
    ],
  ];

  it.each(spoilt)('because it %s is put back by a process that has believed it', async (_what, spoil) => {
    const text = await redis.get('{spec}:registry');
    await spoil();
    expect(await believes(ledger)).toEqual(['billing org_1']);
    expect(await believes(fresh())).toEqual(['billing org_1']);
    expect(await redis.get('{spec}:registry')).not.toBe(text);
    await believes(ledger);
    expect(codesOf(ledger)).toEqual(['REGISTRY_REPAIRED']);
  });

  it.each(spoilt)(
    'because it %s lets a process that has not believed it write nothing',
    async (what, spoil) => {
      await spoil();
      const other = fresh();
      expect(await believes(other)).toEqual([]);
      const code = what === 'is missing' ? 'REGISTRY_NOT_TAKEN_OVER' : 'REGISTRY_UNTRUSTED';
      expect(other.registry.untrusted()).toBe(code);
      await expect(add(other, 'crm')).rejects.toMatchObject({ code });
    },
  );

  it('because its entries have another type is put back', async () => {
    await redis.del('{spec}:consumers');
    await redis.set('{spec}:consumers', 'x');
    expect(await believes(ledger)).toEqual(['billing org_1']);
    expect(await believes(fresh())).toEqual(['billing org_1']);
  });
});

describe('very many entries that another client has added', () => {
  it('hold up nothing: 100,000 of them, and one of 60 MB', async () => {
    await add(ledger, 'billing');
    for (let i = 0; i < 10; i += 1) {
      const fields = Object.fromEntries(Array.from({ length: 10_000 }, (_, j) => [`x${i}-${j}`, 'garbage']));
      await redis.hset('{spec}:consumers', fields);
    }
    await redis.hset('{spec}:consumers', 'huge', Buffer.alloc(60_000_000, 'x'));
    await redis.hset('{spec}:consumers', 'billing', Buffer.alloc(60_000_000, 'x'));
    const before = process.memoryUsage().rss;
    expect(await believes(ledger)).toEqual(['billing org_1']);
    expect(await add(ledger, 'crm')).toBe(true);
    const other = fresh();
    expect(await believes(other)).toEqual(['billing org_1', 'crm org_1']);
    expect(codesOf(other)).toHaveLength(20);
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
  });
});

describe('an operator who accepts what is stored', () => {
  const GRANTED = { grant: 'GRANT', kept: { planted: true }, grant_kid: 'x', state: 'ACTIVE' } as const;
  beforeEach(async () => {
    for (const name of ['billing', 'evil'])
      await redis.hset('{spec}:consumers', name, JSON.stringify(consumerOf(name, GRANTED)));
    await redis.hset('{spec}:consumers', 'broken', 'nonsense');
  });
  const shown = async (name: string) =>
    (await ledger.registry.trust.candidates()).find((one) => one.name === name)!;

  it('is shown every entry, and whether it can be read', async () => {
    await ledger.registry.look();
    expect(ledger.registry.untrusted()).toBe('REGISTRY_NOT_TAKEN_OVER');
    const candidates = await ledger.registry.trust.candidates();
    expect(candidates.map(({ name, consumer, proved }) => [name, consumer?.name, proved])).toEqual([
      ['billing', 'billing', false],
      ['broken', undefined, false],
      ['evil', 'evil', false],
    ]);
  });

  it("makes these believed, without what could be a thief's", async () => {
    const { trust } = ledger.registry;
    const rev = await trust.accept([await shown('billing')]);
    for (const one of [ledger, fresh()]) {
      expect(await believes(one)).toEqual(['billing org_1']);
      expect(one.registry.rev()).toBe(rev);
      const { consumer } = (await one.consumers.get('billing'))!;
      expect(consumer).toEqual(consumerOf('billing'));
    }
  });

  it('can keep the grants', async () => {
    await ledger.registry.trust.accept([await shown('billing')], { keepGrants: true });
    expect((await ledger.consumers.get('billing'))!.consumer).toEqual(consumerOf('billing', GRANTED));
  });

  it('is refused if an entry has changed since it was shown, and nothing is written', async () => {
    const [billing, evil] = [await shown('billing'), await shown('evil')];
    await redis.hset('{spec}:consumers', 'billing', JSON.stringify(consumerOf('billing', { orgs: ['*'] })));
    await expect(ledger.registry.trust.accept([billing, evil])).rejects.toMatchObject({
      code: 'REGISTRY_ENTRIES_CHANGED',
    });
    await expect(ledger.registry.trust.accept([await shown('broken')])).rejects.toMatchObject({
      code: 'REGISTRY_ENTRIES_CHANGED',
    });
    expect(await redis.exists('{spec}:registry')).toBe(0);
  });

  it('replaces what was believed, also for processes that believe it', async () => {
    await ledger.registry.trust.accept([await shown('billing'), await shown('evil')]);
    const other = fresh();
    expect(await believes(other)).toEqual(['billing org_1', 'evil org_1']);
    await ledger.registry.trust.accept([await shown('billing')]);
    expect(await believes(other)).toEqual(['billing org_1']);
  });

  it('removes the others also for a process that knows what this one does not', async () => {
    await ledger.registry.trust.accept([await shown('billing'), await shown('evil')]);
    const worker = fresh();
    expect(await believes(worker)).toEqual(['billing org_1', 'evil org_1']);
    const gateway = fresh({ minRev: worker.registry.rev() + 1_000_000_000 });
    expect(await believes(gateway)).toEqual([]);

    await gateway.registry.trust.accept([await shown('billing')]);
    expect(await believes(worker)).toEqual(['billing org_1']);
    await add(gateway, 'crm');
    for (const one of [worker, gateway, fresh()])
      expect(await believes(one)).toEqual(['billing org_1', 'crm org_1']);
  });
});

describe('the presence of a worker', () => {
  it('proves which revision it believes, for itself alone', async () => {
    await add(ledger, 'billing');
    const rev = ledger.registry.rev();
    const other = fresh();
    await other.registry.look();
    const worker = (id: string, registry: string | undefined) => ({
      id,
      kind: 'worker',
      roles: ['rotating'],
      version: '1',
      startedMs: 0,
      seenMs: 0,
      live: true,
      settings: registry === undefined ? {} : { registry },
    });
    const proof = ledger.registry.presence('worker-a')!;
    const mac = proof.split('.')[1]!;
    expect(
      other.registry.behind(rev, [
        worker('worker-a', proof),
        worker('worker-b', proof),
        worker('worker-c', undefined),
        worker('worker-d', `${rev + 5}.${mac}`),
        { ...worker('worker-e', undefined), live: false },
      ]),
    ).toEqual(['worker-b', 'worker-c', 'worker-d']);
    expect(other.registry.behind(rev + 1, [worker('worker-a', proof)])).toEqual(['worker-a']);
  });
});

it.each([
  ['while the first one is written: it is read again', false, 0],
  ['if there is none: they are of an earlier version', true, 1],
])('finds entries that no manifest lists: %s', async (_, isSame, count) => {
  const state: EntryState = { altered: new Map(), lost: new Map(), unlisted: [], count: 0 };
  const stored = { digests: async () => ({ count: 1, sha1: new Map() }), unlisted: async () => ['billing'] };
  const check = { stored: stored as unknown as Stored, believed: new Believed(), state, full: false };
  expect(await checkEntries(check, async () => isSame)).toBe(isSame);
  expect(state.count).toBe(count);
});
