import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RekeyClient } from '@rekey/client';
import { calculateJwkThumbprint } from 'jose';
import { failureOf } from '../support/failure-of.ts';
import { startRekey } from '../support/rekey.ts';
import { connect, eventually, startSystem, type System } from '../support/system.ts';
import { addConsumer, newEntry, problemsOf, writerOn } from './registry-fixture.ts';

/* A ledger of an earlier version, whose consumers nothing proves, and an operator who decides about them. */

let system: System;
let writer: ReturnType<typeof writerOn>;
let client: RekeyClient;
let gateway: System['gateway'];
let before: Record<string, unknown>;
const rekey = (...args: string[]) => startRekey({ ...system, gateway }, args).result;

beforeEach(async () => {
  system = await startSystem({ simulator: ['--assistants', '5'] });
  writer = writerOn(system);
  await addConsumer(system, 'billing', ['org_demo']);
  await system.rotateAndWait('ast_1');
  before = await writer.entryOf('billing');
  // Without its registry, and any process that remembers it, this is a ledger of an earlier version.
  await system.gateway.child.kill();
  await system.worker!.child.kill();
  await system.redis.del('{rekey}:registry');
  gateway = await system.startGateway();
  client = connect(gateway.ready['address']!);
  await eventually(
    () => problemsOf({ client }).catch((): string[] => []),
    (problems) => problems.includes('REGISTRY_NOT_TAKEN_OVER'),
  );
}, 60_000);
afterEach(async () => {
  client.close();
  await system.stop();
});

const rotate = () => client.rotateSecretKey({ orgId: 'org_demo', assistantId: 'ast_1' });

describe('a ledger of an earlier version', () => {
  it('believes no consumer, and replaces no key, until an operator has decided', async () => {
    await system.startWorker();
    const { id } = await rotate();
    await eventually(
      () => client.getRotation(id),
      ({ error }) => error?.reason === 'REGISTRY_NOT_TAKEN_OVER',
    );
    for (const call of [client.listConsumers(), client.setConsumerOrgs({ name: 'billing', orgs: ['*'] })])
      expect(await failureOf(call)).toMatchObject({ reason: 'REGISTRY_NOT_TAKEN_OVER' });
    const unasked = await rekey('registry', 'trust');
    expect([unasked.code, unasked.err]).toEqual([1, expect.stringMatching(/^billing +org_demo +ACTIVE /m)]);
    const trusted = await rekey('registry', 'trust', '--yes', '--json');
    expect([trusted.code, trusted.json()]).toMatchObject([
      0,
      [{ consumers: [{ name: 'billing', believed: false }], lagging_workers: [] }],
    ]);
    expect(await client.waitRotation({ id, timeoutMs: 30_000 })).toMatchObject({ state: 'SUCCEEDED' });
    await eventually(
      () => client.getConsumer('billing'),
      ({ state }) => state === 'ACTIVE',
    );
    expect(await writer.recipientsOf('ast_1')).toHaveLength(2);
    expect(await problemsOf({ client })).not.toContain('REGISTRY_NOT_TAKEN_OVER');
  }, 60_000);

  it('shows the thumbprint of each key, and a digest of each entry', async () => {
    const { consumers, otherCount } = await client.reviewRegistry();
    const text = (await system.redis.hget('{rekey}:consumers', 'billing'))!;
    const { kid: _kid, ...jwk } = before['key'] as { kid: string; kty: string };
    expect([consumers, otherCount]).toEqual([
      [
        {
          name: 'billing',
          orgs: ['org_demo'],
          orgCount: 1,
          state: 'ACTIVE',
          createTime: before['created_at'],
          keyType: 'X25519',
          keyThumbprint: await calculateJwkThumbprint(jwk),
          keyVerified: true,
          digest: createHash('sha256').update(text).digest('base64url'),
          believed: false,
        },
      ],
      0,
    ]);
  });
});

describe('rekey registry trust', () => {
  it('replaces grants that another client may have planted, unless it is told to keep them', async () => {
    const planted = { kept: 'planted', grant: 'planted' };
    await writer.write('billing', planted);
    await system.startWorker();
    expect((await rekey('registry', 'trust', '--yes')).code).toBe(0);
    await eventually(
      () => client.getConsumer('billing'),
      ({ state }) => state === 'ACTIVE',
    );
    const after = await writer.entryOf('billing');
    expect([after['kept'], after['grant']]).not.toEqual([before['kept'], before['grant']]);
    expect(JSON.stringify(after)).not.toContain('planted');
  }, 60_000);

  it('keeps grants with --keep-grants', async () => {
    await system.startWorker();
    expect((await rekey('registry', 'trust', '--yes', '--keep-grants')).code).toBe(0);
    await eventually(
      () => client.getConsumer('billing'),
      ({ state }) => state === 'ACTIVE',
    );
    expect((await writer.entryOf('billing'))['kept']).toEqual(before['kept']);
  }, 60_000);

  it('does nothing if an entry changed after it was shown', async () => {
    const { consumers } = await client.reviewRegistry();
    await writer.write('billing', { orgs: ['*'] });
    expect(await failureOf(client.trustRegistry({ consumers }))).toMatchObject({
      reason: 'REGISTRY_ENTRIES_CHANGED',
    });
    expect(await system.redis.exists('{rekey}:registry')).toBe(0);
  });

  it('leaves out and removes what is excepted, and what nobody can read', async () => {
    await writer.write('evil', await newEntry('evil', ['*']));
    await system.redis.hset('{rekey}:consumers', 'garbage', '{');
    const unknown = await rekey('registry', 'trust', '--yes', '--except', 'nobody');
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('nobody')]);
    const { code, err } = await rekey('registry', 'trust', '--yes', '--except', 'evil');
    expect([code, err]).toEqual([0, expect.stringContaining('Removed: evil.\nNot shown: 1 field')]);
    expect(await system.redis.hkeys('{rekey}:consumers')).toEqual(['billing']);
    expect((await client.listConsumers()).map(({ name }) => name)).toEqual(['billing']);
  });

  it.each([
    [
      'a name twice',
      (digest: string) => [
        { name: 'billing', digest },
        { name: 'billing', digest },
      ],
    ],
    ['what is no digest', () => [{ name: 'billing', digest: 'x' }]],
    ['what is no name', (digest: string) => [{ name: '../billing', digest }]],
  ])('refuses %s', async (_what, consumersOf) => {
    const digest = createHash('sha256').update('').digest('base64url');
    expect(await failureOf(client.trustRegistry({ consumers: consumersOf(digest) }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});
