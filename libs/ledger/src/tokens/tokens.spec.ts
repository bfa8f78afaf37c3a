import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { redis, useLedger } from '../ledger-fixture.ts';
import type { Ledger } from '../open-ledger.ts';
import { add, codesOf, copyOf, fresh } from '../registry/registry-fixture.ts';

useLedger();
let ledger: Ledger;
beforeEach(() => {
  ledger = fresh();
});
afterEach(() => void jest.restoreAllMocks());

const DAY_MS = 86_400_000;
const digestOf = (name: string): string => name.padEnd(43, '0');
const fieldsOf = (name: string, more: object = {}) => ({
  sha256: digestOf(name),
  role: 'rotator',
  orgs: ['org_1'],
  requestedBy: 'uri:spiffe://example.com/anna',
  createdMs: Date.now(),
  expiresMs: Math.floor(Date.now() / 1000) * 1000 + 90 * DAY_MS,
  ...more,
});
const create = ({ tokens }: Ledger, name: string, more?: object) => tokens.create(name, fieldsOf(name, more));
const isKnown = async (one: Ledger, name: string): Promise<boolean> => {
  await one.registry.look({ full: true });
  return one.tokens.find(digestOf(name)) !== undefined;
};
const later = (ms: number) => {
  const nowMs = Date.now();
  jest.spyOn(Date, 'now').mockImplementation(() => nowMs + ms);
};

describe('an access token', () => {
  it('is known to every process that has the registry key, and to no other', async () => {
    const made = await create(ledger, 'nightly');
    const other = fresh();
    expect(await isKnown(other, 'nightly')).toBe(true);
    expect(other.tokens.find(digestOf('nightly'))).toEqual(made);
    const keyless = fresh({ key: undefined });
    expect(await isKnown(keyless, 'nightly')).toBe(false);
    expect(keyless.tokens.untrusted()).toBe('REGISTRY_KEY_MISSING');
    await expect(create(keyless, 'mine')).rejects.toMatchObject({ code: 'REGISTRY_KEY_MISSING' });
  });

  it('is no more once it is revoked, in every process, and its name is free again', async () => {
    await create(ledger, 'nightly');
    const other = fresh();
    await other.registry.look();
    const held = other.tokens.find(digestOf('nightly'))!;
    expect(other.tokens.isCurrent(held)).toBe(true);
    await expect(create(other, 'nightly')).rejects.toMatchObject({ code: 'TOKEN_EXISTS' });
    await ledger.tokens.revoke('nightly');
    expect(await isKnown(other, 'nightly')).toBe(false);
    expect(other.tokens.isCurrent(held)).toBe(false);
    expect(other.tokens.list()).toEqual([]);
    await expect(other.tokens.revoke('nightly')).rejects.toMatchObject({ code: 'TOKEN_NOT_FOUND' });
    await create(other, 'nightly', { sha256: digestOf('again') });
    expect(other.tokens.isCurrent(held)).toBe(false);
  });

  it('is revoked only while it is the one that was looked at', async () => {
    const first = await create(ledger, 'nightly');
    await ledger.tokens.revoke('nightly', undefined, first);
    const second = await create(ledger, 'nightly', { sha256: digestOf('again'), orgs: ['org_2'] });
    const late = ledger.tokens.revoke('nightly', undefined, first);
    await expect(late).rejects.toMatchObject({ code: 'TOKEN_BUSY' });
    expect(ledger.tokens.isCurrent(second)).toBe(true);
  });

  it('is no more once it has expired, is listed for a day, and its name is free', async () => {
    await create(ledger, 'nightly');
    later(90 * DAY_MS + 1000);
    expect(ledger.tokens.find(digestOf('nightly'))).toBeUndefined();
    expect(ledger.tokens.list()).toHaveLength(1);
    await create(ledger, 'nightly', { sha256: digestOf('again') });
    expect(await isKnown(ledger, 'again')).toBe(true);
  });

  it('is forgotten a day after it has expired, without a dispute between processes', async () => {
    const others = [fresh(), fresh()];
    await create(ledger, 'nightly');
    await create(ledger, 'gone');
    await ledger.tokens.revoke('gone');
    for (const one of others) await one.registry.look();
    later(92 * DAY_MS);
    await create(ledger, 'next');
    for (const one of [...others, ledger, fresh()]) {
      await one.registry.look({ full: true });
      expect([...one.registry.facts().keys()].filter((fact) => fact.startsWith('token:'))).toEqual([
        'token:next',
      ]);
      expect(codesOf(one)).toEqual([]);
    }
  });

  it('survives changes of consumers, and the writes of many processes at once', async () => {
    const processes = [ledger, fresh(), fresh()];
    await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        i % 4 === 0 ? add(processes[i % 3]!, `c${i}`) : create(processes[i % 3]!, `t${i}`),
      ),
    );
    const late = fresh();
    await late.registry.look();
    expect(late.tokens.list()).toHaveLength(9);
    expect(codesOf(late)).toEqual([]);
  });

  it('is in an org by its real name once that is known', async () => {
    await create(ledger, 'nightly', { orgs: ['c'] });
    await ledger.registry.noteAlias('org_9', 'configured');
    expect(ledger.tokens.get('nightly')?.orgs).toEqual(['org_9']);
  });

  it('is refused if there are 200, of which revoked ones count whose names are not used again', async () => {
    for (let i = 0; i < 200; i += 1) await create(ledger, `t${i}`);
    await ledger.tokens.revoke('t7');
    await expect(create(ledger, 'more')).rejects.toMatchObject({ code: 'TOO_MANY_TOKENS' });
    await create(ledger, 't7');
    expect((await redis.strlen('{spec}:registry')) < 131_072).toBe(true);
  });

  it.each([
    ['long orgs', { orgs: Array.from({ length: 50 }, (_, i) => `org_${i}_`.padEnd(120, 'x')) }],
    ['names that JSON escapes twice', { requestedBy: '\\'.repeat(512) }],
  ])('is refused before the registry is too long to be read: %s', async (_, more) => {
    let made = 0;
    const all = (async () => {
      for (; made < 200; made += 1) await create(ledger, `t${made}`, more);
    })();
    await expect(all).rejects.toMatchObject({ code: 'TOO_MANY_TOKENS' });
    // 100 consumers and 200 removals have room.
    expect(await redis.strlen('{spec}:registry')).toBeLessThan(200_000);
    const other = fresh();
    await other.registry.look();
    expect(other.tokens.list()).toHaveLength(made);
  });
});

describe('a writer in Redis', () => {
  it('makes no token, whatever it writes', async () => {
    await create(ledger, 'nightly');
    const text = await redis.get('{spec}:registry');
    await redis.set('{spec}:registry', text!.replaceAll('nightly', 'mallory'));
    expect(await isKnown(fresh(), 'nightly')).toBe(false);
    expect(await isKnown(ledger, 'nightly')).toBe(true);
    expect(ledger.tokens.get('mallory')).toBeUndefined();
    expect(await isKnown(fresh(), 'nightly')).toBe(true);
  });

  it('widens none', async () => {
    await create(ledger, 'nightly');
    const text = await redis.get('{spec}:registry');
    await redis.set('{spec}:registry', text!.replace('org_1', '*').replace('rotator', 'admin'));
    expect(await isKnown(fresh(), 'nightly')).toBe(false);
    await ledger.registry.look({ full: true });
    expect(ledger.tokens.get('nightly')).toMatchObject({ role: 'rotator', orgs: ['org_1'] });
  });

  describe('that puts back what was before a revocation', () => {
    let dir: string;
    let memoryPath: string;
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'rekey-tokens-'));
      memoryPath = join(dir, 'memory');
      ledger = fresh({ memoryPath });
      await create(ledger, 'nightly');
      const rollBack = await copyOf('registry');
      await ledger.tokens.revoke('nightly');
      await ledger.registry.startLooking(60_000, () => {}).close();
      await rollBack();
    });
    afterEach(() => rm(dir, { recursive: true, maxRetries: 10 }));

    it('is put right by a process that lives', async () => {
      expect(await isKnown(ledger, 'nightly')).toBe(false);
      expect(await isKnown(fresh(), 'nightly')).toBe(false);
      expect(codesOf(ledger)).toContain('REGISTRY_ROLLED_BACK');
    });

    it('deceives no process that remembers', async () => {
      expect(await isKnown(fresh({ memoryPath }), 'nightly')).toBe(false);
    });

    it('gains nothing by a fresh process that signs a change of its own', async () => {
      const late = fresh();
      await create(late, 'later');
      expect(await isKnown(ledger, 'nightly')).toBe(false);
      expect(await isKnown(ledger, 'later')).toBe(true);
      expect(await isKnown(late, 'nightly')).toBe(false);
    });
  });

  it.each([
    ['revoked, used again for a shorter time, and forgotten', true],
    ['revoked, used again for a shorter time, revoked again, and forgotten', false],
  ])('puts back no token whose name was %s', async (_, isLive) => {
    await create(ledger, 'nightly');
    const rollBack = await copyOf('registry');
    await ledger.tokens.revoke('nightly');
    const expiresMs = Math.floor(Date.now() / 1000) * 1000 + 3_600_000;
    await create(ledger, 'nightly', { sha256: digestOf('again'), expiresMs });
    expect(ledger.tokens.get('nightly')).toMatchObject({ expiresMs });
    if (!isLive) await ledger.tokens.revoke('nightly');
    later(3 * DAY_MS);
    await create(ledger, 'next');
    expect(ledger.tokens.find(digestOf('again'))).toBeUndefined();
    await rollBack();
    later(60_000);
    const late = fresh();
    await create(late, 'later');
    expect(await isKnown(ledger, 'later')).toBe(true);
    expect(await isKnown(ledger, 'nightly')).toBe(false);
    expect(await isKnown(late, 'nightly')).toBe(false);
  });

  it('shows another last use, and nothing that is none', async () => {
    await create(ledger, 'a');
    await create(ledger, 'b');
    await ledger.tokens.noteUse('a', 5000);
    await redis.hset('{spec}:token-uses', 'b', 'x'.repeat(1000));
    expect([...(await ledger.tokens.lastUses(['a', 'b']))]).toEqual([['a', 5000]]);
    await redis.set('{spec}:token-uses', 'of another type');
    expect([...(await ledger.tokens.lastUses(['a', 'b']))]).toEqual([]);
    await expect(ledger.tokens.noteUse('a', 6000)).rejects.toThrow('WRONGTYPE');
    await ledger.tokens.revoke('a');
    expect(ledger.tokens.get('a')).toBeUndefined();
  });
});
