import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateConsumerKey } from '../consumer-key.ts';
import { createGatewayKeyFile, loadGatewayKeyFile } from './gateway-key-file.ts';
import { createKeyFile, loadKeyFile } from './key-file.ts';
import { kindOfKeyFile } from './kind-of-key-file.ts';

let dir: string;
const path = (name: string) => join(dir, name);
const jsonOf = async (name: string): Promise<{ keys: object[] }> =>
  JSON.parse(await readFile(path(name), 'utf8')) as { keys: object[] };
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rekey-kind-'));
  await createKeyFile(path('worker'));
  const worker = await loadKeyFile(path('worker'));
  await createGatewayKeyFile(path('gateway'), worker);
  for (const type of ['X25519', 'P-256', 'shared'] as const) {
    const keys = [await generateConsumerKey(type), worker.signing.publicJwk];
    await writeFile(path(type), JSON.stringify({ keys }), { mode: 0o600 });
  }
});
afterAll(() => rm(dir, { recursive: true }));

describe('kindOfKeyFile', () => {
  it.each([
    ['worker', 'worker'],
    ['gateway', 'gateway'],
    ['X25519', 'consumer'],
    ['P-256', 'consumer'],
    ['shared', 'consumer'],
  ])('recognizes the key file %s as that of a %s', async (name, kind) => {
    expect(kindOfKeyFile(await jsonOf(name))).toBe(kind);
  });

  it('recognizes the key file of the workers without any one of its keys but the sealing key', async () => {
    const { keys } = await jsonOf('worker');
    for (const left of [1, 2])
      expect(kindOfKeyFile({ keys: keys.filter((_key, i) => i !== left) })).toBe('worker');
  });

  it.each([[null], [{}], [{ keys: 1 }], [{ keys: [null] }], [{ keys: [] }], [{ keys: [{ kty: 'oct' }] }]])(
    'recognizes nothing in %j',
    (json) => {
      expect(kindOfKeyFile(json)).toBeUndefined();
    },
  );
});

describe('a key file in the wrong place', () => {
  it.each([
    ['gateway', 'is the key file of the gateway. Give the key file of the workers'],
    ['X25519', 'is the key file of a consumer. Give the key file of the workers'],
    ['shared', 'is the key file of a consumer. Give the key file of the workers'],
  ])('is named as what it is to a worker: %s', async (name, complaint) => {
    await expect(loadKeyFile(path(name), { variable: 'REKEY_KEY_FILE' })).rejects.toThrow(
      `REKEY_KEY_FILE: key file ${JSON.stringify(path(name))}: ${complaint}`,
    );
  });

  it.each([
    ['worker', 'is the key file of the workers, which must not reach a gateway'],
    ['P-256', 'is the key file of a consumer, which must not reach a gateway'],
    ['shared', 'is the key file of a consumer, which must not reach a gateway'],
  ])('is named as what it is to a gateway: %s', async (name, complaint) => {
    await expect(loadGatewayKeyFile(path(name))).rejects.toThrow(complaint);
  });
});
