import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Consumer } from '@rekey/schema';
import { specRegistry } from '@rekey/testing';
import { redis, useLedger } from '../ledger-fixture.ts';
import { openLedger, type Ledger } from '../open-ledger.ts';
import type { RegistryEvent } from './registry.ts';

useLedger();

/** A separate process: processes do not share what they believe. */
const fresh = (report?: (event: RegistryEvent) => void): Ledger =>
  openLedger(redis, { prefix: 'spec', registry: { ...specRegistry, report } });
let ledger: Ledger;
beforeEach(() => {
  ledger = fresh();
});
const consumerOf = (name: string, more: Partial<Consumer> = {}): Consumer => ({
  name,
  orgs: ['org_1'],
  state: 'PENDING',
  created_at: '2026-01-01T00:00:00.000Z',
  key: { kty: 'OKP', crv: 'X25519', kid: `kid-${name}` },
  ...more,
});
const add = (name: string, { consumers } = ledger) =>
  consumers.write(name, undefined, consumerOf(name), { reseals: true });
const namesOf = async ({ consumers }: Ledger) =>
  (await consumers.list()).consumers.map(({ consumer }) => consumer.name);
const readers = () => redis.hget('{spec}:ledger', 'readers');
const codes = ({ registry }: Ledger) => registry.problems().map(({ code, subject }) => [code, subject]);

describe('a consumer that a process has added', () => {
  it('is believed by every process that has the key', async () => {
    expect(await add('billing')).toBe(true);
    const other = fresh();
    expect(await namesOf(other)).toEqual(['billing']);
    expect(other.registry.rev()).toBe(ledger.registry.rev());
    expect(other.registry.problems()).toEqual([]);
  });

  it('is written once, by whoever was first', async () => {
    const other = fresh();
    await other.registry.look();
    expect(
      await Promise.all([
        add('billing'),
        other.consumers.write('billing', undefined, consumerOf('billing', { orgs: ['org_2'] })),
      ]),
    ).toEqual(expect.arrayContaining([true, false]));
  });
});

describe('an entry that another client has added', () => {
  beforeEach(async () => {
    await add('billing');
    await redis.hset('{spec}:consumers', 'evil', JSON.stringify(consumerOf('evil', { orgs: ['*'] })));
    await redis.hincrby('{spec}:ledger', 'consumers', 1);
    await redis.hincrby('{spec}:ledger', 'readers', 1);
  });

  it('is listed by nobody, and named', async () => {
    for (const one of [ledger, fresh()]) {
      await one.registry.look({ full: true });
      expect(await namesOf(one)).toEqual(['billing']);
      expect(await one.consumers.get('evil')).toBeUndefined();
      expect(codes(one)).toEqual([['CONSUMER_UNTRUSTED', 'evil']]);
    }
  });

  it('is overwritten by an added consumer of this name, and goes with its removal', async () => {
    expect(await add('evil')).toBe(true);
    expect((await ledger.consumers.get('evil'))!.consumer.orgs).toEqual(['org_1']);
    await ledger.consumers.write('evil', await ledger.consumers.get('evil'), undefined);
    expect(await redis.hexists('{spec}:consumers', 'evil')).toBe(0);
  });
});

describe('an entry that another client has changed', () => {
  let proved: string;
  beforeEach(async () => {
    await add('billing');
    proved = (await redis.hget('{spec}:consumers', 'billing'))!;
    await redis.hset('{spec}:consumers', 'billing', JSON.stringify(consumerOf('billing', { orgs: ['*'] })));
  });

  it('is put back by a process that has its text', async () => {
    const before = await readers();
    await ledger.registry.look({ full: true });
    expect(await redis.hget('{spec}:consumers', 'billing')).toBe(proved);
    expect(await readers()).not.toBe(before);
    await ledger.registry.look({ full: true });
    expect(ledger.registry.problems()).toEqual([
      expect.objectContaining({ code: 'CONSUMER_ALTERED', subject: 'billing', repaired: true }),
    ]);
  });

  it('is not believed by another process, and no write of it makes it so', async () => {
    const other = fresh();
    expect(await namesOf(other)).toEqual([]);
    expect(other.registry.lost()).toEqual(['billing']);
    expect(codes(other)).toEqual([['CONSUMER_LOST', 'billing']]);
    await add('crm', other);
    expect(await namesOf(other)).toEqual(['crm']);
    expect(await namesOf(ledger)).toEqual(['billing', 'crm']);
  });
});
