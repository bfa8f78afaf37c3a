import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/*
 * `rekey_`, 256 random bits and the CRC-32 of all before it, both in base 62: 43 and 6 characters. The prefix
 * and the checksum let a scanner for secrets find a token, and let a gateway refuse a mistyped one at once.
 */
const PREFIX = 'rekey_';
const RANDOM_BYTES = 32;
const RANDOM_CHARACTERS = 43;
const CHECKSUM_CHARACTERS = 6;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const FORM = new RegExp(`^${PREFIX}[0-9A-Za-z]{${RANDOM_CHARACTERS + CHECKSUM_CHARACTERS}}$`);

const inBase62 = (value: bigint, characters: number): string => {
  let text = '';
  for (let rest = value; text.length < characters; rest /= 62n) text = DIGITS[Number(rest % 62n)]! + text;
  return text;
};

const withChecksum = (start: string): string => start + inBase62(BigInt(crc32(start)), CHECKSUM_CHARACTERS);

/** A new access token. */
export const makeToken = (): string =>
  withChecksum(
    PREFIX + inBase62(BigInt(`0x${randomBytes(RANDOM_BYTES).toString('hex')}`), RANDOM_CHARACTERS),
  );

/** Whether a text claims to be an access token of Rekey: it is none of another issuer. */
export const isTokenLike = (text: string): boolean => text.startsWith(PREFIX);

/** Whether a text has the form of an access token, and its checksum. */
export const isTokenText = (text: string): boolean =>
  FORM.test(text) && withChecksum(text.slice(0, -CHECKSUM_CHARACTERS)) === text;

/** What is kept of an access token: SHA-256, in base64url. */
export const digestOfToken = (token: string): string =>
  createHash('sha256').update(token).digest('base64url');
