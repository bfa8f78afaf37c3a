import { createPublicKey, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { CompactEncrypt, CompactSign, compactDecrypt, compactVerify } from 'jose';
import { parseJson } from '@rekey/schema';
import { z } from 'zod';
import { kidOf, type ConsumerKey, type OwnKey } from './consumer-key.ts';
import type { SharedKeys } from './envelope-form.ts';
import { SealError } from './seal-error.ts';

/** The Ed25519 key (RFC 8037) that signs grants, and its public part, which every consumer holds. */
export interface Signer {
  kid: string;
  privateKey: KeyObject;
}
export interface Verifier {
  kid: string;
  publicKey: KeyObject;
}

const OctJwk = z.object({
  kty: z.literal('oct'),
  use: z.enum(['enc', 'sig']),
  alg: z.string(),
  kid: z.string(),
  k: z.base64url(),
});
const SharedJwks = z.object({ keys: z.tuple([OctJwk, OctJwk]) });
/** The content of a grant: the consumer, and the JWK Set of the two keys that only Rekey and it share. */
const GrantClaims = SharedJwks.extend({ consumer: z.string(), issued_at: z.string() });
const GRANT_TYPE = 'rekey.grant.1';
/** What grants of the earlier version lack. */
const NewClaims = z.object({
  typ: z.literal(GRANT_TYPE),
  /** The revision of the grants of a consumer: it only rises. */
  rev: z.int().min(0),
  /** The version of the envelopes that are sealed for these keys. A later one keeps what this one has. */
  envelope: z.int().min(2),
  /** The kid of the consumer's key to which the grant is sealed. */
  key_kid: z.string(),
});

/** An opened grant. */
export interface Grant extends SharedKeys {
  /** 0 in a grant of the earlier version. */
  revision: number;
}

/** New keys to share with a consumer: a JWK Set (RFC 7517) of a wrapping and a proving key. */
export const generateSharedKeys = async (): Promise<string> => {
  const secret = () => randomBytes(32).toString('base64url');
  const [wrap, prove] = [secret(), secret()];
  const kid = await kidOf({ kty: 'oct', k: wrap });
  return JSON.stringify({
    keys: [
      { kty: 'oct', use: 'enc', alg: 'A256KW', kid, k: wrap },
      { kty: 'oct', use: 'sig', alg: 'HS256', kid, k: prove },
    ],
  });
};

/** Throws SealError, whose message quotes nothing of the text. */
export const parseSharedKeys = (text: string): SharedKeys => {
  const parsed = SharedJwks.safeParse(parseJson(text));
  const wrap = parsed.data?.keys.find(({ use }) => use === 'enc');
  const prove = parsed.data?.keys.find(({ use }) => use === 'sig');
  if (!wrap || !prove || wrap.kid !== prove.kid)
    throw new SealError('these are not the keys that Rekey shares with a consumer');
  return {
    kid: wrap.kid,
    wrapping: createSecretKey(wrap.k, 'base64url'),
    proving: createSecretKey(prove.k, 'base64url'),
  };
};

/**
 * The grant for one consumer: its shared keys, signed by Rekey (JWS, `EdDSA`) and then sealed to the
 * consumer's own key (JWE), both in compact serialisation. A consumer that holds a grant refuses one with a
 * lower revision.
 */
export const sealGrant = async ({
  consumer,
  sharedKeys,
  to,
  signer,
  revision,
  nowMs,
}: {
  consumer: string;
  sharedKeys: string;
  to: ConsumerKey;
  signer: Signer;
  revision: number;
  nowMs: number;
}): Promise<string> => {
  const claims = {
    typ: GRANT_TYPE,
    rev: revision,
    envelope: 2,
    key_kid: to.kid,
    consumer,
    issued_at: new Date(nowMs).toISOString(),
    ...(JSON.parse(sharedKeys) as object),
  };
  const signed = await new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: 'EdDSA', typ: GRANT_TYPE, kid: signer.kid })
    .sign(signer.privateKey);
  return new CompactEncrypt(Buffer.from(signed))
    .setProtectedHeader({ alg: to.alg, enc: 'A256GCM', typ: GRANT_TYPE, kid: to.kid, cty: 'JOSE' })
    .encrypt(to.key);
};

/**
 * Opens a grant. Rejects with SealError if it is for another key or consumer, is no grant, or is not from
 * Rekey.
 */
export const openGrant = async (
  grant: string,
  { consumer, own, verifiers }: { consumer: string; own: OwnKey; verifiers: readonly Verifier[] },
): Promise<Grant> => {
  const signed = await compactDecrypt(grant, own.decryptionKey, {
    keyManagementAlgorithms: [own.alg],
    contentEncryptionAlgorithms: ['A256GCM'],
  }).catch(() => {
    throw new SealError('the grant does not open with this private key: it was made for another key');
  });
  const verified = await compactVerify(signed.plaintext, ({ kid }) => verifierOf(verifiers, kid), {
    algorithms: ['EdDSA', 'Ed25519'],
  }).catch(() => {
    throw new SealError('the grant is not signed by the Rekey whose public key is known');
  });
  const payload = parseJson(Buffer.from(verified.payload).toString());
  const claims = GrantClaims.safeParse(payload);
  if (!claims.success) throw notAGrant();
  if (claims.data.consumer !== consumer) throw new SealError('the grant belongs to another consumer');
  const sharedKeys = parseSharedKeys(JSON.stringify({ keys: claims.data.keys }));
  if (!('typ' in (payload as object))) return { ...sharedKeys, revision: 0 };
  const { data: more } = NewClaims.safeParse(payload);
  if (!more) throw notAGrant();
  if (more.key_kid !== own.kid) throw new SealError('the grant belongs to another key of the consumer');
  return { ...sharedKeys, revision: more.rev, needsKeyProof: true };
};

const notAGrant = () => new SealError('the grant does not have the form that Rekey uses');

/** Rekey's public key, from a JWK. Throws SealError. */
export const parseVerifier = (jwk: unknown): Verifier => {
  if (typeof jwk === 'object' && jwk !== null && 'd' in jwk)
    throw new SealError('it is a private key, which must stay with Rekey');
  const parsed = z
    .object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), kid: z.string(), x: z.base64url() })
    .safeParse(jwk);
  if (!parsed.success) throw new SealError('it is not a public key of Rekey (OKP Ed25519 with a kid)');
  const { kid, ...key } = parsed.data;
  try {
    return { kid, publicKey: createPublicKey({ key, format: 'jwk' }) };
  } catch {
    throw new SealError('it is not a public key of Rekey (OKP Ed25519 with a kid)');
  }
};

const verifierOf = (verifiers: readonly Verifier[], kid: string | undefined): KeyObject => {
  const verifier = verifiers.find((known) => known.kid === kid);
  if (!verifier) throw new SealError('signed with an unknown key');
  return verifier.publicKey;
};
