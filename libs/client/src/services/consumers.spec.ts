import { describe, expect, it } from '@jest/globals';
import { RekeyError } from '@rekey/schema';
import { startFake, connect, failureOf, inTurn, away } from '../gateway-fixture.ts';

describe('consumers', () => {
  it('are listed from all pages', async () => {
    const list = inTurn({ consumers: [{ name: 'a' }, { name: 'b' }], nextPageToken: 't' }, away(), {
      consumers: [{ name: 'c' }],
    });
    const client = connect(await startFake({ consumers: { ListConsumers: list.handler } }));
    expect((await client.listConsumers()).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(list.requests).toMatchObject([
      { pageSize: 100, pageToken: '' },
      { pageSize: 100, pageToken: 't' },
      { pageSize: 100, pageToken: 't' },
    ]);
  });

  const time = { seconds: '1767225600', nanos: 0 };
  const billing = {
    name: 'billing',
    orgs: ['org'],
    state: 'ACTIVE',
    createTime: time,
    keyType: 'X25519',
    keyId: 'abc',
    live: true,
    lagEvents: '3',
    lag: { seconds: '1', nanos: 500_000_000 },
    instances: [
      {
        id: 'a',
        live: true,
        heardTime: time,
        position: '7-0',
        seq: '7',
        keyCount: '5000',
        unappliedCount: '1',
        unapplied: [{ assistantId: 'ast', version: '0', why: 'forged' }],
        refusedCount: '3',
        refused: [{ assistantId: 'ast', version: '7', why: 'forged' }],
      },
    ],
  };
  const publicJwk = '{"kty":"OKP"}';

  it('have dates and numbers, and no unset fields', async () => {
    const client = connect(
      await startFake({
        consumers: {
          GetConsumer: inTurn(away(), billing).handler,
          ListConsumers: inTurn(away(), {
            consumers: [{ name: 'crm', orgs: ['*'], state: 'PENDING', createTime: time, keyType: 'shared' }],
          }).handler,
        },
      }),
    );
    const date = new Date('2026-01-01T00:00:00Z');
    expect(await client.getConsumer('billing')).toEqual({
      name: 'billing',
      orgs: ['org'],
      state: 'ACTIVE',
      createTime: date,
      keyType: 'X25519',
      keyId: 'abc',
      live: true,
      lagEvents: 3,
      lagMs: 1500,
      instances: [
        {
          id: 'a',
          live: true,
          heardTime: date,
          position: '7-0',
          seq: 7,
          keyCount: 5000,
          unappliedCount: 1,
          unapplied: [{ assistantId: 'ast', why: 'forged' }],
          refusedCount: 3,
          refused: [{ assistantId: 'ast', version: 7, why: 'forged' }],
        },
      ],
    });
    expect(await client.listConsumers()).toEqual([
      {
        name: 'crm',
        orgs: ['*'],
        state: 'PENDING',
        createTime: date,
        keyType: 'shared',
        live: false,
        lagEvents: 0,
        instances: [],
      },
    ]);
  });

  it('are added with a public key, and given orgs, with retries', async () => {
    const [add, set] = [inTurn(away(), billing), inTurn(new RekeyError('CONSUMER_BUSY'), billing)];
    const client = connect(
      await startFake({ consumers: { AddConsumer: add.handler, SetConsumerOrgs: set.handler } }),
    );
    expect(await client.addConsumer({ name: 'billing', orgs: ['org'], publicJwk })).toMatchObject({
      name: 'billing',
      state: 'ACTIVE',
    });
    expect(await client.setConsumerOrgs({ name: 'billing', orgs: ['org', 'c'] })).toMatchObject({
      name: 'billing',
    });
    expect(add.requests).toMatchObject(
      Array.from({ length: 2 }, () => ({ name: 'billing', orgs: ['org'], publicJwk })),
    );
    expect(set.requests).toMatchObject(
      Array.from({ length: 2 }, () => ({ name: 'billing', orgs: ['org', 'c'] })),
    );
  });

  it('are added with a shared key, and removed, without retries', async () => {
    const [add, remove] = [inTurn(away()), inTurn(away(), { registryRev: '7' })];
    const client = connect(
      await startFake({ consumers: { AddConsumer: add.handler, RemoveConsumer: remove.handler } }),
    );
    expect(
      await failureOf(client.addConsumer({ name: 'billing', orgs: ['org'], sealedSharedJwk: '{}' })),
    ).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect(await failureOf(client.removeConsumer('billing'))).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect([add.requests.length, remove.requests.length]).toEqual([1, 1]);
    expect(await client.removeConsumer('billing')).toEqual({ registryRev: 7 });
    expect(remove.requests).toEqual([{ name: 'billing' }, { name: 'billing' }]);
  });

  it('trust a public key, which is requested until a worker has run', async () => {
    const { requests, handler } = inTurn(new RekeyError('NO_WORKER_YET'), {
      jwk: '{"kty":"OKP","crv":"Ed25519"}',
    });
    const client = connect(await startFake({ consumers: { GetPublicKey: handler } }));
    expect(await client.getPublicKey()).toEqual({ jwk: '{"kty":"OKP","crv":"Ed25519"}' });
    expect(requests).toHaveLength(2);
  });

  it('are reviewed and trusted by name and digest, and proved by workers', async () => {
    const registry = {
      registryRev: '8',
      workers: ['worker-1'],
      laggingWorkers: ['worker-2'],
      silentWorkers: ['w'],
    };
    const [get, trust] = [inTurn(away(), registry), inTurn(registry)];
    const reviewed = {
      name: 'billing',
      orgs: ['org'],
      orgCount: 1,
      state: 'ACTIVE',
      keyType: 'X25519',
      keyThumbprint: 'abc',
      keyVerified: true,
      digest: 'def',
      believed: false,
    };
    const client = connect(
      await startFake({
        consumers: {
          GetRegistry: get.handler,
          ReviewRegistry: inTurn({ consumers: [reviewed], otherCount: '3' }).handler,
          TrustRegistry: trust.handler,
        },
      }),
    );
    const known = {
      registryRev: 8,
      workers: ['worker-1'],
      laggingWorkers: ['worker-2'],
      silentWorkers: ['w'],
    };
    expect(await client.getRegistry({ registryRev: 8 })).toEqual(known);
    expect(get.requests).toMatchObject([{ registryRev: '8' }, { registryRev: '8' }]);
    expect(await client.reviewRegistry()).toEqual({ consumers: [reviewed], otherCount: 3 });
    expect(await client.trustRegistry({ consumers: [{ name: 'billing', digest: 'def' }] })).toEqual(known);
    expect(trust.requests).toEqual([{ consumers: [{ name: 'billing', digest: 'def' }], keepGrants: false }]);
  });

  it('are refused if the name exists', async () => {
    const client = connect(
      await startFake({ consumers: { AddConsumer: inTurn(new RekeyError('CONSUMER_EXISTS')).handler } }),
    );
    expect(await failureOf(client.addConsumer({ name: 'billing', orgs: ['org'], publicJwk }))).toMatchObject({
      code: 'CONSUMER_EXISTS',
      grpcStatus: 'ALREADY_EXISTS',
      retryable: false,
    });
  });
});
