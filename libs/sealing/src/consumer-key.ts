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
 * The kinds of keys that a consumer can have: P-256 (RFC 7518 §6.2), X25519 (RFC 8037 §2) or a symmetric key
 * shared with Rekey (RFC 7518 §6.4).
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

/** The key to which Rekey seals the grant of a consumer. */
export interface ConsumerKey {
  type: ConsumerKeyType;
  /** The first characters of the thumbprint of the key (RFC 7638). */
  kid: string;
  /** The JWE algorithm that seals to it. */
  alg: 'ECDH-ES+A256KW' | 'A256KW';
  key: KeyObject;
  /** In its shortest form. For a shared key, this is the secret. */
  jwk: JWK;
}

/** A consumer's own key, with the part that opens what is sealed to it. */
export interface OwnKey extends ConsumerKey {
  decryptionKey: KeyObject;
}

/**
 * Reads the public key of a consumer, or a key that it shares with Rekey. Throws SealError, whose message
 * never quotes the key.
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
  throw new SealError('it is not a supported JWK: OKP X25519, EC P-256, or oct with 256 bits');
};

/** Reads a consumer's own key, as `generateConsumerKey` returns it. Throws SealError. */
export const parseOwnKey = async (jwk: unknown): Promise<OwnKey> => {
  const { d, ...rest } = z.looseObject({ d: z.string().optional() }).catch({}).parse(jwk);
  const known = await parseConsumerKey(rest);
  if (known.type === 'shared') return { ...known, decryptionKey: known.key };
  if (d === undefined) throw new SealError('it is only the public part of a key');
  try {
    const decryptionKey = createPrivateKey({ key: { ...known.jwk, d } as JWK, format: 'jwk' });
    // A private part that does not match the public part opens nothing. Fail now, not at the first record.
    const other = newKeyPair(known.type);
    if (
      !diffieHellman({ privateKey: decryptionKey, publicKey: other.publicKey }).equals(
        diffieHellman({ privateKey: other.privateKey, publicKey: known.key }),
      )
    )
      throw new SealError('');
    return { ...known, decryptionKey };
  } catch {
    throw new SealError('its private and public parts do not match');
  }
};

/** Generates the JWK for a consumer's key file. */
export const generateConsumerKey = async (type: ConsumerKeyType): Promise<JWK> => {
  const jwk: JWK =
    type === 'shared'
      ? { kty: 'oct', k: randomBytes(KEY_BYTES).toString('base64url') }
      : newKeyPair(type).privateKey.export({ format: 'jwk' });
  return { ...jwk, use: 'enc', alg: type === 'shared' ? 'A256KW' : 'ECDH-ES+A256KW', kid: await kidOf(jwk) };
};

const KID_LENGTH = 12;
/** The whole thumbprint (RFC 7638), by which people compare keys. */
export const thumbprintOf = (jwk: JWK): Promise<string> => calculateJwkThumbprint(jwk);
export const kidOf = async (jwk: JWK): Promise<string> => (await thumbprintOf(jwk)).slice(0, KID_LENGTH);

const newKeyPair = (type: 'X25519' | 'P-256') =>
  type === 'X25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });

const asymmetric = async (type: 'X25519' | 'P-256', jwk: JWK): Promise<ConsumerKey> => {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: 'jwk' });
    // A point of low order yields the same secret with every key; diffieHellman refuses it.
    diffieHellman({ privateKey: newKeyPair(type).privateKey, publicKey: key });
  } catch {
    throw new SealError(`it is not a usable public key of ${type}`);
  }
  return { type, kid: await kidOf(jwk), alg: 'ECDH-ES+A256KW', key, jwk };
};

const sharedKey = async (jwk: z.infer<typeof Shared>): Promise<ConsumerKey> => {
  const bytes = Buffer.from(jwk.k, 'base64url');
  if (bytes.length !== KEY_BYTES) throw new SealError(`the shared key is not ${8 * KEY_BYTES} bits long`);
  // Fewer than one in 10^9 random keys has less than 16 distinct bytes; a text or a pattern nearly always
  // does.
  if (new Set(bytes).size < 16) throw new SealError('the shared key is not random');
  return { type: 'shared', kid: await kidOf(jwk), alg: 'A256KW', key: createSecretKey(bytes), jwk };
};
