import { readFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAuthority, type CertificateAuthority } from '@rekey/testing';
import { namesOfCertificate } from './certificate-names.ts';

let authority: CertificateAuthority;
beforeAll(async () => void (authority = await createAuthority()));
afterAll(() => authority.dispose());

const namesWith = async (...sans: string[]): Promise<string[]> => {
  const { cert } = await authority.issue('one', sans);
  return namesOfCertificate(new X509Certificate(await readFile(cert)).raw);
};

describe('the names of a certificate', () => {
  it('are its URIs and DNS names, in their order', async () => {
    expect(
      await namesWith(
        'URI:spiffe://example.com/ns/shop/sa/billing',
        'DNS:Billing.example.com',
        'IP:127.0.0.1',
        'email:a@example.com',
      ),
    ).toEqual(['uri:spiffe://example.com/ns/shop/sa/billing', 'dns:billing.example.com']);
  });

  it('are none without them: its subject names nobody', async () => {
    expect(await namesWith()).toEqual([]);
  });

  it.each([
    ['URI:token:nightly', ['uri:token:nightly']],
    ['URI:jwt:https://idp.example.com#admin', ['uri:jwt:https://idp.example.com#admin']],
    ['URI:__proto__', ['uri:__proto__']],
  ])('cannot be taken for names of another kind: %s', async (san, expected) => {
    expect(await namesWith(san)).toEqual(expected);
  });

  it('do not come from what is written inside another', async () => {
    expect(await namesWith('URI:http://example.com/, DNS:admin.example.com')).toEqual([
      'uri:http://example.com/, DNS:admin.example.com',
    ]);
    expect(await namesWith('URI:http://example.com/", DNS:admin.example.com, URI:"')).toEqual([
      'uri:http://example.com/", DNS:admin.example.com, URI:"',
    ]);
  });
});
