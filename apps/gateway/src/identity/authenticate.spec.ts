import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createAuthority, type CertificateAuthority } from '@rekey/testing';
import { createAuthenticator } from './authenticate.ts';
import type { JwtVerifier } from './verify-jwts.ts';

let authority: CertificateAuthority;
let peerCertificate: Buffer;
beforeAll(async () => {
  authority = await createAuthority();
  const { cert } = await authority.issue('client', ['URI:spiffe://example.com/a', 'DNS:a.example.com']);
  peerCertificate = new X509Certificate(await readFile(cert)).raw;
});
afterAll(() => authority.dispose());

const names = ['uri:spiffe://example.com/a', 'dns:a.example.com'];

it('knows the caller of a certificate again, without what a token has added for one call', async () => {
  const authenticate = createAuthenticator({ verify: async () => undefined });
  const jwts = {
    verify: async () => ({ names: ['jwt:issuer#anna', 'group:issuer#ops'], expiresMs: 1 }),
    issuerOf: () => undefined,
  } as unknown as JwtVerifier;
  const first = await authenticate({ authorization: undefined, peerCertificate }, jwts);
  const withToken = await authenticate({ authorization: 'Bearer e.y.J', peerCertificate }, jwts);
  const second = await authenticate({ authorization: undefined, peerCertificate }, jwts);
  expect({ ...first, names: [...first.names] }).toEqual({ name: names[0], names, expiresMs: Infinity });
  expect(withToken).toEqual({ ...first, also: 'jwt:issuer#anna' });
  expect(second).toBe(first);
});
