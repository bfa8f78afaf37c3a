import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { status, type ServiceError } from '@grpc/grpc-js';
import { readStatusDetails } from '@rekey/rpc';
import { OPEN_ACCESS } from '../access/guard-calls.ts';
import { rightsOf } from '@rekey/access';
import { LOCAL } from '../identity/authenticate.ts';
import { call, useServices } from '../services-fixture.ts';

const fixture = useServices();

describe('ListConsumers', () => {
  const add = (name: string, orgs: string[]) =>
    fixture.consumers.write(name, undefined, {
      name,
      orgs,
      state: 'ACTIVE',
      created_at: '2026-01-01T00:00:00.000Z',
      key: { kty: 'OKP', crv: 'X25519', kid: 'k' },
    });
  /** The names on each page. */
  const pages = async (pageSize: number): Promise<string[][]> => {
    const all: string[][] = [];
    for (let pageToken = ''; ;) {
      const page = await call(fixture.services.ConsumerService.ListConsumers, { pageSize, pageToken });
      all.push(page.consumers.map(({ name }: { name: string }) => name));
      if (page.nextPageToken === '') return all;
      pageToken = page.nextPageToken;
    }
  };

  it('returns pages by name, each consumer once', async () => {
    for (const name of ['d', 'b', 'e', 'a', 'c']) await add(name, ['org_1']);
    expect(await pages(2)).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(await pages(5)).toEqual([['a', 'b', 'c', 'd', 'e']]);
    expect(await pages(0)).toEqual([['a', 'b', 'c', 'd', 'e']]);
    expect(await pages(1000)).toEqual([['a', 'b', 'c', 'd', 'e']]);
  });

  it('continues after a consumer removed between two pages, and includes one added', async () => {
    for (const name of ['a', 'b', 'd']) await add(name, ['org_1']);
    const { nextPageToken: pageToken } = await call(fixture.services.ConsumerService.ListConsumers, {
      pageSize: 2,
      pageToken: '',
    });
    await fixture.consumers.write('b', await fixture.consumers.get('b'), undefined);
    await add('c', ['org_1']);
    expect(
      (await call(fixture.services.ConsumerService.ListConsumers, { pageSize: 2, pageToken })).consumers.map(
        ({ name }: { name: string }) => name,
      ),
    ).toEqual(['c', 'd']);
  });

  it('ends a page before it is too large for a client', async () => {
    const orgs = Array.from({ length: 1000 }, (_, i) => `org_${String(i).padStart(60, '0')}`);
    const names = Array.from({ length: 100 }, (_, i) => `c${String(i).padStart(2, '0')}`);
    for (const name of names) await add(name, orgs);
    const found = await pages(100);
    expect(found.flat()).toEqual(names);
    expect(found.length).toBeGreaterThan(1);
    // gRPC clients accept 4 MiB.
    expect(Math.max(...found.map((page) => page.length)) * 67_000).toBeLessThan(4 * 1024 * 1024);
  });

  it.each([
    { pageSize: -1, pageToken: '' },
    { pageSize: 1, pageToken: 'x' },
    { pageSize: 1, pageToken: Buffer.from('12345678 a').toString('base64url') },
  ])('refuses %j', async (request) => {
    await expect(call(fixture.services.ConsumerService.ListConsumers, request)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('refuses the token of another list', async () => {
    const { CreateSweep, ListSweeps } = fixture.services.SweepService;
    for (const orgId of ['org_a', 'org_b']) await call(CreateSweep, { orgId });
    const { nextPageToken: pageToken } = await call(ListSweeps, { pageSize: 1, pageToken: '' });
    await expect(
      call(fixture.services.ConsumerService.ListConsumers, { pageSize: 1, pageToken }),
    ).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('shows an invalid org that an earlier version accepted, and refuses to set it again', async () => {
    await add('old', ['my org']);
    expect(await pages(10)).toEqual([['old']]);
    await expect(
      call(fixture.services.ConsumerService.SetConsumerOrgs, { name: 'old', orgs: ['my org'] }),
    ).rejects.toMatchObject({ details: expect.stringContaining('orgs[0] must not contain white space') });
  });
});

describe('AddConsumer', () => {
  const { d: _private, ...jwk } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const add = (orgs: string[]) =>
    call(fixture.services.ConsumerService.AddConsumer, {
      name: 'billing',
      orgs,
      publicJwk: JSON.stringify(jwk),
    });

  it('with the key of a consumer of other orgs says no more than that the name is taken', async () => {
    await add(['org_1', 'org_2']);
    const names = new Set(['uri:admin']);
    const rights = rightsOf(
      { bindings: [{ principals: ['uri:admin'], role: 'admin', orgs: ['org_1'] }] },
      names,
    );
    fixture.access = { ...OPEN_ACCESS, admit: () => ({ caller: LOCAL, rights: () => rights }) };
    const error = await add(['org_1']).catch((refusal: unknown) => refusal);
    expect(readStatusDetails(error as never).reason).toBe('CONSUMER_EXISTS');
    expect(String((error as ServiceError).details)).not.toContain('org_2');
  });
});

describe('a consumer that changes while the right to change it is looked up', () => {
  const { d: _private, ...jwk } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const service = () => fixture.services.ConsumerService;
  const orgsOf = async (): Promise<string[]> =>
    (await call(service().GetConsumer, { name: 'billing' })).orgs as string[];
  const actor = { by: 'local', request: 'r' };

  it.each<[string, () => Promise<unknown>]>([
    ['SetConsumerOrgs', () => call(service().SetConsumerOrgs, { name: 'billing', orgs: ['org_1'] })],
    ['RemoveConsumer', () => call(service().RemoveConsumer, { name: 'billing' })],
  ])('is not taken from the orgs that it has by then: %s', async (_method, change) => {
    await call(service().AddConsumer, {
      name: 'billing',
      orgs: ['org_1'],
      publicJwk: JSON.stringify(jwk),
    });
    const { registry } = fixture;
    const { look } = registry;
    let looks = 0;
    // The first look is that of the right.
    registry.look = async (options) => {
      const view = await look.call(registry, options);
      looks += 1;
      if (looks !== 2) return view;
      const seen = registry.get('billing')!;
      const after = { ...seen.consumer, orgs: ['org_1', 'org_2'] };
      expect(await registry.write('billing', seen, after, { reseals: true, actor })).toBe(true);
      return look.call(registry, options);
    };
    const before = fixture.access;
    const names = new Set(['uri:admin']);
    const binding = { principals: ['uri:admin'], role: 'admin' as const, orgs: ['org_1'] };
    const rights = rightsOf({ bindings: [binding] }, names);
    fixture.access = { ...OPEN_ACCESS, admit: () => ({ caller: LOCAL, rights: () => rights }) };
    const error = await change().then(
      () => undefined,
      (refusal: unknown) => refusal,
    );
    registry.look = look;
    fixture.access = before;
    expect(readStatusDetails(error as never).reason).toBe('CONSUMER_BUSY');
    expect(await orgsOf()).toEqual(['org_1', 'org_2']);
  });
});
