import { createCipheriv, createDecipheriv, createHmac, createSecretKey, randomFillSync, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { Envelope } from '@rekey/schema';
import { SealError } from './seal-error.ts';

/**
 * The two keys that Rekey shares with one reader, and with nobody else: one wraps the key of a content, one proves that it comes from
 * Rekey. All readers of an envelope learn the key of its content, so that a JWE alone proves nothing to any of them.
 */
export interface SharedKeys {
  kid: string;
  wrapping: KeyObject;
  proving: KeyObject;
}

/** Throws SealError where it is no envelope. By hand and not by its schema, which takes 5 µs: a consumer that starts opens 100,000 of them. */
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
  return typeof header === 'string' && typeof iv === 'string' && typeof ciphertext === 'string' && typeof tag === 'string' && Array.isArray(recipients) && recipients.every(isRecipient);
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
const PROTECTED = Buffer.from(JSON.stringify({ enc: 'A256GCM', cty: 'application/json' })).toString('base64url');
const AUTHENTICATED = Buffer.from(PROTECTED);

/** Keys and nonces from the system's generator, drawn many at a time: a draw costs 8 µs, however few the bytes. */
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

/** Encrypts once, for all readers. */
export const sealFor = (readers: readonly SharedKeys[], plaintext: string, random: (bytes: number) => Buffer): Envelope => {
  const cek = random(CEK_BYTES);
  const iv = random(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', createSecretKey(cek), iv).setAAD(AUTHENTICATED);
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  const content = { protected: PROTECTED, iv: iv.toString('base64url'), ciphertext: ciphertext.toString('base64url'), tag: cipher.getAuthTag().toString('base64url') };
  return { ...content, recipients: readers.map((reader) => recipient(reader, cek, content)) };
};

/** The same content for other readers; it is not encrypted anew. `own` must be one of those that it is sealed for. */
export const sealAnewFor = (readers: readonly SharedKeys[], envelope: Envelope, own: SharedKeys): Envelope => {
  const cek = unwrap(envelope, own);
  if (!cek) throw new SealError('the sealed text is not for this reader');
  const { protected: header, iv, ciphertext, tag } = envelope;
  const content = { protected: header, iv, ciphertext, tag };
  return { ...content, recipients: readers.map((reader) => recipient(reader, cek, content)) };
};

/** The plaintext; undefined where it is not for this reader. Throws SealError where it is, and does not come from Rekey as it is. */
export const openEnvelope = (envelope: Envelope, reader: SharedKeys): string | undefined => {
  const cek = unwrap(envelope, reader);
  if (!cek) return undefined;
  const tag = Buffer.from(envelope.tag, 'base64url');
  // node:crypto would take a shorter one, which is easier to guess.
  if (envelope.protected !== PROTECTED || tag.length !== TAG_BYTES) throw new SealError('the sealed text is not sealed as Rekey does');
  try {
    // A key that is given as bytes costs 10 µs more than a KeyObject (Node 24).
    const decipher = createDecipheriv('aes-256-gcm', createSecretKey(cek), Buffer.from(envelope.iv, 'base64url')).setAAD(AUTHENTICATED).setAuthTag(tag);
    const plaintext = decipher.update(envelope.ciphertext, 'base64url');
    // Of GCM it gives nothing more, and throws where the tag is not right.
    decipher.final();
    return plaintext.toString('utf8');
  } catch {
    throw new SealError('the sealed text was changed, or sealed under another key');
  }
};

const recipient = ({ kid, wrapping, proving }: SharedKeys, cek: Buffer, content: Content): Envelope['recipients'][number] => {
  const cipher = createCipheriv('id-aes256-wrap', wrapping, KEY_WRAP_IV);
  const wrapped = Buffer.concat([cipher.update(cek), cipher.final()]);
  return { header: { alg: 'A256KW', kid, proof: proofOf(content, proving).toString('base64url') }, encrypted_key: wrapped.toString('base64url') };
};

const proofOf = ({ protected: header, iv, ciphertext, tag }: Content, proving: KeyObject): Buffer =>
  createHmac('sha256', proving).update(`${header}.${iv}.${ciphertext}.${tag}`).digest();

const unwrap = (envelope: Envelope, { kid, wrapping, proving }: SharedKeys): Buffer | undefined => {
  const ours = envelope.recipients.find(({ header }) => header.kid === kid);
  if (!ours) return undefined;
  const given = Buffer.from(ours.header.proof, 'base64url');
  const right = proofOf(envelope, proving);
  if (given.length !== right.length || !timingSafeEqual(given, right)) throw new SealError('the sealed text does not come from Rekey');
  try {
    const decipher = createDecipheriv('id-aes256-wrap', wrapping, KEY_WRAP_IV);
    return Buffer.concat([decipher.update(ours.encrypted_key, 'base64url'), decipher.final()]);
  } catch {
    throw new SealError('the sealed text was changed, or sealed under another key');
  }
};
