import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SignJWT, UnsecuredJWT, exportSPKI, importJWK, type JWTPayload } from 'jose';
import { OAuth2Server } from 'oauth2-mock-server';
import { createJwtVerifier, type JwtVerifier } from './verify-jwts.ts';

/*
 * Tokens and key sets of an OpenID Connect issuer that is not ours. Between it and the verifier is a proxy,
 * which counts requests and can be slow, away, or answer something else.
 */

const TIMING = { withinMs: 1500, againAfterMs: 100 };
type Answer = 'as the issuer' | 'slowly' | 'nothing' | 'redirect' | { text: string };

let issuer: OAuth2Server;
let proxy: Server;
let proxyUrl: string;
let answer: Answer;
let asked: number;
let refusals: string[];
let verifier: JwtVerifier;

const listen = (server: Server): Promise<string> =>
  new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    ),
  );

beforeEach(async () => {
  issuer = new OAuth2Server();
  await issuer.issuer.keys.generate('RS256', { kid: 'first' });
  await issuer.start(0, '127.0.0.1');
  [answer, asked, refusals] = ['as the issuer', 0, []];
  proxy = createServer((incoming, response) => {
    asked += 1;
    if (answer === 'nothing') return incoming.socket.destroy();
    if (answer === 'redirect') {
      response.writeHead(302, { location: `${issuer.issuer.url}/jwks` }).end();
      return;
    }
    if (typeof answer === 'object') {
      response.setHeader('content-type', 'application/json').end(answer.text);
      return;
    }
    // Longer than anybody waits.
    if (answer === 'slowly') return;
    request(`${issuer.issuer.url}/jwks`, (upstream) => upstream.pipe(response))
      .on('error', () => response.destroy())
      .end();
  });
  proxyUrl = await listen(proxy);
  verifier = createVerifier();
});
afterEach(async () => {
  proxy.closeAllConnections();
  proxy.close();
  if (issuer.listening) await issuer.stop();
});

const createVerifier = (): JwtVerifier =>
  createJwtVerifier(
    [
      {
        issuer: issuer.issuer.url!,
        audience: 'rekey',
        algorithms: ['RS256'],
        jwks: `${proxyUrl}/jwks`,
        groups: 'groups',
      },
    ],
    (error) => refusals.push((error as Error).message),
    undefined,
    TIMING,
  );

let number = 0;
/** A token that the issuer has signed. Each is another one: none is believed because of one before. */
const tokenOf = (claims: Partial<JWTPayload> = {}, { kid }: { kid?: string } = {}): Promise<string> =>
  issuer.issuer.buildToken({
    kid,
    scopesOrTransform: (_header, payload) =>
      Object.assign(
        payload,
        { aud: 'rekey', sub: 'anna', groups: ['platform'], jti: `${(number += 1)}` },
        claims,
      ),
  });
const isValid = async (token: string): Promise<boolean> => (await verifier.verify(token)) !== undefined;
/** Time that must pass until the issuer is asked again. */
const pause = () => sleep(TIMING.againAfterMs + 20);

it('its tokens name their subject and its groups', async () => {
  const { names } = (await verifier.verify(await tokenOf()))!;
  const { url } = issuer.issuer;
  expect(names).toEqual([`jwt:${url}#anna`, `group:${url}#platform`]);
});

describe('a rollover of its keys', () => {
  it('is followed, whether or not the old key stays', async () => {
    expect(await isValid(await tokenOf({}, { kid: 'first' }))).toBe(true);
    await issuer.issuer.keys.generate('RS256', { kid: 'second' });
    await pause();
    expect(await isValid(await tokenOf({}, { kid: 'second' }))).toBe(true);
    expect(await isValid(await tokenOf({}, { kid: 'first' }))).toBe(true);
    expect(asked).toBe(2);
  });

  it('ends what the key before has signed, once the new keys are known', async () => {
    const old = await tokenOf();
    expect(await isValid(old)).toBe(true);
    const { url } = issuer.issuer;
    const { port } = new URL(url!);
    const unseen = await tokenOf();
    await issuer.stop();
    issuer = new OAuth2Server();
    await issuer.issuer.keys.generate('RS256', { kid: 'second' });
    await issuer.start(Number(port), '127.0.0.1');
    await pause();
    expect(await isValid(await tokenOf())).toBe(true);
    expect(await isValid(unseen)).toBe(false);
  });
});

describe('an issuer that does not answer', () => {
  it.each<Answer>(['nothing', 'slowly', 'redirect', { text: '<html>' }])(
    'costs the tokens of known keys nothing, and is asked by few of the others: %j',
    async (how) => {
      expect(await isValid(await tokenOf())).toBe(true);
      await issuer.issuer.keys.generate('RS256', { kid: 'second' });
      await pause();
      [answer, asked] = [how, 0];
      const beganMs = performance.now();
      const unknown = Array.from({ length: 20 }, async () => isValid(await tokenOf({}, { kid: 'second' })));
      expect(await isValid(await tokenOf({}, { kid: 'first' }))).toBe(true);
      expect(await Promise.all(unknown)).toEqual(unknown.map(() => false));
      expect(asked).toBeGreaterThan(0);
      expect(asked).toBeLessThanOrEqual(1 + (performance.now() - beganMs) / TIMING.againAfterMs);
      answer = 'as the issuer';
      await pause();
      expect(await isValid(await tokenOf({}, { kid: 'second' }))).toBe(true);
    },
  );

  it.each<Answer>(['nothing', 'slowly', 'redirect'])('proves nobody at the start: %j', async (how) => {
    answer = how;
    expect(await isValid(await tokenOf())).toBe(false);
    expect(refusals).toHaveLength(1);
    answer = 'as the issuer';
    await pause();
    expect(await isValid(await tokenOf())).toBe(true);
  });
});

describe('a key set', () => {
  const textOf = (bytes: number): string => {
    const text = JSON.stringify({ keys: issuer.issuer.keys.toJSON() });
    return text.replace('{', `{"x":"${'x'.repeat(bytes - text.length - 7)}",`);
  };

  it.each([
    ['is believed up to 1 MiB', 1024 * 1024, true],
    ['is not believed beyond it', 1024 * 1024 + 100, false],
  ])('%s', async (_, bytes, valid) => {
    answer = { text: textOf(bytes) };
    expect(await isValid(await tokenOf())).toBe(valid);
  });
});

describe('a token that is refused', () => {
  const claims = () => ({ iss: issuer.issuer.url!, aud: 'rekey', sub: 'anna', exp: Date.now() / 1000 + 600 });

  it.each<[string, () => Promise<string>]>([
    ['for another audience', () => tokenOf({ aud: 'other' })],
    ['for none', () => tokenOf({ aud: undefined as never })],
    ['of another issuer', () => tokenOf({ iss: 'https://evil.example.com' })],
    ['that has expired', () => tokenOf({ exp: Math.floor(Date.now() / 1000) - 60 })],
    ['that never expires', () => tokenOf({ exp: undefined as never })],
    ['with alg none', async () => new UnsecuredJWT(claims()).encode()],
    [
      'with HS256 under the public RSA key',
      async () => {
        const jwk = issuer.issuer.keys.get('first')!;
        const key = (await importJWK({ kty: 'RSA', n: jwk.n!, e: jwk.e! } as never, 'RS256', {
          extractable: true,
        })) as Parameters<typeof exportSPKI>[0];
        return new SignJWT(claims())
          .setProtectedHeader({ alg: 'HS256', kid: 'first' })
          .sign(Buffer.from(await exportSPKI(key)));
      },
    ],
    [
      'of a key that is not in the set',
      async () => {
        const other = new OAuth2Server();
        await other.issuer.keys.generate('RS256', { kid: 'other' });
        other.issuer.url = issuer.issuer.url!;
        return other.issuer.buildToken({
          scopesOrTransform: (_header, payload) => Object.assign(payload, { aud: 'rekey', sub: 'anna' }),
        });
      },
    ],
    [
      'of another key under a known id',
      async () => {
        const other = new OAuth2Server();
        await other.issuer.keys.generate('RS256', { kid: 'first' });
        other.issuer.url = issuer.issuer.url!;
        return other.issuer.buildToken({
          scopesOrTransform: (_header, payload) => Object.assign(payload, { aud: 'rekey', sub: 'anna' }),
        });
      },
    ],
  ])('%s', async (_, make) => {
    expect(await isValid(await tokenOf())).toBe(true);
    expect(await isValid(await make())).toBe(false);
    expect(refusals).toHaveLength(1);
  });
});
