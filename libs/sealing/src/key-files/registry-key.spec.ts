import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import { createGatewayKeyFile, loadGatewayKeyFile, type GatewayKeyFile } from './gateway-key-file.ts';
import { createKeyFile, loadKeyFile } from './key-file.ts';
import { createRegistryKey, keySetId, registryKeyBytes, type RegistryKey } from './registry-key.ts';
import { createSealer } from '../sealer.ts';

/** Computed once by other means: HKDF, HMAC and thumbprints must never change. */
const GOLDEN = {
  sealing: new Uint8Array(32).fill(1),
  registry: 'zEQwt5G-HIWkKeZkUg7H89uj4p_jD1rlXq9UeoZASVA',
  kid: 'sJuH0WOJSDTF',
  mac: 'qJnQpAZBT92R_cKIpsstFv9BczDlD-wSCaTIHYStagM',
};

describe('the registry key', () => {
  const key: RegistryKey = createRegistryKey(registryKeyBytes(GOLDEN.sealing));

  it('is the one that was derived before', async () => {
    const k = Buffer.from(registryKeyBytes(GOLDEN.sealing)).toString('base64url');
    expect(k).toBe(GOLDEN.registry);
    expect(key.kid).toBe(GOLDEN.kid);
    expect((await calculateJwkThumbprint({ kty: 'oct', k })).slice(0, 12)).toBe(GOLDEN.kid);
  });

  it('makes the MAC that it made before', () => {
    expect(key.mac('rekey.registry.1', '{"rev":1}')).toBe(GOLDEN.mac);
    expect(key.mac('rekey.registry.1', Buffer.from('{"rev":1}'))).toBe(GOLDEN.mac);
  });

  it.each<[string, string, string, string]>([
    ['another text', 'rekey.registry.1', '{"rev":2}', GOLDEN.mac],
    ['another purpose', 'rekey.seen.1', '{"rev":1}', GOLDEN.mac],
    ['a shorter MAC', 'rekey.registry.1', '{"rev":1}', GOLDEN.mac.slice(0, 42)],
    ['a MAC in another form', 'rekey.registry.1', '{"rev":1}', `${GOLDEN.mac}=`],
    ['no MAC', 'rekey.registry.1', '{"rev":1}', ''],
  ])('refuses %s', (_what, label, text, mac) => {
    expect(key.verify('rekey.registry.1', '{"rev":1}', GOLDEN.mac)).toBe(true);
    expect(key.verify(label, text, mac)).toBe(false);
  });
});

describe('the key file of the gateway', () => {
  let dir: string;
  const path = (name: string) => join(dir, name);
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'rekey-gateway-'));
    await createKeyFile(path('worker.json'));
    await createGatewayKeyFile(path('gateway.json'), await loadKeyFile(path('worker.json')));
  });
  afterAll(() => rm(dir, { recursive: true }));
  const write = async (change: (keys: Record<string, string>[]) => unknown[]) => {
    const { keys } = JSON.parse(await readFile(path('gateway.json'), 'utf8')) as {
      keys: Record<string, string>[];
    };
    await writeFile(path('changed.json'), JSON.stringify({ keys: change(keys) }), { mode: 0o600 });
    return loadGatewayKeyFile(path('changed.json'), { variable: 'REKEY_GATEWAY_KEY_FILE' });
  };

  it('has the registry key and the public key of the worker, and nothing that opens a record', async () => {
    const sealer = createSealer(await loadKeyFile(path('worker.json')));
    const file: GatewayKeyFile = await loadGatewayKeyFile(path('gateway.json'));
    expect(file.registryKey.kid).toBe(sealer.registryKey.kid);
    expect(file.registryKey.verify('l', 't', sealer.registryKey.mac('l', 't'))).toBe(true);
    expect(file.publicJwk).toEqual(sealer.publicJwk);
    const text = await readFile(path('gateway.json'), 'utf8');
    expect(text).not.toMatch(/"d"|"enc"/);
    expect((await stat(path('gateway.json'))).mode & 0o777).toBe(0o600);
    expect(sealer.keySetId).toMatch(/^[\w-]{43}\.[\w-]{43}\.[\w-]{43}$/);
  });

  it('is not overwritten', async () => {
    expect(await createGatewayKeyFile(path('gateway.json'), await loadKeyFile(path('worker.json')))).toBe(
      false,
    );
  });

  it.each<[string, string, (keys: Record<string, string>[]) => unknown[]]>([
    ['a private key', 'must not reach a gateway', ([a, b]) => [a, { ...b, d: 'x' }]],
    ['a sealing key', 'must not reach a gateway', ([a, b]) => [{ ...a, use: 'enc' }, b]],
    ['another registry key', 'does not match the key', ([a, b]) => [{ ...a, k: 'A'.repeat(43) }, b]],
    ['a short registry key', 'is not 256 bits long', ([a, b]) => [{ ...a, k: 'AAAA' }, b]],
    ['another public key', 'does not match the key', ([a, b]) => [a, { ...b, kid: 'another' }]],
    ['no registry key', 'exactly one symmetric key', ([, b]) => [b]],
    ['two registry keys', 'exactly one symmetric key', ([a, b]) => [a, a, b]],
    ['no public key', 'exactly one public key', ([a]) => [a]],
    ['a list of nothing', 'is not a JWK Set', () => [null]],
  ])('is refused with %s, without a word of its content', async (_what, complaint, change) => {
    await expect(write(change)).rejects.toThrow(
      new RegExp(`^REKEY_GATEWAY_KEY_FILE: key file ".*changed.json": .*${complaint}`),
    );
  });

  it("is refused if it is a worker's, missing, not JSON, or open to others", async () => {
    await expect(loadGatewayKeyFile(path('worker.json'))).rejects.toThrow('must not reach a gateway');
    await expect(loadGatewayKeyFile(path('none.json'))).rejects.toThrow('rekey key-file gateway PATH');
    await writeFile(path('text.json'), 'x', { mode: 0o600 });
    await expect(loadGatewayKeyFile(path('text.json'))).rejects.toThrow('is not JSON');
    await createGatewayKeyFile(path('open.json'), await loadKeyFile(path('worker.json')));
    await chmod(path('open.json'), 0o644);
    await expect(loadGatewayKeyFile(path('open.json'))).rejects.toThrow('can be read by other users');
    expect((await loadGatewayKeyFile(path('open.json'), { mounted: true })).exposed).toBe(true);
  });
});

describe('the id of a set of keys', () => {
  it('changes with each of them', async () => {
    const bytes = (byte: number) => new Uint8Array(32).fill(byte);
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) };
    const id = keySetId(bytes(1), bytes(2), jwk);
    expect(id.split('.')[2]).toBe(await calculateJwkThumbprint(jwk));
    const others = [
      keySetId(bytes(3), bytes(2), jwk),
      keySetId(bytes(1), bytes(3), jwk),
      keySetId(bytes(1), bytes(2), { ...jwk, x: `B${'A'.repeat(42)}` }),
    ];
    expect(new Set([id, ...others]).size).toBe(4);
  });
});
