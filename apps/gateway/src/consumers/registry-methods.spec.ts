import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { rightsOf } from '@rekey/access';
import { thumbprintOf } from '@rekey/sealing';
import { OPEN_ACCESS } from '../access/guard-calls.ts';
import { LOCAL } from '../identity/authenticate.ts';
import { PREFIX, call, useServices } from '../services-fixture.ts';

const fixture = useServices();
const CONSUMERS = `{${PREFIX}}:consumers`;

const newKey = () => {
  const { d: _private, ...jwk } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  return jwk;
};
const service = () => fixture.services.ConsumerService;
const add = (name: string, orgs = ['org_1']) =>
  call(service().AddConsumer, { name, orgs, publicJwk: JSON.stringify(newKey()) });
/** Writes an entry as another client, without the registry. */
const plant = async (name: string, more: object = {}): Promise<string> => {
  const text = JSON.stringify({
    name,
    orgs: ['*'],
    state: 'ACTIVE',
    created_at: '2026-01-01T00:00:00.000Z',
    key: { ...newKey(), kid: 'k' },
    ...more,
  });
  await fixture.redis.hset(CONSUMERS, name, text);
  return text;
};
const names = async (): Promise<string[]> =>
  (await call(service().ListConsumers, { pageSize: 100, pageToken: '' })).consumers.map(
    ({ name }: { name: string }) => name,
  );
const review = () => call(service().ReviewRegistry, {});
const trust = (consumers: { name: string; digest: string }[], keepGrants = false) =>
  call(service().TrustRegistry, { consumers, keepGrants });
const digestOf = (text: string) => createHash('sha256').update(text).digest('base64url');

describe('an entry that another client has written', () => {
  it('is listed nowhere, is overwritten by AddConsumer, and deleted by RemoveConsumer', async () => {
    await add('billing');
    await plant('evil');
    await plant('crm');
    expect(await names()).toEqual(['billing']);
    for (const method of [service().GetConsumer, service().SetConsumerOrgs])
      await expect(call(method, { name: 'evil', orgs: ['*'] })).rejects.toMatchObject({
        code: status.NOT_FOUND,
      });
    expect(await add('crm')).toMatchObject({ name: 'crm', orgs: ['org_1'], state: 'PENDING' });
    const { registryRev } = await call(service().RemoveConsumer, { name: 'evil' });
    expect(Number(registryRev)).toBeGreaterThan(0);
    expect((await fixture.redis.hkeys(CONSUMERS)).toSorted()).toEqual(['billing', 'crm']);
    await expect(call(service().RemoveConsumer, { name: 'evil' })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });
});

describe('ReviewRegistry', () => {
  it('shows the thumbprint of the key itself, whatever the entry says, and its digest', async () => {
    const key = newKey();
    const text = await plant('evil', { key: { ...key, kid: 'of another' } });
    const shared = await plant('shared', { key: { kty: 'oct', kid: 'unproved' }, shared_key: {} });
    expect(await review()).toMatchObject({
      consumers: [
        {
          name: 'evil',
          orgs: ['*'],
          orgCount: 1,
          keyType: 'X25519',
          keyThumbprint: await thumbprintOf(key),
          keyVerified: true,
          digest: digestOf(text),
          believed: false,
        },
        {
          name: 'shared',
          keyType: 'shared',
          keyThumbprint: 'unproved',
          keyVerified: false,
          digest: digestOf(shared),
        },
      ],
      otherCount: 0,
    });
  });

  it('shows those that are proved first, 100 at most, and counts the rest', async () => {
    await add('zz');
    for (let i = 0; i < 150; i += 1) await plant(`evil-${i}`);
    await fixture.redis.hset(CONSUMERS, 'garbage', '{', 'huge', 'x'.repeat(2 ** 20));
    const { consumers, otherCount } = await review();
    expect(consumers).toHaveLength(100);
    expect([consumers[0].name, consumers[0].believed, otherCount]).toEqual(['zz', true, 53]);
  });

  it('fits into a response, however many orgs there are', async () => {
    const orgs = Array.from({ length: 1000 }, (_, i) => `org_${String(i).padStart(250, '0')}`);
    for (let i = 0; i < 100; i += 1)
      await plant(`evil-${i}`, {
        orgs,
        created_at: 'x'.repeat(10_000),
        key: { kty: 'oct', kid: 'k'.repeat(9999) },
      });
    const response = await review();
    expect(response.consumers[0]).toMatchObject({ orgCount: 1000, orgs: orgs.slice(0, 20) });
    expect(JSON.stringify(response).length).toBeLessThan(1024 * 1024);
  });
});

describe('TrustRegistry', () => {
  it('believes exactly what it names, and removes everything else', async () => {
    await add('before');
    const text = await plant('billing', { orgs: ['org_1'], grant: 'g', kept: 'k' });
    await plant('evil');
    const { registryRev } = await trust([{ name: 'billing', digest: digestOf(text) }]);
    expect(Number(registryRev)).toBeGreaterThan(0);
    expect(await names()).toEqual(['billing']);
    const entry = JSON.parse((await fixture.redis.hget(CONSUMERS, 'billing'))!);
    expect(entry).toMatchObject({ state: 'PENDING', orgs: ['org_1'] });
    expect(Object.keys(entry)).not.toEqual(expect.arrayContaining(['grant']));
    expect(await fixture.redis.hkeys(CONSUMERS)).toEqual(['billing']);
  });

  it('keeps grants only if it is told to', async () => {
    const text = await plant('billing', { grant: 'g', kept: 'k' });
    await trust([{ name: 'billing', digest: digestOf(text) }], true);
    const entry = JSON.parse((await fixture.redis.hget(CONSUMERS, 'billing'))!);
    expect(entry).toMatchObject({ state: 'ACTIVE', grant: 'g', kept: 'k' });
  });

  it('changes nothing if an entry is not as it was shown, or gone', async () => {
    await add('before');
    await plant('billing');
    for (const digest of [digestOf('another'), digestOf('')])
      await expect(trust([{ name: 'billing', digest }])).rejects.toMatchObject({ code: status.ABORTED });
    await expect(trust([{ name: 'nobody', digest: digestOf('') }])).rejects.toMatchObject({
      code: status.ABORTED,
    });
    expect(await names()).toEqual(['before']);
  });

  it.each([
    ['a name twice', ['a', 'a'], status.INVALID_ARGUMENT],
    ['what is no name', ['A'], status.INVALID_ARGUMENT],
    ['more than there may be', Array.from({ length: 101 }, (_, i) => `c${i}`), status.RESOURCE_EXHAUSTED],
  ])('refuses %s', async (_what, all, code) => {
    const digest = digestOf('');
    await expect(trust(all.map((name) => ({ name, digest })))).rejects.toMatchObject({ code });
  });
});

describe('GetRegistry', () => {
  it('names the live workers that have not proved the revision', async () => {
    await add('billing');
    const worker = (id: string, registry?: string) =>
      fixture.processes.beat({
        id,
        kind: 'worker',
        roles: ['rotating'],
        version: '1',
        settings: registry === undefined ? {} : { registry },
      });
    const { registry } = fixture;
    const silent = ({
      forMs,
      left = '0',
      ...settings
    }: {
      forMs: number;
      left?: string;
      registry?: string;
    }) => {
      const seenMs = Date.now() - forMs;
      const about = { kind: 'worker', roles: ['rotating'], version: '1', settings };
      return `${seenMs} ${seenMs} 10000 ${left} ${JSON.stringify(about)}`;
    };
    await worker('worker-new', registry.presence('worker-new'));
    await worker('worker-silent');
    await worker('worker-forger', registry.presence('worker-new'));
    await worker('worker-old', registry.presence('worker-old', registry.rev() - 1));
    await fixture.redis.hset(`{${PREFIX}}:processes`, {
      'worker-hangs': silent({ forMs: 20_000 }),
      'worker-of-before': silent({ forMs: 120_000 }),
      'worker-ended': silent({ forMs: 20_000, left: '1' }),
      'worker-proved': silent({ forMs: 20_000, registry: registry.presence('worker-proved')! }),
    });
    const { laggingWorkers, ...rest } = await call(service().GetRegistry, { registryRev: '0' });
    expect(laggingWorkers.toSorted()).toEqual(['worker-forger', 'worker-old', 'worker-silent']);
    expect(rest).toEqual({
      registryRev: registry.rev(),
      workers: ['worker-new'],
      silentWorkers: ['worker-hangs'],
    });
  });

  it('names no host to a caller that may not see the status of Rekey', async () => {
    await add('billing');
    const { registry, processes } = fixture;
    const about = { kind: 'worker', roles: ['rotating'], version: '1' };
    for (const id of ['worker-db7.internal-77-new', 'worker-db7.internal-78-old'])
      await processes.beat({
        ...about,
        id,
        settings: id.endsWith('new') ? { registry: registry.presence(id)! } : {},
      });
    const as = (orgs: string[]) => {
      const binding = { principals: ['uri:anna'], role: 'viewer' as const, orgs };
      const rights = rightsOf({ bindings: [binding] }, new Set(['uri:anna']));
      fixture.access = { ...OPEN_ACCESS, admit: () => ({ caller: LOCAL, rights: () => rights }) };
      return call(service().GetRegistry, { registryRev: '0' });
    };
    expect(await as(['*'])).toMatchObject({
      workers: ['worker-db7.internal-77-new'],
      laggingWorkers: ['worker-db7.internal-78-old'],
    });
    const shown = await as(['org_1']);
    expect([...shown.workers, ...shown.laggingWorkers]).toEqual([
      expect.stringMatching(/^worker-[0-9a-f]{12}$/),
      expect.stringMatching(/^worker-[0-9a-f]{12}$/),
    ]);
    expect(await as(['org_1'])).toEqual(shown);
  });
});
