import { createHmac } from 'node:crypto';

/** For specs: the same proofs as the registry key of @rekey/sealing makes, under a key that never changes. */
const KEY = Buffer.alloc(32, 'spec');
const mac = (label: string, text: string | Uint8Array): string =>
  createHmac('sha256', KEY).update(`${label}\n`).update(text).digest('base64url');

/** For `openLedger(redis, { registry: specRegistry })`: ledgers that share a Redis believe each other. */
export const specRegistry = {
  key: {
    kid: 'spec-key-000',
    mac,
    verify: (label: string, text: string | Uint8Array, given: string): boolean => given === mac(label, text),
  },
};
