import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RekeyClient } from '@rekey/client';
import { failureOf } from '../support/failure-of.ts';
import { startRekey } from '../support/rekey.ts';
import { connect, eventually, startSystem, type System } from '../support/system.ts';
import { addConsumer, newEntry, problemsOf, writerOn } from './registry-fixture.ts';

/* A ledger of an earlier version, whose consumers nothing proves, and an operator who decides about them. */

/** The lock of the killed worker, under which records are sealed again, ends by itself. */
const LOCK_ENDS_MS = 40_000;

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
});
afterEach(async () => {
  client.close();
  await system.stop();
});

describe('a ledger of an earlier version', () => {
  it('believes no consumer, and replaces no key, until an operator has decided', async () => {
    await system.startWorker();
    const { id } = await client.rotateSecretKey({ orgId: 'org_demo', assistantId: 'ast_1' });
    await eventually(
      () => client.getRotation(id),
      ({ error }) => error?.reason === 'REGISTRY_NOT_TAKEN_OVER',
    );
    for (const call of [
      () => client.listConsumers(),
      () => client.setConsumerOrgs({ name: 'billing', orgs: ['*'] }),
    ])
      expect(await failureOf(call())).toMatchObject({ reason: 'REGISTRY_NOT_TAKEN_OVER' });

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
      LOCK_ENDS_MS,
    );
    expect(await writer.recipientsOf('ast_1')).toHaveLength(2);
    expect(await problemsOf({ client })).not.toContain('REGISTRY_NOT_TAKEN_OVER');
    // From now on the manifest also says which key file the ledger belongs to.
    await eventually(
      () => system.redis.get('{rekey}:registry'),
      (manifest) => manifest!.includes('["keys",'),
    );
  });
});

describe('rekey registry trust', () => {
  it('does nothing if an entry changed after it was shown, and believes no grant of another', async () => {
    const { consumers } = await client.reviewRegistry();
    await writer.write('billing', { kept: 'planted', grant: 'planted' });
    expect(await failureOf(client.trustRegistry({ consumers }))).toMatchObject({
      reason: 'REGISTRY_ENTRIES_CHANGED',
    });
    expect(await system.redis.exists('{rekey}:registry')).toBe(0);

    await writer.write('evil', await newEntry('evil', ['*']));
    await system.redis.hset('{rekey}:consumers', 'garbage', '{');
    const unknown = await rekey('registry', 'trust', '--yes', '--except', 'nobody');
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('nobody')]);
    const { code, err } = await rekey('registry', 'trust', '--yes', '--except', 'evil');
    const said = 'Removed: evil.\nNot shown, and not trusted: 1 field.';
    expect([code, err]).toEqual([0, expect.stringContaining(said)]);
    expect(await system.redis.hkeys('{rekey}:consumers')).toEqual(['billing']);

    await system.startWorker();
    await eventually(
      () => client.getConsumer('billing'),
      ({ state }) => state === 'ACTIVE',
      LOCK_ENDS_MS,
    );
    const after = await writer.entryOf('billing');
    expect(JSON.stringify(after)).not.toContain('planted');
    expect(after['kept']).not.toEqual(before['kept']);
  });
});
