import { chmod, chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { addSigningKey, createKeyFile, loadKeyFile } from './key-file.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rekey-key-file-'));
  path = join(dir, 'key.json');
});
afterEach(() => rm(dir, { recursive: true }));

describe('createKeyFile', () => {
  it('writes a file that only its owner can read', async () => {
    expect(await createKeyFile(path)).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await loadKeyFile(path)).exposed).toBe(false);
  });

  it('never overwrites a file', async () => {
    await createKeyFile(path);
    const before = await readFile(path, 'utf8');
    expect(await createKeyFile(path)).toBe(false);
    expect(await readFile(path, 'utf8')).toBe(before);
  });
});

describe('loadKeyFile', () => {
  it('names the path and the remedy if there is no file', async () => {
    await expect(loadKeyFile(path)).rejects.toThrow(/key\.json".*rekey key-file create/);
  });

  it('accepts a byte order mark', async () => {
    await createKeyFile(path);
    const { sealing } = await loadKeyFile(path);
    await writeFile(path, `\ufeff${await readFile(path, 'utf8')}`);
    expect((await loadKeyFile(path)).sealing).toEqual(sealing);
  });

  it.each([
    [
      'half of a file',
      async () => writeFile(path, (await readFile(path, 'utf8')).slice(0, 200)),
      'is not JSON, or is truncated',
    ],
    ['an empty file', () => writeFile(path, ''), 'is empty'],
    [
      'UTF-16',
      async () => writeFile(path, Buffer.from(`\ufeff${await readFile(path, 'utf8')}`, 'utf16le')),
      'is UTF-16 text; save it as UTF-8',
    ],
  ])('names the variable, the path and what is wrong: %s', async (_what, spoil, complaint) => {
    await createKeyFile(path);
    await spoil();
    await expect(loadKeyFile(path, { variable: 'REKEY_KEY_FILE' })).rejects.toThrow(
      `REKEY_KEY_FILE: key file ${JSON.stringify(path)}: ${complaint}`,
    );
  });

  it.each([
    ['644', 'can be read by other users (mode 0644)'],
    ['660', 'can be written by other users (mode 0660)'],
  ])('refuses a file that other users can read or write: mode %s', async (mode, why) => {
    await createKeyFile(path);
    await chmod(path, mode);
    await expect(loadKeyFile(path, { variable: 'REKEY_KEY_FILE' })).rejects.toThrow(
      `REKEY_KEY_FILE: key file ${JSON.stringify(path)}: ${why}; run chmod `,
    );
    await expect(addSigningKey(path)).rejects.toThrow(why);
  });

  it('accepts a mounted file that other users can read, and says that they can', async () => {
    await createKeyFile(path);
    await chmod(path, 0o444);
    expect((await loadKeyFile(path, { mounted: true })).exposed).toBe(true);
    expect(await addSigningKey(path, { mounted: true })).toBe(false);
  });

  it('does not quote what it could not parse', async () => {
    await writeFile(path, 'hunter2-not-json', { mode: 0o600 });
    const error = await loadKeyFile(path).catch((e: Error) => e);
    expect(error).toHaveProperty('name', 'KeyFileError');
    expect(`${(error as Error).stack}${String((error as Error).cause)}`).not.toContain('hunter2');
  });

  it('detects a key that was changed under its kid', async () => {
    await createKeyFile(path);
    const set = JSON.parse(await readFile(path, 'utf8'));
    set.keys[0].k = Buffer.alloc(32, 7).toString('base64url');
    await writeFile(path, JSON.stringify(set));
    await expect(loadKeyFile(path)).rejects.toThrow('does not match the key');
  });

  it('rejects a file with a missing key', async () => {
    await createKeyFile(path);
    const set = JSON.parse(await readFile(path, 'utf8'));
    set.keys.splice(1, 1);
    await writeFile(path, JSON.stringify(set));
    await expect(loadKeyFile(path)).rejects.toThrow('exactly one symmetric key with use "sig"');
  });

  it('says how to add a missing signing key, which keeps the other keys', async () => {
    await createKeyFile(path);
    const set = JSON.parse(await readFile(path, 'utf8'));
    set.keys.pop();
    await writeFile(path, JSON.stringify(set));
    await expect(loadKeyFile(path)).rejects.toThrow('rekey key-file add-signing-key');
    expect(await addSigningKey(path)).toBe(true);
    expect(await addSigningKey(path)).toBe(false);
    const { sealing, signing, exposed } = await loadKeyFile(path);
    expect(sealing.kid).toBe(set.keys[0].kid);
    expect(signing.publicJwk).not.toHaveProperty('d');
    expect(exposed).toBe(false);
  });
});

// Only root can give a file to the group of another user.
const describeAsRoot = process.getuid!() === 0 ? describe : describe.skip;
if (describeAsRoot === describe.skip)
  console.warn('Skipped: a key file with the group of another user needs root.');

describeAsRoot('a key file of root that the group of a service may read', () => {
  it.each([
    ['640', 0o640],
    ['440', 0o440],
  ])('is not called exposed, and keeps its group with a new signing key: mode %s', async (_text, mode) => {
    await createKeyFile(path);
    const set = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ keys: set.keys.slice(0, 2) }));
    await chown(path, 0, 65_534);
    await chmod(path, mode);
    expect(await addSigningKey(path)).toBe(true);
    expect(await stat(path)).toMatchObject({ uid: 0, gid: 65_534, mode: 0o100000 + mode });
    expect((await loadKeyFile(path)).exposed).toBe(false);
  });
});
