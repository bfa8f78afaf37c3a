import { generateKeyPairSync } from 'node:crypto';
import { createSealer } from '@rekey/sealing';
import type { Recipients } from './recipients.ts';

/** For specs: a sealer whose keys are always the same, except the one that signs; and no recipients. */
const bytes = (byte: number) => new Uint8Array(32).fill(byte);
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
export const signing = {
  kid: 'signing',
  privateKey,
  publicJwk: { ...publicKey.export({ format: 'jwk' }), kid: 'signing' },
};
export const sealer = createSealer({
  sealing: { kid: 'sealing', bytes: bytes(1) },
  fingerprinting: { kid: 'printing', bytes: bytes(2) },
  signing,
});
export const noRecipients: Recipients = {
  of: () => ({ names: [], keys: [], revision: '0' }),
  nameOf: (orgId) => orgId,
  rev: () => 0,
  refresh: async () => {},
};
