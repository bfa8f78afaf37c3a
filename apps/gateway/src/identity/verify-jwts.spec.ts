import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SignJWT, UnsecuredJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose';
import { createJwtVerifier, type JwtVerifier } from './verify-jwts.ts';

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

const ISSUER = 'https://idp.example.com';
let folder: string;
let path: string;
let first: Pair;
let second: Pair;
let verifier: JwtVerifier;
let refusals: string[];

const keySet = async (...keys: [string, Pair][]) => ({
  keys: await Promise.all(
    keys.map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid, alg: 'ES256' })),
  ),
});
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-jwks-'));
  path = join(folder, 'jwks.json');
  [first, second] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')]);
});
afterAll(() => rm(folder, { recursive: true }));

const config = (jwks: string) => ({
  issuer: ISSUER,
  audience: 'rekey',
  algorithms: ['ES256' as const],
  jwks,
  groups: 'groups',
});
const verifierOf = (jwks: string): JwtVerifier => {
  refusals = [];
  return createJwtVerifier([config(jwks)], (error) => refusals.push((error as Error).message));
};
beforeEach(async () => {
  await writeFile(path, JSON.stringify(await keySet(['one', first])));
  verifier = verifierOf(path);
});

const NOW_S = Math.floor(Date.now() / 1000);
const token = (
  claims: Record<string, unknown> = {},
  { pair = first, header = {} }: { pair?: Pair; header?: object } = {},
): Promise<string> =>
  new SignJWT({ iss: ISSUER, aud: 'rekey', sub: 'billing', exp: NOW_S + 600, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one', ...header })
    .sign(pair.privateKey);

it('quotes nothing of a file that is no key set', async () => {
  await writeFile(path, 'hunter2-is-a-secret');
  expect(await verifier.verify(await token())).toBeUndefined();
  expect(refusals).toEqual(['the key set is not JSON']);
});

describe('a valid token', () => {
  it('names its subject and its groups', async () => {
    expect(await verifier.verify(await token({ groups: ['platform', 'a\nb', 7] }))).toEqual({
      names: ['jwt:https://idp.example.com#billing', 'group:https://idp.example.com#platform'],
      expiresMs: (NOW_S + 630) * 1000,
      issuer: verifier.issuerOf(ISSUER),
    });
  });

  it('may be a little late or early', async () => {
    expect(await verifier.verify(await token({ exp: NOW_S - 10 }))).toBeDefined();
    expect(await verifier.verify(await token({ nbf: NOW_S + 10 }))).toBeDefined();
  });

  it('is believed once its key has been added to the file', async () => {
    const late = await token({}, { pair: second, header: { kid: 'two' } });
    expect(await verifier.verify(late)).toBeUndefined();
    await writeFile(path, JSON.stringify(await keySet(['one', first], ['two', second])));
    // A key set is not read again for every unknown key.
    expect(await verifier.verify(late)).toBeUndefined();
    expect(await verifierOf(path).verify(late)).toBeDefined();
  });
});

describe('a token that is refused, without a word to the caller', () => {
  it('because every user can write the key set', async () => {
    await chmod(path, 0o666);
    expect(await verifierOf(path).verify(await token())).toBeUndefined();
    expect(refusals).toEqual(['can be written by every user; run chmod o-w on it']);
    await chmod(path, 0o644);
  });

  it('and quoted by no error, if it is something else', async () => {
    const errors: unknown[] = [];
    const other = createJwtVerifier([config(path)], (error) => errors.push(error));
    const secret = Buffer.from('hunter2 is no JSON').toString('base64url');
    expect(await other.verify(`${secret}.${secret}.${secret}`)).toBeUndefined();
    expect(await other.verify('hunter2')).toBeUndefined();
    expect(inspect(errors, { depth: 10 })).not.toContain('hunter2');
    expect(errors).toHaveLength(2);
  });

  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  it.each<[string, () => Promise<string>]>([
    ['of another issuer', () => token({ iss: 'https://evil.example.com' })],
    ['of an issuer whose name begins alike', () => token({ iss: `${ISSUER}/` })],
    ['of no issuer', () => token({ iss: undefined })],
    ['for another audience', () => token({ aud: 'other' })],
    ['for no audience', () => token({ aud: undefined })],
    ['that has expired', () => token({ exp: NOW_S - 60 })],
    ['that never expires', () => token({ exp: undefined })],
    ['that is not valid yet', () => token({ nbf: NOW_S + 60 })],
    ['without a subject', () => token({ sub: undefined })],
    ['with an empty subject', () => token({ sub: '' })],
    ['whose subject has a newline', () => token({ sub: 'a\nb' })],
    ['of another key under a known id', () => token({}, { pair: second })],
    ['of a key that is not there', () => token({}, { pair: second, header: { kid: 'none' } })],
    [
      'with alg none',
      async () => new UnsecuredJWT({ iss: ISSUER, aud: 'rekey', sub: 'billing', exp: NOW_S + 600 }).encode(),
    ],
    [
      'signed with the public key as a shared secret',
      async () =>
        new SignJWT({ iss: ISSUER, aud: 'rekey', sub: 'billing', exp: NOW_S + 600 })
          .setProtectedHeader({ alg: 'HS256', kid: 'one' })
          .sign(Buffer.from(await exportSPKI(first.publicKey))),
    ],
    ['that was changed', async () => (await token()).replace(/\.[^.]+\./, `.${encode({ iss: ISSUER })}.`)],
    ['that is no token', async () => 'hello'],
    ['that is empty', async () => ''],
    ['that is 1 MB long', async () => `${await token()}${'a'.repeat(1_000_000)}`],
    ['with a crit header', () => token({}, { header: { crit: ['b64'], b64: false } })],
  ])('%s', async (_, make) => {
    expect(await verifier.verify(await make().catch(() => 'not signable'))).toBeUndefined();
  });
});

describe('the keys of an issuer on the network', () => {
  let server: Server;
  let answer: () => string;
  let asked = 0;
  let url: string;
  beforeAll(async () => {
    server = createServer((_request, response) => {
      asked += 1;
      response.setHeader('content-type', 'application/json');
      response.end(answer());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  });
  afterAll(() => void server.close());

  it('are read once, and not again for each token', async () => {
    const text = JSON.stringify(await keySet(['one', first]));
    answer = () => text;
    const remote = verifierOf(url);
    asked = 0;
    for (let i = 0; i < 20; i += 1)
      expect(await remote.verify(await token({ jti: String(i) }))).toBeDefined();
    for (let i = 0; i < 20; i += 1)
      expect(
        await remote.verify(await token({ jti: String(i) }, { header: { kid: `x${i}` } })),
      ).toBeUndefined();
    expect(asked).toBe(1);
  });

  it.each<[string, () => string]>([
    ['an error', () => '{"error":"down"}'],
    ['garbage', () => '<html>'],
  ])('are not asked for again by each token while the issuer answers with %s', async (_, text) => {
    answer = text;
    const remote = verifierOf(url);
    asked = 0;
    for (let i = 0; i < 20; i += 1)
      expect(await remote.verify(await token({ jti: String(i) }))).toBeUndefined();
    expect(asked).toBe(1);
  });

  it.each<[string, () => string]>([
    ['garbage', () => '<html>'],
    ['no key set', () => '{"keys":7}'],
    ['10 MB', () => `{"keys":[],"x":"${'x'.repeat(10_000_000)}"}`],
  ])('are not believed if it answers with %s', async (_, text) => {
    answer = text;
    expect(await verifierOf(url).verify(await token())).toBeUndefined();
    expect(refusals).toHaveLength(1);
  });

  it('are not believed while it is away, and are asked for again', async () => {
    const text = JSON.stringify(await keySet(['one', first]));
    answer = () => {
      throw new Error('unused');
    };
    const away = verifierOf('http://127.0.0.1:1/jwks');
    expect(await away.verify(await token())).toBeUndefined();
    answer = () => text;
    expect(await verifierOf(url).verify(await token())).toBeDefined();
  });
});

describe('a token that was believed', () => {
  it('is not looked at again, and no longer believed when it has expired', async () => {
    const short = await token({ exp: Math.floor(Date.now() / 1000) - 27 });
    const before = await verifier.verify(short);
    expect(before).toBeDefined();
    expect(await verifier.verify(short)).toBe(before);
    while (Date.now() < before!.expiresMs) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await verifier.verify(short)).toBeUndefined();
  });
});
