import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { z } from 'zod';
import { SealError } from './seal-error.ts';

/**
 * The kinds of keys that a consumer may have: RFC 7518 §6.2 (P-256), RFC 8037 §2 (X25519), and RFC 7518 §6.4,
 * which is shared with Rekey.
 */
export const ConsumerKeyType = z.enum(['X25519', 'P-256', 'shared']);
export type ConsumerKeyType = z.infer<typeof ConsumerKeyType>;

const KEY_BYTES = 32;
const X25519Public = z.object({ kty: z.literal('OKP'), crv: z.literal('X25519'), x: z.base64url() });
const P256Public = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.base64url(),
  y: z.base64url(),
});
const Shared = z.object({ kty: z.literal('oct'), k: z.base64url() });

/** What Rekey seals a consumer's grant to. */
export interface ConsumerKey {
  type: ConsumerKeyType;
  /** The beginning of the key's thumbprint (RFC 7638). */
  kid: string;
  /** How a JWE is sealed to it. */
  alg: 'ECDH-ES+A256KW' | 'A256KW';
  key: KeyObject;
  /** In its shortest form; of a shared key this is the secret. */
  jwk: JWK;
}

/** A consumer's own key, which opens what is sealed to it. */
export interface OwnKey extends ConsumerKey {
  opens: KeyObject;
}

/**
 * Reads the public key of a consumer, or one that it shares with Rekey. Throws SealError, which says what is
 * wrong with it and never quotes it.
 */
export const parseConsumerKey = async (jwk: unknown): Promise<ConsumerKey> => {
  if (typeof jwk === 'object' && jwk !== null && 'd' in jwk)
    throw new SealError('it is a private key, which must not leave its service: register its public part');
  const x25519 = X25519Public.safeParse(jwk);
  const p256 = P256Public.safeParse(jwk);
  const shared = Shared.safeParse(jwk);
  if (x25519.success) return asymmetric('X25519', x25519.data);
  if (p256.success) return asymmetric('P-256', p256.data);
  if (shared.success) return sharedKey(shared.data);
  throw new SealError('it is no JWK of a kind that is taken: OKP X25519, EC P-256, or oct of 256 bits');
};

/** Reads a consumer's own key, as `generateConsumerKey` makes it. */
export const parseOwnKey = async (jwk: unknown): Promise<OwnKey> => {
  const { d, ...rest } = z.looseObject({ d: z.string().optional() }).catch({}).parse(jwk);
  const known = await parseConsumerKey(rest);
  if (known.type === 'shared') return { ...known, opens: known.key };
  if (d === undefined) throw new SealError('it is only the public part of a key');
  try {
    const opens = createPrivateKey({ key: { ...known.jwk, d } as JWK, format: 'jwk' });
    // A private part that belongs to another public one opens nothing: better said now than at the first
    // record.
    const other = newKeyPair(known.type);
    if (
      !diffieHellman({ privateKey: opens, publicKey: other.publicKey }).equals(
        diffieHellman({ privateKey: other.privateKey, publicKey: known.key }),
      )
    )
      throw new SealError('');
    return { ...known, opens };
  } catch {
    throw new SealError('its private and public parts do not belong together');
  }
};

/** A new key, as the JWK that goes into a consumer's key file. */
export const generateConsumerKey = async (type: ConsumerKeyType): Promise<JWK> => {
  const jwk: JWK =
    type === 'shared'
      ? { kty: 'oct', k: randomBytes(KEY_BYTES).toString('base64url') }
      : newKeyPair(type).privateKey.export({ format: 'jwk' });
  return { ...jwk, use: 'enc', alg: type === 'shared' ? 'A256KW' : 'ECDH-ES+A256KW', kid: await kidOf(jwk) };
};

const KID_LENGTH = 12;
export const kidOf = async (jwk: JWK): Promise<string> =>
  (await calculateJwkThumbprint(jwk)).slice(0, KID_LENGTH);

const newKeyPair = (type: 'X25519' | 'P-256') =>
  type === 'X25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });

const asymmetric = async (type: 'X25519' | 'P-256', jwk: JWK): Promise<ConsumerKey> => {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: 'jwk' });
    // A point of low order agrees with everybody on the same secret: the agreement refuses it.
    diffieHellman({ privateKey: newKeyPair(type).privateKey, publicKey: key });
  } catch {
    throw new SealError(`it is no point of ${type} that a secret can be agreed with`);
  }
  return { type, kid: await kidOf(jwk), alg: 'ECDH-ES+A256KW', key, jwk };
};

const sharedKey = async (jwk: z.infer<typeof Shared>): Promise<ConsumerKey> => {
  const bytes = Buffer.from(jwk.k, 'base64url');
  if (bytes.length !== KEY_BYTES) throw new SealError(`the shared key is not ${8 * KEY_BYTES} bits long`);
  // 32 random bytes hold fewer than 16 different ones once in 10^9 keys and more; a text or a pattern nearly
  // always does.
  if (new Set(bytes).size < 16) throw new SealError('the shared key is not random');
  return { type: 'shared', kid: await kidOf(jwk), alg: 'A256KW', key: createSecretKey(bytes), jwk };
};
