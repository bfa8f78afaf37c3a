import type { KeyObject } from 'node:crypto';
import type { Envelope } from '@rekey/schema';
import { SealError } from './seal-error.ts';

/**
 * The two keys that Rekey shares with exactly one recipient: one wraps content keys, the other proves that an
 * envelope comes from Rekey. The proof is needed because every recipient of an envelope learns its content
 * key, so the JWE alone does not authenticate Rekey.
 */
export interface SharedKeys {
  kid: string;
  wrapping: KeyObject;
  proving: KeyObject;
  /**
   * Every envelope for these keys has a key proof (decision 0022): one without is refused. Absent for Rekey's
   * own keys and for grants of the earlier version, which also sealed envelopes without.
   */
  needsKeyProof?: boolean;
}

/** What an envelope is for. One that was made for another purpose does not open. */
export type Purpose =
  /** The record of an event. */
  | 'record'
  /** The keys that Rekey shares with a consumer, kept for workers. */
  | 'kept'
  /** The key of a consumer of type `shared`, on its way to workers. */
  | 'shared-key';

/**
 * How the parts of an envelope belong together. `joined`: the protected header names version and purpose, and
 * the proof covers all parts. `split`: the protected header is that of version 1, which earlier consumers
 * compare as a text. The proof covers the content, as it did, and `key_proof` covers the wrapped key.
 */
export type Form = 'joined' | 'split';

const protectedHeader = (more: object): string =>
  Buffer.from(JSON.stringify({ enc: 'A256GCM', cty: 'application/json', ...more })).toString('base64url');

const SPLIT_HEADER = protectedHeader({});
const JOINED_HEADERS: Readonly<Record<Purpose, string>> = {
  record: protectedHeader({ typ: 'rekey.record.2' }),
  kept: protectedHeader({ typ: 'rekey.kept.2' }),
  'shared-key': protectedHeader({ typ: 'rekey.shared-key.2' }),
};

/**
 * The form in which this version seals. Records stay in the form that earlier consumers read, for one
 * release. Workers alone read the others.
 */
export const formToSeal = (purpose: Purpose): Form => (purpose === 'record' ? 'split' : 'joined');

export const headerOf = (form: Form, purpose: Purpose): string =>
  form === 'split' ? SPLIT_HEADER : JOINED_HEADERS[purpose];

/** Throws SealError if the protected header is not one that Rekey uses for this purpose. */
export const formOf = ({ protected: header }: Envelope, purpose: Purpose): Form => {
  if (header === SPLIT_HEADER) return 'split';
  if (header === JOINED_HEADERS[purpose]) return 'joined';
  throw notInOurForm();
};

type Content = Pick<Envelope, 'protected' | 'iv' | 'ciphertext' | 'tag'>;

/** What `proof` covers, in pieces: joined, a ciphertext would be copied. */
export const provedTexts = (
  form: Form,
  { protected: header, iv, ciphertext, tag }: Content,
  kid: string,
  encryptedKey: string,
): string[] => [
  `${header}.${iv}.`,
  ciphertext,
  form === 'split' ? `.${tag}` : `.${tag}.${kid}.${encryptedKey}`,
];

/** What `key_proof` covers. No dot is in it, so it is never what a `proof` covers. */
export const keyText = (purpose: Purpose, kid: string, encryptedKey: string): string =>
  `rekey ${purpose} key 2 ${kid} ${encryptedKey}`;

/**
 * Throws SealError if the value is not an envelope. The check does not use the schema, which takes 5 µs: a
 * consumer that starts opens 100,000 envelopes.
 */
export const parseEnvelope = (envelope: unknown): Envelope => {
  if (!isEnvelope(envelope)) throw new SealError('the sealed text is not a JWE in the form that Rekey uses');
  return envelope;
};

type Fields<K extends string> = { [key in K]?: unknown };
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Accepts exactly the values that the schema `Envelope` accepts; envelope.spec.ts compares them. */
const isEnvelope = (value: unknown): value is Envelope => {
  if (!isObject(value)) return false;
  const { protected: header, recipients, iv, ciphertext, tag } = value as Fields<keyof Envelope>;
  return (
    typeof header === 'string' &&
    typeof iv === 'string' &&
    typeof ciphertext === 'string' &&
    typeof tag === 'string' &&
    Array.isArray(recipients) &&
    recipients.every(isRecipient)
  );
};
const isRecipient = (value: unknown): boolean => {
  if (!isObject(value)) return false;
  const { header, encrypted_key: key } = value as Fields<'header' | 'encrypted_key'>;
  if (typeof key !== 'string' || !isObject(header)) return false;
  const { alg, kid, proof, key_proof: keyProof } = header as Fields<'alg' | 'kid' | 'proof' | 'key_proof'>;
  return (
    alg === 'A256KW' &&
    typeof kid === 'string' &&
    typeof proof === 'string' &&
    (keyProof === undefined || typeof keyProof === 'string')
  );
};

/** Unpadded base64url of 12, 16 and 40 bytes: each has one spelling, because unused bits must be zero. */
const IV = /^[\w-]{16}$/;
const TAG = /^[\w-]{21}[AQgw]$/;
const ENCRYPTED_KEY = /^[\w-]{53}[AQgw]$/;

const notInOurForm = () => new SealError('the sealed text is not sealed in the way that Rekey uses');

/**
 * Throws SealError unless each part has its length and alphabet. node:crypto would take a shorter tag, which
 * is easier to guess, and a nonce of any length, and would skip characters that are not base64url. Of the
 * ciphertext, `checkCiphertext` has to check the rest.
 */
export const checkParts = ({ iv, ciphertext, tag }: Envelope, encryptedKey: string): void => {
  if (!IV.test(iv) || !TAG.test(tag) || !ENCRYPTED_KEY.test(encryptedKey) || !mayBeBase64url(ciphertext))
    throw notInOurForm();
};

/**
 * Besides base64url, node:crypto knows `+` and `/`, and may take the low byte of wide characters. To look for
 * all others takes a third of the time of the decryption. For wide ones, V8 looks only into a text that it
 * keeps with two bytes for each character.
 */
const mayBeBase64url = (text: string): boolean =>
  !WIDE.test(text) && !text.includes('+') && !text.includes('/');
const WIDE = /[\u0100-\uffff]/;

/** Throws SealError unless all characters of a ciphertext stand for bytes: these are how many were read. */
export const checkCiphertext = ({ ciphertext: { length } }: Envelope, bytes: number): void => {
  if (length % 4 === 1 || bytes !== Math.floor((length * 3) / 4)) throw notInOurForm();
};
