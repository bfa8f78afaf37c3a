import { createHmac, createSecretKey, webcrypto } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import type { KeyFile } from './key-file.ts';

export interface Sealer {
  /** The id of the key that fingerprints are made with; a ledger belongs to one. */
  readonly fingerprintKeyId: string;
  /**
   * JWE compact serialisation (RFC 7516), `alg: dir`, `enc: A256GCM`, `kid` of the sealing key. The nonce is 96 random
   * bits: NIST SP 800-38D allows 2^32 of those under one key.
   */
  seal(plaintext: string): Promise<string>;
  /** The plaintext of what `seal` made. Throws SealError for another key, or a text that was changed. */
  open(jwe: string): Promise<string>;
  /** `KEYID:HMAC-SHA256(secret)` in base64url: equal exactly where the secrets are. */
  fingerprint(secret: string): string;
}

export class SealError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SealError';
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export const createSealer = async ({ sealing, fingerprinting }: KeyFile): Promise<Sealer> => {
  const sealingKey = await webcrypto.subtle.importKey('raw', sealing.bytes as Uint8Array<ArrayBuffer>, 'AES-GCM', false, ['encrypt', 'decrypt']);
  const fingerprintKey = createSecretKey(fingerprinting.bytes);
  const header = { alg: 'dir', enc: 'A256GCM', kid: sealing.kid, cty: 'application/json' } as const;

  return {
    fingerprintKeyId: fingerprinting.kid,

    seal: (plaintext) => new CompactEncrypt(encoder.encode(plaintext)).setProtectedHeader(header).encrypt(sealingKey),

    open: async (jwe) => {
      try {
        const { plaintext } = await compactDecrypt(jwe, sealingKey, { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] });
        return decoder.decode(plaintext);
      } catch {
        throw new SealError('the sealed record does not open with this key file');
      }
    },

    fingerprint: (secret) => `${fingerprinting.kid}:${createHmac('sha256', fingerprintKey).update(secret).digest('base64url')}`,
  };
};
