import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { statSync } from 'node:fs';
import { open, rename, writeFile } from 'node:fs/promises';
import { readTextFile, type TextFileError } from '@rekey/schema';
import type { JWK } from 'jose';
import { z } from 'zod';
import { kidOf } from './consumer-key.ts';

/**
 * A key file is a JWK Set (RFC 7517) of two 256-bit symmetric keys, of which the one with `use: enc` seals
 * records and the one with `use: sig` makes fingerprints, and of an Ed25519 key (RFC 8037) that signs what
 * consumers are given. A `kid` is the beginning of the key's own thumbprint (RFC 7638), so that a damaged or
 * edited key is noticed when loaded.
 */
export interface KeyFile {
  sealing: SymmetricKey;
  fingerprinting: SymmetricKey;
  signing: SigningKey;
  /** Readable by more than its owner. */
  exposed: boolean;
}

export interface SymmetricKey {
  kid: string;
  bytes: Uint8Array;
}

export interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  /** What consumers must know to trust Rekey: a public JWK. */
  publicJwk: JWK & { kid: string };
}

export class KeyFileError extends Error {
  constructor(path: string, complaint: string, options?: ErrorOptions) {
    super(`key file ${JSON.stringify(path.slice(0, MAX_SHOWN))}: ${complaint}`, options);
    this.name = 'KeyFileError';
  }
}

const KEY_BYTES = 32;
const MAX_SHOWN = 500;

const Jwk = z.object({
  kty: z.literal('oct'),
  use: z.enum(['enc', 'sig']),
  kid: z.string(),
  k: z.base64url(),
});
const SigningJwk = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  use: z.literal('sig'),
  kid: z.string(),
  x: z.base64url(),
  d: z.base64url(),
});
const JwkSet = z.object({ keys: z.array(z.union([Jwk, SigningJwk])) });

/**
 * Reads and verifies a key file. Every complaint names the path and, if it is given, the variable that it
 * comes from; never a key.
 */
export const loadKeyFile = async (path: string, variable?: string): Promise<KeyFile> => {
  try {
    return await load(path);
  } catch (error) {
    if (error instanceof KeyFileError && variable !== undefined)
      error.message = `${variable}: ${error.message}`;
    throw error;
  }
};

const load = async (path: string): Promise<KeyFile> => {
  const { text, mode } = readKeyFile(path);
  const set = parseJwkSet(path, text);
  return {
    sealing: await theKeyFor('enc', set, path),
    fingerprinting: await theKeyFor('sig', set, path),
    signing: await theSigningKey(set, path),
    exposed: (mode & 0o077) !== 0,
  };
};

/** Writes a new key file with mode 0600. Never overwrites: returns false where there is a file already. */
export const createKeyFile = async (path: string): Promise<boolean> => {
  const keys = [await newJwk('enc', 'A256KW'), await newJwk('sig', 'HS256'), await newSigningJwk()];
  let file;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new KeyFileError(path, `cannot be written (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
  try {
    await file.writeFile(`${JSON.stringify({ keys }, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return true;
};

/** Adds a signing key to a key file that was made before there were any. Returns false where it has one. */
export const addSigningKey = async (path: string): Promise<boolean> => {
  const { text, mode } = readKeyFile(path);
  const set = parseJwkSet(path, text);
  if (set.keys.some(({ kty }) => kty === 'OKP')) return false;
  const written = `${path}.new`;
  try {
    await writeFile(
      written,
      `${JSON.stringify({ keys: [...(JSON.parse(text) as { keys: object[] }).keys, await newSigningJwk()] }, null, 2)}\n`,
      { mode: mode & 0o777, flag: 'wx', flush: true },
    );
    await rename(written, path);
  } catch (error) {
    throw new KeyFileError(path, `cannot be written (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
  return true;
};

const readKeyFile = (path: string) => {
  try {
    return { text: readTextFile(path), mode: statSync(path).mode };
  } catch (error) {
    const { code, message } = error as TextFileError;
    throw new KeyFileError(
      path,
      code === 'ENOENT' ? 'does not exist; make one with: rekey key-file create PATH' : message,
      { cause: error },
    );
  }
};

const parseJwkSet = (path: string, text: string): z.infer<typeof JwkSet> => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's message quotes what it read, which may be key material: it is not kept as a cause.
    throw new KeyFileError(path, 'is not JSON, or only half of a file');
  }
  const parsed = JwkSet.safeParse(json);
  if (!parsed.success)
    throw new KeyFileError(
      path,
      'is not a JWK Set of two symmetric keys (kty "oct"), with use "enc" and "sig", and one that signs (kty "OKP", crv "Ed25519")',
    );
  return parsed.data;
};

const theKeyFor = async (
  use: 'enc' | 'sig',
  set: z.infer<typeof JwkSet>,
  path: string,
): Promise<SymmetricKey> => {
  const [jwk, ...others] = set.keys.filter(
    (key): key is z.infer<typeof Jwk> => key.kty === 'oct' && key.use === use,
  );
  if (!jwk || others.length > 0)
    throw new KeyFileError(path, `must hold exactly one symmetric key with use "${use}"`);
  const bytes = Buffer.from(jwk.k, 'base64url');
  if (bytes.length !== KEY_BYTES)
    throw new KeyFileError(path, `the key with use "${use}" is not ${KEY_BYTES * 8} bits long`);
  if (jwk.kid !== (await kidOf({ kty: 'oct', k: jwk.k })))
    throw new KeyFileError(path, `the kid of the key with use "${use}" does not match the key`);
  return { kid: jwk.kid, bytes: new Uint8Array(bytes) };
};

const newJwk = async (use: 'enc' | 'sig', alg: string) => {
  const k = randomBytes(KEY_BYTES).toString('base64url');
  return { kty: 'oct', use, alg, kid: await kidOf({ kty: 'oct', k }), k };
};

const newSigningJwk = async () => {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return { ...jwk, use: 'sig', alg: 'EdDSA', kid: await kidOf(jwk) };
};

const theSigningKey = async (set: z.infer<typeof JwkSet>, path: string): Promise<SigningKey> => {
  const [jwk, ...others] = set.keys.filter((key) => key.kty === 'OKP');
  if (!jwk || others.length > 0)
    throw new KeyFileError(
      path,
      'must hold exactly one key that signs (kty "OKP", crv "Ed25519"); where it is of an older version, add one with: rekey key-file add-signing-key PATH',
    );
  const { kid, crv, kty, x, d } = jwk;
  if (kid !== (await kidOf({ kty, crv, x })))
    throw new KeyFileError(path, 'the kid of the key that signs does not match the key');
  try {
    return {
      kid,
      privateKey: createPrivateKey({ key: { kty, crv, x, d }, format: 'jwk' }),
      publicJwk: { kty, crv, x, use: 'sig', alg: 'EdDSA', kid },
    };
  } catch {
    throw new KeyFileError(path, 'the key that signs is not one of Ed25519');
  }
};
