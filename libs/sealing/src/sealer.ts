import { createCipheriv, createHmac, createSecretKey, randomFillSync } from 'node:crypto';
import { compactDecrypt } from 'jose';
import type { KeyFile } from './key-file.ts';

export interface Sealer {
  /** The id of the key that fingerprints are made with; a ledger belongs to one. */
  readonly fingerprintKeyId: string;
  /**
   * JWE compact serialisation (RFC 7516), `alg: dir`, `enc: A256GCM`, `kid` of the sealing key. The nonce is 96 random
   * bits: NIST SP 800-38D allows 2^32 of those under one key.
   */
  seal(plaintext: string): string;
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

const NONCE_BYTES = 12;
const NONCES_AT_ONCE = 256;

/** Nonces from the system's generator, drawn many at a time: a draw costs 8 µs, however few the bytes. */
const nonceSource = (): (() => Buffer) => {
  const pool = Buffer.alloc(NONCE_BYTES * NONCES_AT_ONCE);
  let next = pool.length;
  return () => {
    if (next === pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    return Buffer.from(pool.subarray(next, (next += NONCE_BYTES)));
  };
};

const decoder = new TextDecoder('utf-8', { fatal: true });

export const createSealer = ({ sealing, fingerprinting }: KeyFile): Sealer => {
  const sealingKey = createSecretKey(sealing.bytes);
  const fingerprintKey = createSecretKey(fingerprinting.bytes);
  const header = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: sealing.kid, cty: 'application/json' })).toString('base64url');
  const authenticated = Buffer.from(header);
  const nextNonce = nonceSource();

  return {
    fingerprintKeyId: fingerprinting.kid,

    // By node:crypto and not by jose, whose WebCrypto costs six times as much (docs/decisions/0004). RFC 7516 §5.1 with `dir`:
    // the header is the additional data, the encrypted key is empty.
    seal: (plaintext) => {
      const nonce = nextNonce();
      const cipher = createCipheriv('aes-256-gcm', sealingKey, nonce).setAAD(authenticated);
      const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
      return `${header}..${nonce.toString('base64url')}.${ciphertext.toString('base64url')}.${cipher.getAuthTag().toString('base64url')}`;
    },

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
