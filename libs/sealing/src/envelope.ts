import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomFillSync,
  timingSafeEqual,
  type Hmac,
  type KeyObject,
} from 'node:crypto';
import type { Envelope } from '@rekey/schema';
import { SealError } from './seal-error.ts';

/**
 * The two keys that Rekey shares with one reader, and with nobody else: one wraps the key of a content, one
 * proves that it comes from Rekey. All readers of an envelope learn the key of its content, so that a JWE
 * alone proves nothing to any of them.
 */
export interface SharedKeys {
  kid: string;
  wrapping: KeyObject;
  proving: KeyObject;
}

/**
 * Throws SealError where it is no envelope. By hand and not by its schema, which takes 5 µs: a consumer that
 * starts opens 100,000 of them.
 */
export const parseEnvelope = (envelope: unknown): Envelope => {
  if (!isEnvelope(envelope)) throw new SealError('the sealed text is no JWE as Rekey makes it');
  return envelope;
};

type Fields<K extends string> = { [key in K]?: unknown };
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Says of everything the same as the schema `Envelope`; envelope.spec.ts compares them. */
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
  const { alg, kid, proof } = header as Fields<'alg' | 'kid' | 'proof'>;
  return alg === 'A256KW' && typeof kid === 'string' && typeof proof === 'string';
};

type Content = Pick<Envelope, 'protected' | 'iv' | 'ciphertext' | 'tag'>;

const CEK_BYTES = 32;
const NONCE_BYTES = 12;
const DRAWN_AT_ONCE = 256;
const TAG_BYTES = 16;
/** RFC 3394 §2.2.3.1. */
const KEY_WRAP_IV = Buffer.from('a6a6a6a6a6a6a6a6', 'hex');
const PROTECTED = Buffer.from(JSON.stringify({ enc: 'A256GCM', cty: 'application/json' })).toString(
  'base64url',
);
const AUTHENTICATED = Buffer.from(PROTECTED);
/** Stands in no kid and no base64url. */
const PROOF_PLACE = '*proof*';

/**
 * Keys and nonces from the system's generator, drawn many at a time: a draw costs 8 µs, however few the
 * bytes.
 */
export const createRandomSource = (): ((bytes: number) => Buffer) => {
  const pool = Buffer.alloc((CEK_BYTES + NONCE_BYTES) * DRAWN_AT_ONCE);
  let next = pool.length;
  return (bytes) => {
    if (next + bytes > pool.length) {
      randomFillSync(pool);
      next = 0;
    }
    const drawn = Buffer.from(pool.subarray(next, next + bytes));
    pool.fill(0, next, next + bytes);
    next += bytes;
    return drawn;
  };
};

/** A key for the contents of envelopes, wrapped for their readers. */
export interface ContentKey {
  key: KeyObject;
  /** Of each reader the JSON of its recipient, without the proof that stands between the two. */
  recipients: { proving: KeyObject; before: string; after: string }[];
}

export const contentKeyFor = (
  readers: readonly SharedKeys[],
  random: (bytes: number) => Buffer,
): ContentKey => {
  const bytes = random(CEK_BYTES);
  const key = createSecretKey(bytes);
  const recipients = readers.map((reader) => {
    const [before, after] = JSON.stringify(recipient(reader, bytes, PROOF_PLACE)).split(PROOF_PLACE) as [
      string,
      string,
    ];
    return { proving: reader.proving, before, after };
  });
  bytes.fill(0);
  return { key, recipients };
};

/** The JSON of an envelope; encrypted once, for all readers of the key. */
export const sealUnder = (
  { key, recipients }: ContentKey,
  plaintext: string,
  random: (bytes: number) => Buffer,
): string => {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(AUTHENTICATED);
  const ciphertext = cipher.update(plaintext, 'utf8').toString('base64url');
  // Of GCM it gives nothing more.
  cipher.final();
  const [iv, tag] = [nonce.toString('base64url'), cipher.getAuthTag().toString('base64url')];
  const proved = provedText({ protected: PROTECTED, iv, ciphertext, tag });
  const proofs = recipients.map(
    ({ proving, before, after }) => `${before}${proofOf(proved, proving).digest('base64url')}${after}`,
  );
  return `{"protected":"${PROTECTED}","iv":"${iv}","ciphertext":"${ciphertext}","tag":"${tag}","recipients":[${proofs.join(',')}]}`;
};

/**
 * The same content for other readers; it is not encrypted anew. `own` must be one of those that it is sealed
 * for.
 */
export const sealAnewFor = (
  readers: readonly SharedKeys[],
  envelope: Envelope,
  own: SharedKeys,
): Envelope => {
  const key = unwrap(envelope, own);
  if (!key) throw new SealError('the sealed text is not for this reader');
  const { protected: header, iv, ciphertext, tag } = envelope;
  const content = { protected: header, iv, ciphertext, tag };
  const bytes = key.export();
  const recipients = readers.map((reader) =>
    recipient(reader, bytes, proofOf(provedText(content), reader.proving).digest('base64url')),
  );
  bytes.fill(0);
  return { ...content, recipients };
};

/**
 * The plaintext; undefined where it is not for this reader. Throws SealError where it is, and does not come
 * from Rekey as it is.
 */
export const openEnvelope = (envelope: Envelope, reader: SharedKeys): string | undefined => {
  const key = unwrap(envelope, reader);
  if (!key) return undefined;
  const tag = Buffer.from(envelope.tag, 'base64url');
  // node:crypto would take a shorter one, which is easier to guess.
  if (envelope.protected !== PROTECTED || tag.length !== TAG_BYTES)
    throw new SealError('the sealed text is not sealed as Rekey does');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(envelope.iv, 'base64url'))
      .setAAD(AUTHENTICATED)
      .setAuthTag(tag);
    const plaintext = decipher.update(envelope.ciphertext, 'base64url');
    // Of GCM it gives nothing more, and throws where the tag is not right.
    decipher.final();
    return plaintext.toString('utf8');
  } catch {
    throw new SealError('the sealed text was changed, or sealed under another key');
  }
};

const recipient = (
  { kid, wrapping }: SharedKeys,
  cek: Buffer,
  proof: string,
): Envelope['recipients'][number] => {
  const cipher = createCipheriv('id-aes256-wrap', wrapping, KEY_WRAP_IV);
  const wrapped = Buffer.concat([cipher.update(cek), cipher.final()]);
  return { header: { alg: 'A256KW', kid, proof }, encrypted_key: wrapped.toString('base64url') };
};

const provedText = ({ protected: header, iv, ciphertext, tag }: Content): string =>
  `${header}.${iv}.${ciphertext}.${tag}`;
/**
 * All of it is ASCII where it is of Rekey's making, and `latin1` takes 1 µs less than UTF-8. A letter beyond
 * that has the proof of another one: with it the text opens as it did before, or not at all.
 */
const proofOf = (proved: string, proving: KeyObject): Hmac =>
  createHmac('sha256', proving).update(proved, 'latin1');

/** What each reader has unwrapped: many envelopes have the same key. */
const unwrapped = new WeakMap<SharedKeys, Map<string, KeyObject>>();
const UNWRAPPED_KEPT = 4096;

const unwrap = (envelope: Envelope, reader: SharedKeys): KeyObject | undefined => {
  const ours = envelope.recipients.find(({ header }) => header.kid === reader.kid);
  if (!ours) return undefined;
  const given = Buffer.from(ours.header.proof, 'base64url');
  const right = proofOf(provedText(envelope), reader.proving).digest();
  if (given.length !== right.length || !timingSafeEqual(given, right))
    throw new SealError('the sealed text does not come from Rekey');
  const known = unwrapped.get(reader) ?? new Map<string, KeyObject>();
  unwrapped.set(reader, known);
  const found = known.get(ours.encrypted_key);
  if (found) return found;
  const key = unwrapKey(ours.encrypted_key, reader.wrapping);
  if (known.size >= UNWRAPPED_KEPT) known.clear();
  known.set(ours.encrypted_key, key);
  return key;
};

const unwrapKey = (encrypted: string, wrapping: KeyObject): KeyObject => {
  try {
    const decipher = createDecipheriv('id-aes256-wrap', wrapping, KEY_WRAP_IV);
    // A key that is given as bytes costs 10 µs more at each use than a KeyObject (Node 24).
    return createSecretKey(Buffer.concat([decipher.update(encrypted, 'base64url'), decipher.final()]));
  } catch {
    throw new SealError('the sealed text was changed, or sealed under another key');
  }
};
