import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  createGatewayKeyFile,
  createKeyFile,
  fingerprintOfKey,
  generateConsumerKey,
  loadKeyFile,
} from '@rekey/sealing';
import { Command } from 'commander';
import { consumerCommand } from '../commands/consumer.ts';
import { keyFileCommand } from '../commands/key-file.ts';
import { toCliError } from '../failure.ts';

let folder: string;
let out: string;
let err: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-fingerprint-'));
  [out, err] = ['', ''];
  jest.spyOn(process.stdout, 'write').mockImplementation(((text: string) => ((out += text), true)) as never);
  jest.spyOn(process.stderr, 'write').mockImplementation(((text: string) => ((err += text), true)) as never);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const path = (name: string): string => join(folder, name);
const fileWith = async (json: object): Promise<string> => {
  await writeFile(path('consumer.json'), JSON.stringify(json), { mode: 0o600 });
  return path('consumer.json');
};
const rekey = (...args: string[]): Promise<unknown> =>
  new Command('rekey')
    .addCommand(consumerCommand())
    .addCommand(keyFileCommand())
    .parseAsync(args, { from: 'user' });
const failureOf = async (...args: string[]) => toCliError(await rekey(...args).catch((error) => error));

describe('rekey consumer fingerprint', () => {
  it.each(['X25519', 'P-256', 'shared'] as const)('prints that of a key file: %s', async (type) => {
    const own = await generateConsumerKey(type);
    await createKeyFile(path('worker.json'));
    const { publicJwk } = (await loadKeyFile(path('worker.json'))).signing;
    await rekey('consumer', 'fingerprint', await fileWith({ keys: [own, publicJwk] }));
    expect(out).toBe(`${await fingerprintOfKey(own)}\n`);
    expect(out).toMatch(/^SHA256:[\w-]{43}\n$/);
    expect(err).toContain(await fingerprintOfKey(publicJwk));
  });

  it('prints that of a public key', async () => {
    const { d: _private, ...own } = await generateConsumerKey('X25519');
    await rekey('consumer', 'fingerprint', await fileWith(own));
    expect([out, err]).toEqual([`${await fingerprintOfKey(own)}\n`, '']);
  });

  it('refuses a private key under the public part of another', async () => {
    const [own, other] = [await generateConsumerKey('X25519'), await generateConsumerKey('X25519')];
    const file = await fileWith({ keys: [{ ...other, d: own.d }] });
    expect(await failureOf('consumer', 'fingerprint', file)).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      message: expect.stringContaining('its private and public parts do not match'),
    });
    expect(out).toBe('');
  });

  it.each([
    ['worker.json', 'is the key file of the workers, not that of a consumer'],
    ['gateway.json', 'is the key file of the gateway, not that of a consumer'],
  ])('refuses %s, and so does rekey consumer add', async (name, complaint) => {
    await createKeyFile(path('worker.json'));
    await createGatewayKeyFile(path('gateway.json'), await loadKeyFile(path('worker.json')));
    for (const args of [
      ['fingerprint', path(name)],
      ['add', 'billing', '--org', 'org_1', '--key-file', path(name)],
    ])
      expect(await failureOf('consumer', ...args)).toMatchObject({
        reason: 'INVALID_ARGUMENT',
        message: expect.stringContaining(complaint),
      });
  });
});

describe('rekey key-file public', () => {
  it('names a file of another kind', async () => {
    const file = await fileWith({ keys: [await generateConsumerKey('X25519')] });
    expect(await failureOf('key-file', 'public', file)).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/key file of a consumer.*rekey consumer fingerprint/),
    });
    await createKeyFile(path('worker.json'));
    await createGatewayKeyFile(path('gateway.json'), await loadKeyFile(path('worker.json')));
    expect(await failureOf('key-file', 'public', path('gateway.json'))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      message: expect.stringContaining('is the key file of the gateway'),
    });
    expect(await failureOf('key-file', 'public', path('none.json'))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      message: expect.stringContaining('does not exist'),
    });
  });
});

describe('rekey consumer keygen --rekey-public-key', () => {
  it.each(['SHA256:AAAA', `SHA256:${'A'.repeat(44)}`, `SHA256:${'A'.repeat(42)}+`, 'sha256:AAAA'])(
    'takes %s as a fingerprint, and says what is wrong with it',
    async (given) => {
      const args = ['consumer', 'keygen', path('new.json'), '--rekey-public-key', given];
      expect(await failureOf(...args)).toMatchObject({
        reason: 'INVALID_ARGUMENT',
        message: expect.stringContaining('is no fingerprint: SHA256: and 43 characters'),
      });
    },
  );
});
