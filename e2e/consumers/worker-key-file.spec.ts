import { readFile, writeFile } from 'node:fs/promises';
import { join, dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createKeyFile } from '@rekey/sealing';
import { waitingWorker } from '../support/refusal.ts';
import { eventually, startSystem, type System } from '../support/system.ts';
import { addConsumer, problemsOf } from './registry-fixture.ts';

/* Each of the three keys of a worker's key file is bound to the ledger, whatever a writer in Redis does. */

let system: System;
beforeEach(async () => {
  system = await startSystem({ simulator: ['--assistants', '5'] });
  await addConsumer(system, 'billing', ['org_demo']);
  await system.rotateAndWait('ast_1');
  await system.worker!.child.kill();
});
afterEach(() => system.stop());

interface Jwk {
  kty: string;
  use: string;
}
/** The key file of the ledger, with one key of another one. */
const withOther = async (isReplaced: (key: Jwk) => boolean): Promise<string> => {
  const folder = dirname(system.keyFile);
  await createKeyFile(join(folder, 'other.json'));
  const read = async (path: string) => (JSON.parse(await readFile(path, 'utf8')) as { keys: Jwk[] }).keys;
  const others = await read(join(folder, 'other.json'));
  const keys = (await read(system.keyFile)).map((key) => (isReplaced(key) ? others.find(isReplaced) : key));
  const path = join(folder, 'mixed.json');
  await writeFile(path, JSON.stringify({ keys }), { mode: 0o600 });
  return path;
};
const isSealing = ({ kty, use }: Jwk) => kty === 'oct' && use === 'enc';
const isPrinting = ({ kty, use }: Jwk) => kty === 'oct' && use === 'sig';
const isSigning = ({ kty }: Jwk) => kty === 'OKP';

describe.each([
  ['sealing', isSealing],
  ['fingerprint', isPrinting],
  ['signing', isSigning],
] as const)('a key file whose %s key is another one', (name, isReplaced) => {
  /** Starts a worker that waits, and stops it: its exit code, and the key that the ledger names. */
  const waits = async (): Promise<unknown[]> => {
    const keyFile = await withOther(isReplaced);
    const { code } = await waitingWorker({ ...system.environment, REKEY_KEY_FILE: keyFile });
    return [code, await system.redis.hget('{rekey}:ledger', 'fingerprint_key')];
  };

  // The registry is signed with a key that comes from the sealing key: it proves whether the others fit.
  if (name === 'sealing')
    it('lets a worker wait that names it, and writes nothing', async () => {
      expect(await waits()).toEqual([0, system.sealer.fingerprintKeyId]);
    });
  else
    it('stops the start of a worker', async () => {
      await expect(system.startWorker({ REKEY_KEY_FILE: await withOther(isReplaced) })).rejects.toThrow(
        /WRONG_KEY_FILE/,
      );
    });

  if (name !== 'signing')
    it('lets a worker wait if another client has deleted the registry', async () => {
      await system.gateway.child.kill();
      await system.redis.del('{rekey}:registry');
      expect(await waits()).toEqual([0, system.sealer.fingerprintKeyId]);
    });
});

describe('a note of the ledger that another client has changed', () => {
  it('stops no start', async () => {
    for (const [field, text] of [
      ['fingerprint_key', 'another'],
      ['signer', '{"kty":"OKP"}'],
      ['alias', 'org_evil'],
      ['readers', 'x'],
      ['registry_repaired', 'x'],
    ] as const) {
      await system.worker!.child.kill();
      await system.redis.hset('{rekey}:ledger', field, text);
      const worker = await system.startWorker();
      expect(await system.rotateAndWait('ast_2')).toMatchObject({ state: 'SUCCEEDED' });
      await worker.child.kill();
      if (field !== 'fingerprint_key') continue;
      expect(await system.redis.hget('{rekey}:ledger', field)).toBe(system.sealer.fingerprintKeyId);
      expect(system.output()).toContain('ledger_binding_restored');
    }
  });
});

describe('a worker that cannot believe the registry', () => {
  it('sends no request that replaces a key, and says why, until it is put back', async () => {
    const registry = (await system.redis.get('{rekey}:registry'))!;
    await system.gateway.child.kill();
    await system.redis.set('{rekey}:registry', registry.replace('"rev"', '"Rev"'));
    const gateway = await system.startGateway();
    await system.startWorker();
    const { connect } = await import('../support/system.ts');
    const client = connect(gateway.ready['address']!);
    const { id } = await client.rotateSecretKey({ orgId: 'org_demo', assistantId: 'ast_3' });
    await eventually(
      () => client.getRotation(id),
      ({ error }) => error?.reason === 'REGISTRY_UNTRUSTED',
    );
    expect(await problemsOf({ client })).toContain('REGISTRY_UNTRUSTED');
    await system.redis.set('{rekey}:registry', registry);
    expect(await client.waitRotation({ id, timeoutMs: 30_000 })).toMatchObject({ state: 'SUCCEEDED' });
    client.close();
  });
});
