import { randomBytes } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { calculateJwkThumbprint } from 'jose';
import { z } from 'zod';

/**
 * A key file is a JWK Set (RFC 7517) of two 256-bit symmetric keys: `use: enc` seals records, `use: sig` makes fingerprints.
 * A `kid` is the beginning of the key's own thumbprint (RFC 7638), so that a damaged or edited key is noticed when loaded.
 */
export interface KeyFile {
  sealing: SymmetricKey;
  fingerprinting: SymmetricKey;
  /** Readable by more than its owner. */
  exposed: boolean;
}

export interface SymmetricKey {
  kid: string;
  bytes: Uint8Array;
}

export class KeyFileError extends Error {
  constructor(path: string, complaint: string, options?: ErrorOptions) {
    super(`key file ${JSON.stringify(path)}: ${complaint}`, options);
    this.name = 'KeyFileError';
  }
}

const KID_LENGTH = 12;
const KEY_BYTES = 32;

const Jwk = z.object({ kty: z.literal('oct'), use: z.enum(['enc', 'sig']), kid: z.string(), k: z.base64url() });
const JwkSet = z.object({ keys: z.array(Jwk) });

/** Reads and verifies a key file. Every complaint names the path, never a key. */
export const loadKeyFile = async (path: string): Promise<KeyFile> => {
  const { text, mode } = await readKeyFile(path);
  const set = parseJwkSet(path, text);
  return {
    sealing: await theKeyFor('enc', set, path),
    fingerprinting: await theKeyFor('sig', set, path),
    exposed: (mode & 0o077) !== 0,
  };
};

/** Writes a new key file with mode 0600. Never overwrites: returns false where there is a file already. */
export const createKeyFile = async (path: string): Promise<boolean> => {
  const keys = [await newJwk('enc', 'dir'), await newJwk('sig', 'HS256')];
  let file;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new KeyFileError(path, `cannot be written (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
  try {
    await file.writeFile(`${JSON.stringify({ keys }, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return true;
};

const readKeyFile = async (path: string) => {
  try {
    const [text, { mode }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    return { text, mode };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const complaint = code === 'ENOENT' ? 'does not exist; make one with: rekey key-file create PATH' : `cannot be read (${code})`;
    throw new KeyFileError(path, complaint, { cause: error });
  }
};

const parseJwkSet = (path: string, text: string): z.infer<typeof JwkSet> => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's message quotes what it read, which may be key material: it is not kept as a cause.
    throw new KeyFileError(path, 'is not JSON');
  }
  const parsed = JwkSet.safeParse(json);
  if (!parsed.success) throw new KeyFileError(path, 'is not a JWK Set of symmetric keys (kty "oct") with use "enc" and "sig"');
  return parsed.data;
};

const theKeyFor = async (use: 'enc' | 'sig', set: z.infer<typeof JwkSet>, path: string): Promise<SymmetricKey> => {
  const [jwk, ...others] = set.keys.filter((key) => key.use === use);
  if (!jwk || others.length > 0) throw new KeyFileError(path, `must hold exactly one key with use "${use}"`);
  const bytes = Buffer.from(jwk.k, 'base64url');
  if (bytes.length !== KEY_BYTES) throw new KeyFileError(path, `the key with use "${use}" is not ${KEY_BYTES * 8} bits long`);
  if (jwk.kid !== (await kidOf(jwk.k))) throw new KeyFileError(path, `the kid of the key with use "${use}" does not match the key`);
  return { kid: jwk.kid, bytes: new Uint8Array(bytes) };
};

const newJwk = async (use: 'enc' | 'sig', alg: string) => {
  const k = randomBytes(KEY_BYTES).toString('base64url');
  return { kty: 'oct', use, alg, kid: await kidOf(k), k };
};

const kidOf = async (k: string): Promise<string> => (await calculateJwkThumbprint({ kty: 'oct', k })).slice(0, KID_LENGTH);
