import {
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import type { JWK } from 'jose';

/**
 * Proves what Rekey stores in Redis and later believes: the registry of consumers and its facts. Workers
 * derive it from their key file; gateways have it in a file of their own. It opens no record.
 */
export interface RegistryKey {
  /** The first characters of the thumbprint of the key (RFC 7638). */
  readonly kid: string;
  /**
   * HMAC-SHA256 of `LABEL\nTEXT`, in base64url without padding: 43 characters. The label names the purpose,
   * such as `rekey.registry.1`, so that a proof for one purpose is none for another.
   */
  mac(label: string, text: string | Uint8Array): string;
  /** Whether this is the MAC; compared in constant time. */
  verify(label: string, text: string | Uint8Array, mac: string): boolean;
}

const KEY_BYTES = 32;
const KID_LENGTH = 12;

/** The registry key of the key file whose sealing key has these bytes: HKDF-SHA256, without a salt. */
export const registryKeyBytes = (sealing: Uint8Array): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', sealing, '', 'rekey registry 1', KEY_BYTES));

/** The thumbprint of a symmetric key (RFC 7638), 43 characters. */
const octThumbprint = (k: string): string => sha256(JSON.stringify({ k, kty: 'oct' }));

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

export const createRegistryKey = (bytes: Uint8Array): RegistryKey => {
  const key: KeyObject = createSecretKey(bytes);
  const digest = (label: string, text: string | Uint8Array): Buffer =>
    createHmac('sha256', key).update(`${label}\n`).update(text).digest();
  return {
    kid: octThumbprint(Buffer.from(bytes).toString('base64url')).slice(0, KID_LENGTH),
    mac: (label, text) => digest(label, text).toString('base64url'),
    verify: (label, text, mac) => {
      const given = Buffer.from(mac, 'base64url');
      // A text that base64url does not write in this form is no MAC, even if it decodes to one.
      return (
        given.length === KEY_BYTES &&
        given.toString('base64url') === mac &&
        timingSafeEqual(given, digest(label, text))
      );
    },
  };
};

/**
 * The whole set of keys of a key file, as full thumbprints: `SEALING.FINGERPRINTING.SIGNING`. The registry
 * binds the ledger to it.
 */
export const keySetId = (sealing: Uint8Array, fingerprinting: Uint8Array, publicJwk: JWK): string => {
  const oct = (bytes: Uint8Array) => octThumbprint(Buffer.from(bytes).toString('base64url'));
  const { crv, kty, x } = publicJwk;
  return [oct(sealing), oct(fingerprinting), sha256(JSON.stringify({ crv, kty, x }))].join('.');
};
