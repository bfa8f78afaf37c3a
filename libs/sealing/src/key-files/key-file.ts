import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import type { Stats } from 'node:fs';
import { chown, open, rename, rm, writeFile } from 'node:fs/promises';
import { complaintAboutAccess, readSecretFile, type TextFileError } from '@rekey/schema';
import type { JWK } from 'jose';
import { z } from 'zod';
import { kidOf } from '../consumer-key.ts';
import { describeOther } from './kind-of-key-file.ts';

/**
 * A key file is a JWK Set (RFC 7517) of three keys: a 256-bit symmetric key with `use: enc` that seals
 * records, one with `use: sig` that makes fingerprints, and an Ed25519 key (RFC 8037) that signs grants. Each
 * `kid` is the start of the thumbprint of its key (RFC 7638), so that loading detects a damaged or edited
 * key.
 */
export interface KeyFile {
  sealing: SymmetricKey;
  fingerprinting: SymmetricKey;
  signing: SigningKey;
  /** The file is accepted only because it is `mounted`: its owner or mode would be refused otherwise. */
  exposed: boolean;
}

interface SymmetricKey {
  kid: string;
  bytes: Uint8Array;
}

interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  /** The public JWK that consumers need to verify signatures. */
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

export interface KeyFileOptions {
  /** The variable that holds the path. */
  variable?: string;
  /** A container platform mounts the file: its owner and its readers are accepted. */
  mounted?: boolean;
}

/**
 * Reads and verifies a key file. Refuses one that another user owns, can write or can read. An error names
 * the path and, if given, the variable that holds it; never a key.
 */
export const loadKeyFile = async (
  path: string,
  { variable, mounted = false }: KeyFileOptions = {},
): Promise<KeyFile> => named(variable, () => load(path, mounted));

/** Runs something whose errors name the variable that holds the path. */
export const named = async <T>(variable: string | undefined, run: () => Promise<T>): Promise<T> => {
  try {
    return await run();
  } catch (error) {
    if (error instanceof KeyFileError && variable !== undefined)
      error.message = `${variable}: ${error.message}`;
    throw error;
  }
};

const load = async (path: string, mounted: boolean): Promise<KeyFile> => {
  const { text, stats } = readKeyFile(path, mounted);
  const set = parseJwkSet(path, text);
  return {
    sealing: await findKey('enc', set, path),
    fingerprinting: await findKey('sig', set, path),
    signing: await findSigningKey(set, path),
    exposed: complaintAboutAccess(stats) !== undefined,
  };
};

/** Writes a new key file with mode 0600. Never overwrites: returns false if the file already exists. */
export const createKeyFile = async (path: string): Promise<boolean> =>
  writeNewKeyFile(path, [await newJwk('enc', 'A256KW'), await newJwk('sig', 'HS256'), await newSigningJwk()]);

export const writeNewKeyFile = async (path: string, keys: object[]): Promise<boolean> => {
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
    await file.writeFile(keySetText(keys));
    await file.sync();
  } finally {
    await file.close();
  }
  return true;
};

/** Adds a signing key to a key file from a version without signing keys. Returns false if it has one. */
export const addSigningKey = async (
  path: string,
  { mounted = false }: Pick<KeyFileOptions, 'mounted'> = {},
): Promise<boolean> => {
  const { text, stats } = readKeyFile(path, mounted);
  const set = parseJwkSet(path, text);
  if (set.keys.some(({ kty }) => kty === 'OKP')) return false;
  const written = `${path}.new`;
  try {
    await writeFile(
      written,
      keySetText([...(JSON.parse(text) as { keys: object[] }).keys, await newSigningJwk()]),
      { mode: stats.mode & 0o777, flag: 'wx', flush: true },
    );
    await takeOver(written, stats, path);
  } catch (error) {
    throw new KeyFileError(path, `cannot be written (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
  return true;
};

/** Puts `written` in the place of `path`, for the same users: root may have shared it with a group. */
const takeOver = async (written: string, { uid, gid }: Stats, path: string): Promise<void> => {
  try {
    await chown(written, uid, gid);
    await rename(written, path);
  } catch (error) {
    await rm(written, { force: true });
    throw error;
  }
};

const keySetText = (keys: object[]): string => `${JSON.stringify({ keys }, null, 2)}\n`;

const CREATE = 'create one with: rekey key-file create PATH';

export const readKeyFile = (
  path: string,
  mounted: boolean,
  advice = CREATE,
): { text: string; stats: Stats } => {
  try {
    return readSecretFile(path, { mounted });
  } catch (error) {
    const { code, message } = error as TextFileError;
    throw new KeyFileError(path, code === 'ENOENT' ? `does not exist; ${advice}` : message, { cause: error });
  }
};

export const parseJson = (path: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's error is not kept as a cause: its message quotes the text, which may be key material.
    throw new KeyFileError(path, 'is not JSON, or is truncated');
  }
};

const parseJwkSet = (path: string, text: string): z.infer<typeof JwkSet> => {
  const json = parseJson(path, text);
  const other = describeOther(json, 'worker');
  if (other !== undefined)
    throw new KeyFileError(path, `is ${other}. Give the key file of the workers, or ${CREATE}`);
  const parsed = JwkSet.safeParse(json);
  if (!parsed.success)
    throw new KeyFileError(
      path,
      'is not a JWK Set of two symmetric keys (kty "oct"), with use "enc" and "sig", ' +
        'and one signing key (kty "OKP", crv "Ed25519")',
    );
  return parsed.data;
};

const findKey = async (
  use: 'enc' | 'sig',
  set: z.infer<typeof JwkSet>,
  path: string,
): Promise<SymmetricKey> => {
  const [jwk, ...others] = set.keys.filter(
    (key): key is z.infer<typeof Jwk> => key.kty === 'oct' && key.use === use,
  );
  if (!jwk || others.length > 0)
    throw new KeyFileError(path, `must contain exactly one symmetric key with use "${use}"`);
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

const findSigningKey = async (set: z.infer<typeof JwkSet>, path: string): Promise<SigningKey> => {
  const [jwk, ...others] = set.keys.filter((key) => key.kty === 'OKP');
  if (!jwk || others.length > 0)
    throw new KeyFileError(
      path,
      'must contain exactly one signing key (kty "OKP", crv "Ed25519"). ' +
        'To add one to a key file of an older version: rekey key-file add-signing-key PATH',
    );
  const { kid, crv, kty, x, d } = jwk;
  if (kid !== (await kidOf({ kty, crv, x })))
    throw new KeyFileError(path, 'the kid of the signing key does not match the key');
  try {
    return {
      kid,
      privateKey: createPrivateKey({ key: { kty, crv, x, d }, format: 'jwk' }),
      publicJwk: { kty, crv, x, use: 'sig', alg: 'EdDSA', kid },
    };
  } catch {
    throw new KeyFileError(path, 'the signing key is not a valid Ed25519 key');
  }
};
