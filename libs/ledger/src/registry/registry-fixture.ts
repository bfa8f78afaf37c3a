import type { Consumer } from '@rekey/schema';
import { specRegistry } from '@rekey/testing';
import { redis } from '../ledger-fixture.ts';
import { openLedger, type Ledger } from '../open-ledger.ts';
import type { RegistryOptions } from './registry.ts';

/** For specs only: a separate process. Processes do not share what they believe. */
export const fresh = (options: Partial<RegistryOptions> = {}): Ledger =>
  openLedger(redis, { prefix: 'spec', registry: { ...specRegistry, ...options } });

export const consumerOf = (name: string, more: Partial<Consumer> = {}): Consumer => ({
  name,
  orgs: ['org_1'],
  state: 'PENDING',
  created_at: '2026-01-01T00:00:00.000Z',
  key: { kty: 'OKP', crv: 'X25519', kid: `kid-${name}` },
  ...more,
});

export const add = ({ consumers }: Ledger, name: string, more: Partial<Consumer> = {}): Promise<boolean> =>
  consumers.write(name, undefined, consumerOf(name, more), { reseals: true });

export const remove = async ({ consumers }: Ledger, name: string): Promise<boolean> =>
  consumers.write(name, await consumers.get(name), undefined, { reseals: true });

/** What a process believes after it has compared everything. */
export const believes = async ({ registry }: Ledger): Promise<string[]> => {
  await registry.look({ full: true });
  return registry.list().consumers.map(({ consumer: { name, orgs } }) => `${name} ${orgs.join()}`);
};

export const codesOf = ({ registry }: Ledger): string[] =>
  registry.problems().map(({ code, subject }) => `${code} ${subject}`.trim());

/** A copy of the registry, to be put back. */
export const copyOf = async (...keys: string[]): Promise<() => Promise<void>> => {
  const copies = await Promise.all(keys.map((key) => redis.dumpBuffer(`{spec}:${key}`)));
  return async () => {
    for (const [i, key] of keys.entries()) {
      await redis.del(`{spec}:${key}`);
      if (copies[i]) await redis.restore(`{spec}:${key}`, 0, copies[i]);
    }
  };
};
