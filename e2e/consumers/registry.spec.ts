import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadKeyFile } from '@rekey/sealing';
import { failureOf } from '../support/failure-of.ts';
import { startRekey } from '../support/rekey.ts';
import { connect, eventually, startSystem, type System } from '../support/system.ts';
import { addConsumer, newEntry, problemsOf, writerOn } from './registry-fixture.ts';

/* Another client writes to the Redis of a running system, to receive keys. */

let system: System;
let writer: ReturnType<typeof writerOn>;
/** Workers read the registry twice a second. */
const SEEN_MS = 1500;

beforeAll(async () => {
  system = await startSystem({ simulator: ['--assistants', '20', '--sub-orgs', '1'] });
  writer = writerOn(system);
  await system.rotateAndWait('ast_1');
  await system.rotateAndWait('ast_s1_1', 'org_demo_sub1');
});
afterAll(() => system.stop());

describe('a consumer that another client writes to Redis', () => {
  it('is granted nothing and sealed for by nobody, is named, and hinders no rotation', async () => {
    await writer.write('evil', await newEntry('evil', ['*']));
    await eventually(
      () => problemsOf(system),
      (problems) => problems.includes('CONSUMER_UNTRUSTED evil'),
    );
    await sleep(SEEN_MS);
    expect(await system.rotateAndWait('ast_1')).toMatchObject({ state: 'SUCCEEDED' });
    expect(await system.rotateAndWait('ast_2')).toMatchObject({ state: 'SUCCEEDED' });
    expect((await writer.entryOf('evil'))['grant']).toBeUndefined();
    for (const id of ['ast_1', 'ast_2', 'ast_s1_1']) expect(await writer.recipientsOf(id)).toHaveLength(1);
    expect((await system.client.listConsumers()).map(({ name }) => name)).toEqual([]);
    expect(await failureOf(system.client.getConsumer('evil'))).toMatchObject({
      reason: 'CONSUMER_NOT_FOUND',
    });
    expect(await failureOf(system.client.setConsumerOrgs({ name: 'evil', orgs: ['*'] }))).toMatchObject({
      reason: 'CONSUMER_NOT_FOUND',
    });
  });

  it('is deleted by rekey consumer remove', async () => {
    const { code, out } = await startRekey(system, ['consumer', 'remove', 'evil', '--yes', '--json']).result;
    expect([code, JSON.parse(out)]).toMatchObject([0, { name: 'evil', removed: true, lagging_workers: [] }]);
    expect(await system.redis.hexists('{rekey}:consumers', 'evil')).toBe(0);
    await eventually(
      () => problemsOf(system),
      (problems) => !problems.includes('CONSUMER_UNTRUSTED evil'),
    );
  });
});

describe('an entry that another client changes', () => {
  it('lets its consumer read no other org, and is restored', async () => {
    await addConsumer(system, 'thief', ['org_demo_sub1']);
    await addConsumer(system, 'billing', ['org_demo']);
    const [before, recipients] = [await writer.entryOf('thief'), await writer.recipientsOf('ast_1')];
    expect(recipients).toHaveLength(2);
    await writer.write('thief', { orgs: ['*'], state: 'ENROLLING' });
    await eventually(
      () => writer.entryOf('thief'),
      (entry) => JSON.stringify(entry) === JSON.stringify(before),
    );
    await sleep(SEEN_MS);
    expect(await writer.recipientsOf('ast_1')).toEqual(recipients);
    await system.rotateAndWait('ast_1');
    expect(await writer.recipientsOf('ast_1')).toEqual(recipients);
  });

  it('seals nothing for the keys of another, and is named', async () => {
    const [thief, billing] = [await writer.entryOf('thief'), await writer.entryOf('billing')];
    await writer.write('billing', { kept: thief['kept'], grant: thief['grant'] });
    const altered = await eventually(
      () => problemsOf(system),
      (problems) => problems.some((problem) => problem.startsWith('CONSUMER_ALTERED billing')),
    );
    expect(altered).toContain('CONSUMER_ALTERED billing');
    await eventually(
      () => writer.entryOf('billing'),
      (entry) => JSON.stringify(entry) === JSON.stringify(billing),
    );
    await system.rotateAndWait('ast_1');
    expect(await writer.recipientsOf('ast_1')).toHaveLength(2);
  });

  it('is laundered by no gateway that starts later and changes consumers', async () => {
    await system.gateway.child.kill();
    await system.worker!.child.kill();
    const thief = await writer.entryOf('thief');
    await writer.write('billing', { kept: thief['kept'], grant: thief['grant'], orgs: ['*'] });
    const gateway = await system.startGateway();
    const client = connect(gateway.ready['address']!);
    try {
      await eventually(
        () => problemsOf({ client }).catch((): string[] => []),
        (problems) => problems.includes('CONSUMER_LOST billing'),
      );
      expect(await failureOf(client.setConsumerOrgs({ name: 'billing', orgs: ['org_demo'] }))).toMatchObject({
        reason: 'CONSUMER_LOST',
      });
      await client.setConsumerOrgs({ name: 'thief', orgs: ['org_demo_sub1', 'org_other'] });
      await system.startWorker();
      await eventually(
        () => client.getConsumer('thief'),
        ({ state }) => state === 'ACTIVE',
        // The lock of the killed worker, under which records are sealed again, ends by itself.
        40_000,
      );
      expect(await problemsOf({ client })).toContain('CONSUMER_LOST billing');
      const { id } = await client.rotateSecretKey({ orgId: 'org_demo', assistantId: 'ast_1' });
      expect(await client.waitRotation({ id, timeoutMs: 20_000 })).toMatchObject({ state: 'SUCCEEDED' });
      expect(await writer.recipientsOf('ast_1')).toHaveLength(1);
      expect((await client.getRotation(id)).consumers).toContainEqual({
        name: 'billing',
        state: 'UNAPPLIED',
      });
    } finally {
      client.close();
    }
  });
});

describe("Rekey's public key", () => {
  it('comes from the key file of the gateway, whatever is in Redis', async () => {
    const { signing } = await loadKeyFile(system.keyFile);
    const gateway = await system.startGateway();
    const client = connect(gateway.ready['address']!);
    try {
      await system.redis.hset('{rekey}:ledger', 'signer', '{"kty":"OKP","crv":"Ed25519","x":"forged"}');
      expect(JSON.parse((await client.getPublicKey()).jwk)).toEqual(signing.publicJwk);
    } finally {
      client.close();
    }
  });
});

describe('a gateway without a key file', () => {
  it('serves everything but consumers, and says why', async () => {
    const gateway = await system.startGateway({ REKEY_GATEWAY_KEY_FILE: '' });
    const client = connect(gateway.ready['address']!);
    try {
      const { id } = await client.rotateSecretKey({ orgId: 'org_demo', assistantId: 'ast_3' });
      expect(await client.waitRotation({ id, timeoutMs: 20_000 })).toMatchObject({ state: 'SUCCEEDED' });
      expect(await problemsOf({ client })).toContain('REGISTRY_KEY_MISSING');
      for (const call of [
        () => client.listConsumers(),
        () => client.getPublicKey(),
        () => client.removeConsumer('billing'),
        () => client.setConsumerOrgs({ name: 'billing', orgs: ['*'] }),
        () => client.getRegistry(),
        () => client.reviewRegistry(),
        () => client.trustRegistry({ consumers: [] }),
      ])
        expect(await failureOf(call())).toMatchObject({ reason: 'REGISTRY_KEY_MISSING' });
    } finally {
      client.close();
    }
  });
});
