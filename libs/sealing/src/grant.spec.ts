import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { CompactEncrypt, CompactSign, compactDecrypt, decodeJwt } from 'jose';
import {
  ConsumerKeyType,
  generateConsumerKey,
  parseConsumerKey,
  parseOwnKey,
  type OwnKey,
} from './consumer-key.ts';
import { contentKeyFor, createRandomSource, openEnvelope, sealUnder } from './envelope.ts';
import { parseEnvelope } from './envelope-form.ts';
import { grantedBefore } from './version-before-fixture.ts';
import {
  generateSharedKeys,
  openGrant,
  parseSharedKeys,
  parseVerifier,
  sealGrant,
  type Signer,
} from './grant.ts';

const newSigner = (kid: string) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    signer: { kid, privateKey } satisfies Signer,
    verifier: parseVerifier({ ...publicKey.export({ format: 'jwk' }), kid }),
  };
};
const { signer, verifier } = newSigner('rekey');
const NOW_MS = 1_800_000_000_000;
const REVISION = 1_800_000_000_000_001;
const publicPart = ({ d: _private, ...jwk }: Record<string, unknown>) => jwk;
const made = async (type: ConsumerKeyType, consumer = 'billing') => {
  const jwk = await generateConsumerKey(type);
  const sharedKeys = await generateSharedKeys();
  const grant = await sealGrant({
    consumer,
    sharedKeys,
    to: await parseConsumerKey(publicPart(jwk as never)),
    signer,
    revision: REVISION,
    nowMs: NOW_MS,
  });
  return { own: await parseOwnKey(jwk), sharedKeys, grant };
};

/** The claims of a grant, and what signs and seals others in the same way. */
const unsealed = async (grant: string, own: OwnKey) => {
  const { plaintext } = await compactDecrypt(grant, own.decryptionKey);
  const claims = decodeJwt(Buffer.from(plaintext).toString()) as Record<string, unknown>;
  return {
    claims,
    seal: async (other: object) =>
      new CompactEncrypt(
        Buffer.from(
          await new CompactSign(Buffer.from(JSON.stringify(other)))
            .setProtectedHeader({ alg: 'EdDSA', kid: signer.kid })
            .sign(signer.privateKey),
        ),
      )
        .setProtectedHeader({ alg: own.alg, enc: 'A256GCM' })
        .encrypt(own.key),
  };
};

describe('a grant', () => {
  it.each(ConsumerKeyType.options)(
    'gives a consumer with a key of kind %s the keys that open records',
    async (type) => {
      const { own, sharedKeys, grant } = await made(type);
      const opened = await openGrant(grant, { consumer: 'billing', own, verifiers: [verifier] });
      const random = createRandomSource();
      const sealed = sealUnder(contentKeyFor([parseSharedKeys(sharedKeys)], random), 'x', random);
      expect(openEnvelope(parseEnvelope(JSON.parse(sealed)), opened)).toBe('x');
      expect(grant).not.toContain(sharedKeys.slice(20, 40));
    },
  );

  it('does not open with another key', async () => {
    const { grant } = await made('X25519');
    const { own } = await made('X25519');
    await expect(openGrant(grant, { consumer: 'billing', own, verifiers: [verifier] })).rejects.toThrow(
      'does not open with this private key',
    );
  });

  it('is rejected if it is signed with another key, even under the same kid', async () => {
    const { own, grant } = await made('P-256');
    for (const other of ['rekey', 'other']) {
      await expect(
        openGrant(grant, { consumer: 'billing', own, verifiers: [newSigner(other).verifier] }),
      ).rejects.toThrow('not signed by the Rekey');
    }
  });

  it('is rejected if it belongs to another consumer', async () => {
    const { own, grant } = await made('shared', 'crm');
    await expect(openGrant(grant, { consumer: 'billing', own, verifiers: [verifier] })).rejects.toThrow(
      'belongs to another consumer',
    );
  });
});

describe('the claims of a grant', () => {
  it('are its revision, the version of its envelopes and the key that it is sealed to', async () => {
    const { own, grant } = await made('X25519');
    expect(await openGrant(grant, { consumer: 'billing', own, verifiers: [verifier] })).toMatchObject({
      revision: REVISION,
      needsKeyProof: true,
    });
  });

  it.each<[string, object]>([
    ['no revision', { rev: undefined }],
    ['a revision that is no number', { rev: '7' }],
    ['a negative revision', { rev: -1 }],
    ['a revision that no number can hold', { rev: 2 ** 53 }],
    ['another type', { typ: 'rekey.grant.0' }],
    ['a type that is null', { typ: null }],
    ['an envelope of the version before', { envelope: 1 }],
    ['no version of envelopes', { envelope: undefined }],
    ['no key', { key_kid: undefined }],
    ['keys of different ids', { keys: [] }],
  ])('with %s are rejected, also if Rekey signed them', async (_what, change) => {
    const { own, grant } = await made('shared');
    const { claims, seal } = await unsealed(grant, own);
    await expect(
      openGrant(await seal({ ...claims, ...change }), { consumer: 'billing', own, verifiers: [verifier] }),
    ).rejects.toThrow('does not have the form');
    expect(
      await openGrant(await seal({ ...claims, envelope: 3, later: 1 }), {
        consumer: 'billing',
        own,
        verifiers: [verifier],
      }),
    ).toMatchObject({ needsKeyProof: true });
  });

  it('with another key of the consumer are rejected', async () => {
    const { own, grant } = await made('shared');
    const { claims, seal } = await unsealed(grant, own);
    const moved = await seal({ ...claims, key_kid: 'other' });
    await expect(openGrant(moved, { consumer: 'billing', own, verifiers: [verifier] })).rejects.toThrow(
      'another key of the consumer',
    );
  });

  it('of the version before are accepted, with revision 0 and envelopes without key proofs', async () => {
    const opened = await openGrant(grantedBefore.grant, {
      consumer: 'billing',
      own: await parseOwnKey(grantedBefore.own),
      verifiers: [parseVerifier(grantedBefore.verifier)],
    });
    expect(opened).toMatchObject({ kid: grantedBefore.kid, revision: 0 });
    expect(opened.needsKeyProof).toBeUndefined();
  });
});

describe('the key of a consumer', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
  const zeros = Buffer.alloc(32).toString('base64url');

  it.each<[string, unknown, string]>([
    ['RSA', rsa, 'not a supported JWK'],
    ['P-384', p384, 'not a supported JWK'],
    ['nothing', undefined, 'not a supported JWK'],
    ['a text', 'ssh-ed25519 AAAA', 'not a supported JWK'],
    ['a point of low order', { kty: 'OKP', crv: 'X25519', x: zeros }, 'not a usable public key of X25519'],
    ['too short a point', { kty: 'OKP', crv: 'X25519', x: 'AAAA' }, 'not a usable public key of X25519'],
    [
      'a point that is not on its curve',
      { kty: 'EC', crv: 'P-256', x: zeros, y: zeros },
      'not a usable public key of P-256',
    ],
    ['128 bits', { kty: 'oct', k: Buffer.alloc(16, 3).toString('base64url') }, 'not 256 bits long'],
    ['zeros', { kty: 'oct', k: zeros }, 'not random'],
    [
      'a word',
      { kty: 'oct', k: Buffer.from('passwordpasswordpasswordpassword').toString('base64url') },
      'not random',
    ],
  ])('is rejected without being quoted if it is %s', async (_what, jwk, complaint) => {
    const error = await parseConsumerKey(jwk).catch((err: Error) => err);
    expect(error).toMatchObject({ name: 'SealError', message: expect.stringContaining(complaint) });
    expect(String(error)).not.toContain('AAAA');
  });

  it('is rejected if it is a private key', async () => {
    await expect(parseConsumerKey(await generateConsumerKey('X25519'))).rejects.toThrow(
      'it is a private key',
    );
  });

  it('is identified by its thumbprint, whatever else the JWK contains', async () => {
    const jwk = await generateConsumerKey('P-256');
    const { kid } = await parseConsumerKey({ ...publicPart(jwk as never), kid: 'mine', alg: 'RSA1_5' });
    expect(kid).toBe(jwk.kid);
  });

  it('is rejected if its private part belongs to another key', async () => {
    for (const type of ['X25519', 'P-256'] as const) {
      const [one, two] = [await generateConsumerKey(type), await generateConsumerKey(type)];
      await expect(parseOwnKey({ ...one, d: two.d })).rejects.toThrow('do not match');
      await expect(parseOwnKey(publicPart(one as never))).rejects.toThrow('only the public part');
    }
  });

  it('is accepted as that of Rekey only if it is an Ed25519 key', () => {
    expect(() =>
      parseVerifier(createPublicKey(generateKeyPairSync('ed25519').privateKey).export({ format: 'jwk' })),
    ).toThrow('not a public key of Rekey');
    expect(() => parseVerifier({ kty: 'OKP', crv: 'Ed25519', kid: 'x', x: 'AA' })).toThrow(
      'not a public key of Rekey',
    );
  });
});
