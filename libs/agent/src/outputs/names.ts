import { createHash } from 'node:crypto';

export const PREFIX = 'REKEY_KEY_';
const hex = (byte: number): string => `__${byte.toString(16).toUpperCase().padStart(2, '0')}`;

/**
 * The name of the variable with the key of an assistant: REKEY_KEY_ and its id. Letters and digits of ASCII,
 * and a `_` before one of those, stand for themselves; every other byte is `__` and its two hexadecimal
 * digits. Two ids never have the same name.
 */
export const variableOf = (assistantId: string): string => {
  const bytes = Buffer.from(assistantId);
  let name = PREFIX;
  for (const [i, byte] of bytes.entries()) {
    const isPlain = isLetterOrDigit(byte) || (byte === UNDERSCORE && isLetterOrDigit(bytes[i + 1]));
    name += isPlain ? String.fromCharCode(byte) : hex(byte);
  }
  return name;
};

const UNDERSCORE = 0x5f;
const isLetterOrDigit = (byte: number | undefined): boolean =>
  byte !== undefined &&
  ((byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a));

const LONGEST_NAME = 200;
const DIGEST = 'sha256%3A';

/**
 * The name of the file with the key of an assistant: its id, percent-encoded if needed, so that it stays in
 * its folder and is not hidden. Of a longer one, the SHA-256.
 */
export const fileNameOf = (assistantId: string): string => {
  const name = encodeURIComponent(assistantId).replace(/^\./, '%2E').replace(/^~/, '%7E');
  // No short id has the name of a long one.
  return name.length <= LONGEST_NAME && !name.startsWith(DIGEST)
    ? name
    : `${DIGEST}${createHash('sha256').update(assistantId).digest('hex')}`;
};
