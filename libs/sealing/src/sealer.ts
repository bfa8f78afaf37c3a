import { createHmac, createSecretKey, hkdfSync } from 'node:crypto';
import type { JWK } from 'jose';
import {
  contentKeyFor,
  createRandomSource,
  openEnvelope,
  parseEnvelope,
  resealFor,
  sealUnder,
  type ContentKey,
  type SharedKeys,
} from './envelope.ts';
import type { Signer } from './grant.ts';
import type { KeyFile } from './key-file.ts';
import { createRegistryKey, keySetId, registryKeyBytes, type RegistryKey } from './registry-key.ts';
import { SealError } from './seal-error.ts';

/** What the owner of the key file can do: seal records for recipients and itself, fingerprint, sign. */
export interface Sealer {
  /** The id of the fingerprint key. A ledger belongs to one fingerprint key. */
  readonly fingerprintKeyId: string;
  readonly signer: Signer;
  /** The public JWK that consumers need to verify signatures. */
  readonly publicJwk: JWK & { kid: string };
  /** Proves the registry of consumers in Redis. */
  readonly registryKey: RegistryKey;
  /** The whole set of keys, as full thumbprints: `SEALING.FINGERPRINTING.SIGNING`. */
  readonly keySetId: string;
  /**
   * The JSON of an envelope that this sealer and each recipient can open. Envelopes for the same array of
   * recipients share a content key for a while (decision 0012).
   */
  seal(plaintext: string, recipients?: readonly SharedKeys[]): string;
  /** The same ciphertext for other recipients. Throws SealError. */
  reseal(envelope: unknown, recipients: readonly SharedKeys[]): string;
  /**
   * The plaintext of a parsed envelope. Rejects with SealError if the envelope was changed, or was not sealed
   * with this key file.
   */
  open(envelope: unknown): Promise<string>;
  /** `KEYID:HMAC-SHA256(secret)` in base64url: equal if and only if the secrets are equal. */
  fingerprint(secret: string): string;
}

const NO_RECIPIENTS: readonly SharedKeys[] = [];
const ENVELOPES_PER_KEY = 1000;

export const createSealer = ({ sealing, fingerprinting, signing }: Omit<KeyFile, 'exposed'>): Sealer => {
  const fingerprintKey = createSecretKey(fingerprinting.bytes);
  const own: SharedKeys = {
    kid: sealing.kid,
    wrapping: createSecretKey(sealing.bytes),
    // Derived: Rekey itself is a recipient, and needs a proving key that the key file does not contain.
    proving: createSecretKey(new Uint8Array(hkdfSync('sha256', sealing.bytes, '', 'rekey proof', 32))),
  };
  const random = createRandomSource();
  const contentKeys = new WeakMap<readonly SharedKeys[], { contentKey: ContentKey; sealed: number }>();
  const contentKeyOf = (recipients: readonly SharedKeys[]): ContentKey => {
    let current = contentKeys.get(recipients);
    if (!current || current.sealed === ENVELOPES_PER_KEY) {
      current = { contentKey: contentKeyFor([own, ...recipients], random), sealed: 0 };
      contentKeys.set(recipients, current);
    }
    current.sealed += 1;
    return current.contentKey;
  };

  return {
    fingerprintKeyId: fingerprinting.kid,
    signer: { kid: signing.kid, privateKey: signing.privateKey },
    publicJwk: signing.publicJwk,
    registryKey: createRegistryKey(registryKeyBytes(sealing.bytes)),
    keySetId: keySetId(sealing.bytes, fingerprinting.bytes, signing.publicJwk),

    // node:crypto rather than jose, whose WebCrypto costs six times as much (decision 0004).
    seal: (plaintext, recipients = NO_RECIPIENTS) => sealUnder(contentKeyOf(recipients), plaintext, random),

    reseal: (envelope, recipients) =>
      JSON.stringify(resealFor([own, ...recipients], parseEnvelope(envelope), own)),

    open: async (envelope) => {
      const plaintext = openEnvelope(parseEnvelope(envelope), own);
      if (plaintext === undefined) throw new SealError('the sealed record does not open with this key file');
      return plaintext;
    },

    fingerprint: (secret) =>
      `${fingerprinting.kid}:${createHmac('sha256', fingerprintKey).update(secret).digest('base64url')}`,
  };
};
