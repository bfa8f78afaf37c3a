import { createHmac, createSecretKey, hkdfSync } from 'node:crypto';
import type { JWK } from 'jose';
import {
  contentKeyFor,
  createRandomSource,
  openEnvelope,
  parseEnvelope,
  sealAnewFor,
  sealUnder,
  type ContentKey,
  type SharedKeys,
} from './envelope.ts';
import type { Signer } from './grant.ts';
import type { KeyFile } from './key-file.ts';
import { SealError } from './seal-error.ts';

/** What the key file's owner can do: seal records for readers and itself, make fingerprints, and sign. */
export interface Sealer {
  /** The id of the key that fingerprints are made with; a ledger belongs to one. */
  readonly fingerprintKeyId: string;
  readonly signer: Signer;
  /** What consumers must know to trust what is signed: a public JWK. */
  readonly publicJwk: JWK & { kid: string };
  /**
   * The JSON text of an envelope that each of the readers opens, and this sealer. What is sealed for the same
   * list of readers has the same content key for a while (docs/internals/decisions/0012).
   */
  seal(plaintext: string, readers?: readonly SharedKeys[]): string;
  /** The same content for other readers. Throws SealError. */
  sealAnew(envelope: unknown, readers: readonly SharedKeys[]): string;
  /**
   * The plaintext of an envelope, given as it was parsed. Rejects with SealError for what another sealed, or
   * that was changed.
   */
  open(envelope: unknown): Promise<string>;
  /** `KEYID:HMAC-SHA256(secret)` in base64url: equal exactly where the secrets are. */
  fingerprint(secret: string): string;
}

const NOBODY_ELSE: readonly SharedKeys[] = [];
const ENVELOPES_A_KEY = 1000;

export const createSealer = ({ sealing, fingerprinting, signing }: Omit<KeyFile, 'exposed'>): Sealer => {
  const fingerprintKey = createSecretKey(fingerprinting.bytes);
  const own: SharedKeys = {
    kid: sealing.kid,
    wrapping: createSecretKey(sealing.bytes),
    // Of its own, for readers know nothing of the sealing key; the key file need not hold it.
    proving: createSecretKey(new Uint8Array(hkdfSync('sha256', sealing.bytes, '', 'rekey proof', 32))),
  };
  const random = createRandomSource();
  const contentKeys = new WeakMap<readonly SharedKeys[], { contentKey: ContentKey; sealed: number }>();
  const contentKeyOf = (readers: readonly SharedKeys[]): ContentKey => {
    let current = contentKeys.get(readers);
    if (!current || current.sealed === ENVELOPES_A_KEY) {
      current = { contentKey: contentKeyFor([own, ...readers], random), sealed: 0 };
      contentKeys.set(readers, current);
    }
    current.sealed += 1;
    return current.contentKey;
  };

  return {
    fingerprintKeyId: fingerprinting.kid,
    signer: { kid: signing.kid, privateKey: signing.privateKey },
    publicJwk: signing.publicJwk,

    // By node:crypto and not by jose, whose WebCrypto costs six times as much (docs/internals/decisions/0004).
    seal: (plaintext, readers = NOBODY_ELSE) => sealUnder(contentKeyOf(readers), plaintext, random),

    sealAnew: (envelope, readers) =>
      JSON.stringify(sealAnewFor([own, ...readers], parseEnvelope(envelope), own)),

    open: async (envelope) => {
      const plaintext = openEnvelope(parseEnvelope(envelope), own);
      if (plaintext === undefined) throw new SealError('the sealed record does not open with this key file');
      return plaintext;
    },

    fingerprint: (secret) =>
      `${fingerprinting.kid}:${createHmac('sha256', fingerprintKey).update(secret).digest('base64url')}`,
  };
};
