import {
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  sign,
  verify,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import type { SharedKeys } from '../envelope-form.ts';

/**
 * Acknowledgements are signed with a key that is derived from the proving key of a grant, so that processes
 * without any secret can verify them (decision 0023).
 */
const INFO = 'rekey acknowledgement 1';
/** Before the signed text: a signature of another kind is none of an acknowledgement. */
const LABEL = 'rekey.acknowledgement.1\n';
const SEED_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** An Ed25519 private key in PKCS #8 (RFC 8410) is this and its seed. */
const PKCS8_BEFORE_SEED = Buffer.from('302e020100300506032b657004220420', 'hex');

const privateKeyOf = ({ proving }: SharedKeys): KeyObject => {
  const seed = Buffer.from(hkdfSync('sha256', proving.export(), Buffer.alloc(0), INFO, SEED_BYTES));
  return createPrivateKey({ key: Buffer.concat([PKCS8_BEFORE_SEED, seed]), format: 'der', type: 'pkcs8' });
};

const signedBytes = (ack: string): Buffer => Buffer.from(LABEL + ack);

/** What verifies the acknowledgements of the consumer with this grant: an Ed25519 public key, base64url. */
export const acknowledgementKeyOf = (keys: SharedKeys): string =>
  createPublicKey(privateKeyOf(keys)).export({ format: 'jwk' }).x!;

/** Signs the text of an acknowledgement; the signature is in base64url. */
export const createAcknowledgementSigner = (keys: SharedKeys): ((ack: string) => string) => {
  const privateKey = privateKeyOf(keys);
  return (ack) => sign(null, signedBytes(ack), privateKey).toString('base64url');
};

/**
 * Whether a proof is the signature of the text under the public key of an entry. False also if the key or the
 * proof is malformed. Verifies in the thread pool.
 */
export const createAcknowledgementVerifier = (): ((
  ack: string,
  proof: string,
  publicKey: string,
) => Promise<boolean>) => {
  const known = new Map<string, KeyObject | undefined>();
  const keyOf = (x: string): KeyObject | undefined => {
    if (!known.has(x)) {
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(x, parseKey(x));
    }
    return known.get(x);
  };
  return (ack, proof, x) => {
    const key = keyOf(x);
    const signature = Buffer.from(proof, 'base64url');
    if (!key || signature.length !== SIGNATURE_BYTES || signature.toString('base64url') !== proof)
      return Promise.resolve(false);
    return new Promise((resolve) =>
      verify(null, signedBytes(ack), key, signature, (error, isRight) => resolve(!error && isRight)),
    );
  };
};

/** Twice the number of consumers. */
const MAX_KNOWN = 200;

const parseKey = (x: string): KeyObject | undefined => {
  const jwk: JsonWebKey = { kty: 'OKP', crv: 'Ed25519', x };
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    return key.export({ format: 'jwk' }).x === x ? key : undefined;
  } catch {
    return undefined;
  }
};
