import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readKey } from './read-key.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-read-key-'));
});
afterEach(async () => {
  delete process.env['REKEY_MOUNTED_SECRETS'];
  await rm(folder, { recursive: true });
});

const fileWith = async (json: object, mode: number): Promise<string> => {
  const path = join(folder, 'key.json');
  await writeFile(path, JSON.stringify(json));
  await chmod(path, mode);
  return path;
};
const publicKey = { kty: 'OKP', crv: 'X25519', use: 'enc', x: 'x' };
const privateKey = { ...publicKey, d: 'hunter2' };
const sharedKey = { kty: 'oct', use: 'enc', k: 'hunter2' };

describe('readKey', () => {
  it('reads a public key that everybody can read', async () => {
    expect(await readKey(await fileWith(publicKey, 0o664))).toEqual(publicKey);
  });

  it.each([
    ['private', privateKey],
    ['shared', sharedKey],
  ])('reads a %s key that only its owner can read, alone or in a JWK Set', async (_what, key) => {
    expect(await readKey(await fileWith(key, 0o600))).toEqual(key);
    expect(await readKey(await fileWith({ keys: [{ use: 'sig' }, key] }, 0o600))).toEqual(key);
  });

  it.each([
    ['private', privateKey],
    ['shared', sharedKey],
  ])('refuses a %s key that others can read, unless it is mounted', async (_what, key) => {
    const path = await fileWith({ keys: [key] }, 0o644);
    await expect(readKey(path)).rejects.toMatchObject({
      reason: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/holds a private key and can be read by other users \(mode 0644\)/),
    });
    await expect(readKey(path)).rejects.not.toThrow(/hunter2/);
    process.env['REKEY_MOUNTED_SECRETS'] = 'true';
    expect(await readKey(path)).toEqual(key);
    await chmod(path, 0o646);
    await expect(readKey(path)).rejects.toThrow('can be written by other users (mode 0646)');
  });
});
