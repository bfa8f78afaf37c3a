import { EventEmitter, once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { specRegistry } from '@rekey/testing';
import { redis, useLedger } from '../ledger-fixture.ts';
import { openLedger, type Ledger } from '../open-ledger.ts';
import { add, believes, codesOf, copyOf, fresh, remove } from './registry-fixture.ts';

useLedger();

let live: Ledger;
let dir: string;
let memoryPath: string;
/** Puts back the registry as it was with `gone`, and before `crm` was added. */
let rollBack: { entries(): Promise<void>; manifest(): Promise<void>; both(): Promise<void> };
const NOW = ['billing org_1', 'crm org_1'];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rekey-registry-'));
  memoryPath = join(dir, 'memory');
  live = fresh({ memoryPath });
  await add(live, 'billing');
  await add(live, 'gone', { orgs: ['*'] });
  rollBack = {
    entries: await copyOf('consumers'),
    manifest: await copyOf('registry'),
    both: await copyOf('consumers', 'registry'),
  };
  await remove(live, 'gone');
  await add(live, 'crm');
  await live.registry.startLooking(60_000, () => {}).close();
});
afterEach(() => rm(dir, { recursive: true, maxRetries: 10 }));

describe.each(['entries', 'manifest', 'both'] as const)(
  'a registry whose %s another client rolled back',
  (what) => {
    it('is put right by a process that lives', async () => {
      await rollBack[what]();
      expect(await believes(live)).toEqual(NOW);
      expect(await believes(fresh())).toEqual(NOW);
      await live.registry.look({ full: true });
      expect(codesOf(live)).toContainEqual(
        what === 'entries' ? 'CONSUMER_ALTERED crm' : 'REGISTRY_ROLLED_BACK',
      );
    });

    it('is not believed by a process that remembers it in its file', async () => {
      await rollBack[what]();
      const restarted = fresh({ memoryPath });
      expect((await believes(restarted)).filter((one) => one.startsWith('gone'))).toEqual([]);
      await believes(live);
      expect(await believes(restarted)).toEqual(NOW);
    });

    it('is believed by none of its removed consumers through a write of a fresh process', async () => {
      await rollBack[what]();
      const late = fresh();
      await add(late, 'new');
      await add(late, 'newer');
      expect(await believes(live)).toEqual([...NOW, 'new org_1', 'newer org_1']);
      expect(await believes(late)).toEqual([...NOW, 'new org_1', 'newer org_1']);
      expect(await redis.hexists('{spec}:consumers', 'gone')).toBe(what === 'manifest' ? 0 : 1);
    });
  },
);

describe('a manifest that is published as it is written', () => {
  /** A process that hears what `act` publishes after another client has put back the registry of before. */
  const hearing = async (act: () => Promise<unknown>): Promise<Ledger> => {
    const one = fresh();
    await believes(one);
    const back = await copyOf('consumers', 'registry');
    const channel = Object.assign(new EventEmitter(), { subscribe: async () => {} });
    one.registry.listen(channel, () => {});
    const subscriber = redis.duplicate();
    await subscriber.subscribe('{spec}:registry-written');
    try {
      const [message] = await Promise.all([once(subscriber, 'message'), act()]);
      await back();
      channel.emit('message', ...message);
    } finally {
      subscriber.disconnect();
    }
    return one;
  };

  it('counts, though another client has put back the old one before it was read', async () => {
    const worker = await hearing(() => remove(live, 'crm'));
    expect(await believes(worker)).toEqual(['billing org_1']);
    expect(await believes(fresh())).toEqual(['billing org_1']);
  });

  it('changes nothing if it is an old one', async () => {
    await rollBack.manifest();
    const old = (await redis.get('{spec}:registry'))!;
    await believes(live);
    const worker = await hearing(() => redis.publish('{spec}:registry-written', old));
    expect(await believes(worker)).toEqual(NOW);
    expect(codesOf(worker)).toEqual([]);
  });

  it('is checked once, however often it is published', async () => {
    const { key } = specRegistry;
    let checks = 0;
    const verify: typeof key.verify = (...proof) => {
      checks += 1;
      return key.verify(...proof);
    };
    const one = fresh({ key: { ...key, verify } });
    await believes(one);
    const channel = Object.assign(new EventEmitter(), { subscribe: async () => {} });
    one.registry.listen(channel, () => {});
    const emit = (text: string) => channel.emit('message', '{spec}:registry-written', text);
    await rollBack.manifest();
    const [old, now] = [(await redis.get('{spec}:registry'))!, live.registry.rev()];
    await live.registry.look({ full: true });
    const current = (await redis.get('{spec}:registry'))!;
    checks = 0;
    for (let times = 0; times < 1000; times += 1) [old, current].map(emit);
    // Longer than a manifest is in bytes, not in characters.
    emit(`${current.slice(0, 59)}${'ж'.repeat(200_000)}`);
    expect(checks).toBe(2);
    await believes(one);
    expect(one.registry.rev()).toBeGreaterThan(now);
  });
});

describe('what was repaired', () => {
  const noted = async () => (await redis.hget('{spec}:ledger', 'registry_repaired')) ?? '';

  it('is noted beside what other processes have repaired', async () => {
    const other = fresh();
    await believes(other);
    await rollBack.manifest();
    await believes(live);
    await redis.hset('{spec}:consumers', 'crm', 'nonsense');
    await believes(other);
    expect(await noted()).toContain('REGISTRY_ROLLED_BACK');
    expect(await noted()).toContain('CONSUMER_ALTERED');
  });

  it('is noted whatever another client has written there', async () => {
    await redis.hset('{spec}:ledger', 'registry_repaired', 'x'.repeat(2_000_000));
    await rollBack.manifest();
    await believes(live);
    expect((await noted()).slice(0, 100)).toContain('REGISTRY_ROLLED_BACK');
  });
});

describe('a registry that another client puts back again and again', () => {
  it('is contested after the third repair within a minute', async () => {
    for (let repairs = 1; repairs <= 3; repairs += 1) {
      expect(live.registry.isContested()).toBe(false);
      await rollBack.both();
      for (let tries = 0; tries < 60 && (await redis.hexists('{spec}:consumers', 'crm')) === 0; tries += 1) {
        await live.registry.look({ full: true });
        await sleep(100);
      }
    }
    await live.registry.look();
    expect(live.registry.isContested()).toBe(true);
    expect(codesOf(live)).toContain('REGISTRY_CONTESTED');
  });
});

describe('a registry that was rolled back while no process lives', () => {
  it('is not believed below the configured revision', async () => {
    const minRev = live.registry.rev();
    await rollBack.both();
    const started = fresh({ minRev });
    expect(await believes(started)).toEqual([]);
    expect(started.registry.untrusted()).toBe('REGISTRY_UNTRUSTED');
    expect(codesOf(started)).toEqual(['REGISTRY_UNTRUSTED']);
  });

  it('that has gone is not taken for a new one below the configured revision', async () => {
    await redis.del('{spec}:registry', '{spec}:consumers');
    const started = fresh({ minRev: live.registry.rev() });
    await started.registry.look();
    expect(started.registry.untrusted()).toBe('REGISTRY_UNTRUSTED');
  });
});

describe('a registry that begins anew because another client has deleted it', () => {
  beforeEach(async () => {
    await redis.del('{spec}:registry', '{spec}:consumers');
    await add(fresh(), 'new');
  });

  it('is merged with what a process has believed before', async () => {
    expect(await believes(live)).toEqual([...NOW, 'new org_1']);
    expect(await believes(fresh())).toEqual([...NOW, 'new org_1']);
  });

  it('is above each earlier one, which is not believed if it is put back', async () => {
    const begun = fresh();
    await believes(begun);
    await rollBack.both();
    expect(await believes(begun)).toEqual(['new org_1']);
  });
});

describe('two histories of a registry with the same revision', () => {
  it('end in the same one, whoever reads first, and a removal wins', async () => {
    const [a, b] = [fresh(), fresh()];
    await believes(a);
    await believes(b);
    const before = await copyOf('registry', 'consumers');
    const clock = Date.now;
    const atMs = Date.now() + 60_000;
    Date.now = () => atMs;
    try {
      await remove(a, 'crm');
      await before();
      await b.consumers.write(
        'crm',
        await b.consumers.get('crm'),
        { ...(await b.consumers.get('crm'))!.consumer, orgs: ['*'] },
        { reseals: true },
      );
    } finally {
      Date.now = clock;
    }
    expect(a.registry.rev()).toBe(b.registry.rev());
    expect(await believes(a)).toEqual(['billing org_1']);
    expect(await believes(b)).toEqual(['billing org_1']);
    expect(await believes(a)).toEqual(['billing org_1']);
  });
});

describe('a manifest of another ledger under the same key', () => {
  it('is believed by nobody', async () => {
    const other = openLedger(redis, {
      prefix: 'other',
      registry: { key: (await import('@rekey/testing')).specRegistry.key },
    });
    await add(other, 'evil', { orgs: ['*'] });
    await redis.copy('{other}:registry', '{spec}:registry', 'REPLACE');
    await redis.copy('{other}:consumers', '{spec}:consumers', 'REPLACE');
    const started = fresh();
    expect(await believes(started)).toEqual([]);
    expect(started.registry.untrusted()).toBe('REGISTRY_UNTRUSTED');
    expect(await believes(live)).toEqual(NOW);
  });
});

describe('the memory file', () => {
  it('holds the stored manifest, byte for byte', async () => {
    expect(await readFile(memoryPath, 'utf8')).toBe(await redis.get('{spec}:registry'));
  });

  it('that cannot be written is reported', async () => {
    const kinds: string[] = [];
    const one = fresh({ memoryPath: join(dir, 'missing', 'memory'), report: ({ kind }) => kinds.push(kind) });
    await believes(one);
    await one.registry.startLooking(60_000, () => {}).close();
    expect(kinds).toContain('memory-failed');
  });
});
