import { createHash, hkdfSync, type KeyObject } from 'node:crypto';
import { readOwnKeys } from './own-keys.ts';
import type { SubscribeOptions } from './options.ts';

/** Keys with which a service encrypts what it stores on its own machine. */
export interface LocalVault {
  /** The thumbprint of the consumer's key (RFC 7638), shortened. */
  kid: string;
  /** The SHA-256 of each public key of Rekey in the key file, in order. */
  rekey: readonly string[];
  /**
   * Derives `bytes` bytes from the private part of the consumer's key (HKDF-SHA256). Each salt and each
   * purpose gives other bytes.
   */
  derive(salt: Uint8Array, purpose: string, bytes: number): Buffer;
}

/**
 * Reads the key file as `subscribe` does, and derives keys from it: who has the key file, and nobody else,
 * has them. Rejects with SubscribeError.
 */
export const openLocalVault = async ({
  privateKey,
  mountedKeyFile = false,
}: Pick<SubscribeOptions, 'privateKey' | 'mountedKeyFile'>): Promise<LocalVault> => {
  const { own, verifiers } = await readOwnKeys(privateKey, { mounted: mountedKeyFile });
  const secret = secretOf(own.decryptionKey);
  return {
    kid: own.kid,
    rekey: verifiers.map(({ publicKey }) => digestOf(publicKey)).toSorted(),
    derive: (salt, purpose, bytes) => Buffer.from(hkdfSync('sha256', secret, salt, purpose, bytes)),
  };
};

const secretOf = (key: KeyObject): Buffer =>
  key.type === 'secret' ? key.export() : Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url');
const digestOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('base64url');
