import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RekeyError } from '@rekey/schema';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { createAuthenticator } from '../identity/authenticate.ts';
import { followAccessFile, type FollowedAccess } from './follow-access-file.ts';
import { createAccess, type Access, type Guard } from './guard-calls.ts';

const ISSUER = 'https://idp.example.com';
const EVERY_MS = 20;
let folder: string;
let path: string;
let jwks: string;
let authorization: string;
let followed: FollowedAccess;
let access: Access;
let faults: string[];
let guard: Guard | undefined;
let revoked: boolean;
let alias: string;

const TOKEN = {
  name: 'nightly',
  sha256: '',
  role: 'viewer',
  orgs: ['org_1'],
  requestedBy: 'local',
  createdMs: 0,
  expiresMs: Infinity,
  rev: 1,
};

const issuer = (fields: object = {}) => ({
  issuer: ISSUER,
  audience: 'rekey',
  algorithms: ['ES256'],
  jwks,
  ...fields,
});
const bindings = [{ principals: [`jwt:${ISSUER}#anna`], role: 'viewer', orgs: ['org_1'] }];
const put = (file: object) => writeFile(path, JSON.stringify(file));
const until = async (is: () => boolean): Promise<void> => {
  for (let waited = 0; !is() && waited < 5000; waited += 10) await sleep(10);
  expect(is()).toBe(true);
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-access-'));
  [path, jwks] = [join(folder, 'access.yaml'), join(folder, 'jwks.json')];
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  await writeFile(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] }));
  const token = await new SignJWT({ iss: ISSUER, aud: 'rekey', sub: 'anna' })
    .setExpirationTime('10m')
    .setProtectedHeader({ alg: 'ES256' })
    .sign(privateKey);
  authorization = `Bearer ${token}`;
  await put({ issuers: [issuer()], bindings });
  [faults, alias] = [[], 'c'];
  followed = followAccessFile(path, {
    everyMs: EVERY_MS,
    alias: () => alias,
    onLoaded: () => {},
    onRefused: (error) => faults.push(...error.faults),
    onTokenRefused: () => {},
  });
  revoked = false;
  const tokens = {
    verify: async (text: string) => (text === 'rekey_nightly' ? TOKEN : undefined),
    isCurrent: () => !revoked,
  };
  access = createAccess(followed.rules, {
    authenticate: createAuthenticator(tokens),
    tokens,
    everyMs: EVERY_MS,
  });
});
afterEach(async () => {
  guard?.end();
  access.close();
  followed.close();
  await rm(folder, { recursive: true });
});

const begin = async (): Promise<Guard> => {
  const admission = await access.admit({ authorization, peerCertificate: undefined });
  guard = access.guard(admission, async (rights) => {
    if (!rights.allows('bulkRotations.read', 'org_1')) throw new RekeyError('BULK_NOT_FOUND');
  });
  return guard!;
};

describe('a long call', () => {
  it('continues after a change of the file that leaves its caller the right', async () => {
    const { signal } = await begin();
    const before = followed.rules();
    await put({ issuers: [issuer()], bindings: [...bindings, { ...bindings[0]!, orgs: ['org_2'] }] });
    await until(() => followed.rules() !== before);
    await sleep(5 * EVERY_MS);
    expect(signal.aborted).toBe(false);
  });

  it.each([
    ['is not trusted any more', () => []],
    ['must name another audience', () => [issuer({ audience: 'another' })]],
  ])('ends when the issuer of its token %s', async (_, issuers) => {
    const { signal } = await begin();
    await put({ issuers: issuers(), bindings });
    await until(() => signal.aborted);
    expect(signal.reason).toMatchObject({ code: 'NOT_AUTHENTICATED' });
  });

  it('ends with the error of its check when its caller loses the right', async () => {
    const { signal } = await begin();
    await put({ issuers: [issuer()], bindings: [{ ...bindings[0]!, orgs: ['org_2'] }] });
    await until(() => signal.aborted);
    expect(signal.reason).toMatchObject({ code: 'BULK_NOT_FOUND' });
  });
});

describe('a long call whose caller loses the right while it is authorized', () => {
  it('ends, though the file does not change again', async () => {
    const admission = await access.admit({ authorization, peerCertificate: undefined });
    const before = followed.rules();
    await put({ issuers: [issuer()], bindings: [{ ...bindings[0]!, orgs: ['org_2'] }] });
    await until(() => followed.rules() !== before);
    guard = access.guard(admission, async () => {
      throw new RekeyError('BULK_NOT_FOUND');
    });
    await until(() => guard!.signal.aborted);
    expect(guard!.signal.reason).toMatchObject({ code: 'BULK_NOT_FOUND' });
  });
});

describe('a long call with an access token', () => {
  beforeEach(() => {
    authorization = 'Bearer rekey_nightly';
  });

  it('has the rights of the token, and ends when that is revoked', async () => {
    const { signal } = await begin();
    await sleep(5 * EVERY_MS);
    expect(signal.aborted).toBe(false);
    revoked = true;
    await until(() => signal.aborted);
    expect(signal.reason).toMatchObject({ code: 'NOT_AUTHENTICATED' });
  });

  it('has those of bindings that name the token, too', async () => {
    await put({ bindings: [{ principals: ['token:nightly'], role: 'operator', orgs: ['org_2'] }] });
    const before = followed.rules();
    await until(() => followed.rules() !== before);
    const rights = (await access.admit({ authorization, peerCertificate: undefined })).rights();
    expect(rights.allows('bulkRotations.create', 'org_2')).toBe(true);
    expect(rights.allows('bulkRotations.read', 'org_1')).toBe(true);
    expect(rights.allows('bulkRotations.create', 'org_1')).toBe(false);
  });
});

describe('a long call whose right cannot be looked up', () => {
  it('ends with the error of Redis, after which its caller may try again', async () => {
    const admission = await access.admit({ authorization, peerCertificate: undefined });
    guard = access.guard(admission, async () => {
      throw new Error('Connection is closed.');
    });
    await put({ issuers: [issuer()], bindings: [...bindings, { ...bindings[0]!, orgs: ['org_2'] }] });
    await until(() => guard!.signal.aborted);
    expect(guard!.signal.reason).toMatchObject({ message: 'Connection is closed.' });
  });
});

it('a binding that names an org `c` gives the role in that org once its name is known', async () => {
  await put({ issuers: [issuer()], bindings: [{ ...bindings[0]!, orgs: ['c', 'org_2'] }] });
  const before = followed.rules();
  await until(() => followed.rules() !== before);
  const { rights } = await access.admit({ authorization, peerCertificate: undefined });
  const allowed = () => ['c', 'org_1', 'org_2', 'org_9'].filter((org) => rights().allows('status.read', org));
  expect(allowed()).toEqual(['c', 'org_2']);
  alias = 'org_9';
  expect(allowed()).toEqual(['org_2', 'org_9']);
});

describe('a changed access file', () => {
  it('keeps the keys of an issuer that it leaves as it was, though its key set is away', async () => {
    const admit = () => access.admit({ authorization, peerCertificate: undefined });
    await admit();
    await rm(jwks);
    const before = followed.rules();
    await put({ issuers: [issuer()], bindings: [...bindings, { ...bindings[0]!, role: 'admin' }] });
    await until(() => followed.rules() !== before);
    expect((await admit()).rights().allows('consumers.create', 'org_1')).toBe(true);
  });

  /** Writes a file in place, again and again, while it is followed. */
  const writeInPlace = async (): Promise<{ inForce: number[]; longestPauseMs: number }> => {
    const inForce: number[] = [];
    let longestPauseMs = 0;
    let partSinceMs: number | undefined;
    const write = async (content: string, isWhole: boolean) => {
      const beganMs = performance.now();
      await writeFile(path, content);
      // The file is empty for a moment while it is written.
      longestPauseMs = Math.max(longestPauseMs, performance.now() - (partSinceMs ?? beganMs));
      partSinceMs = isWhole ? undefined : beganMs;
    };
    const slow = followAccessFile(path, {
      everyMs: 200,
      onLoaded: ({ bindings: count }) => inForce.push(count),
      onRefused: (error) => faults.push(...error.faults),
      onTokenRefused: () => {},
    });
    // Two bindings: the first half is an access file, too, and so is one without any.
    const line = (org: string) => `  - {principals: ["jwt:${ISSUER}#anna"], role: viewer, orgs: [${org}]}\n`;
    const parts = ['bindings:\n', line('org_1'), line('org_2')];
    for (let i = 0; i < 12; i += 1) {
      for (let count = 1; count <= parts.length; count += 1) {
        await write(parts.slice(0, count).join(''), false);
        await sleep(5);
      }
      await write(`${parts.join('')}# ${i}\n`, true);
      await sleep(i % 4 === 0 ? 250 : 5);
    }
    await until(() => inForce.length > 1);
    slow.close();
    return { inForce, longestPauseMs };
  };

  it('that is written in place is not in force until it is whole, nor complained about', async () => {
    followed.close();
    let written = await writeInPlace();
    // Whoever writes the next part only after a tenth of a second is taken to be done.
    while (written.longestPauseMs > 50) {
      faults = [];
      written = await writeInPlace();
    }
    expect(new Set(written.inForce.slice(1))).toEqual(new Set([2]));
    expect(faults).toEqual([]);
  });

  it('is refused if every user can write it', async () => {
    await chmod(path, 0o666);
    await until(() => faults.length > 0);
    expect(faults).toEqual(['the file can be written by every user; run chmod o-w on it']);
  });
});
