import { createPublicKey } from 'node:crypto';
import { complaintAboutAccess } from '@rekey/schema';
import type { JWK } from 'jose';
import { z } from 'zod';
import { kidOf } from '../consumer-key.ts';
import {
  KeyFileError,
  named,
  parseJson,
  readKeyFile,
  writeNewKeyFile,
  type KeyFile,
  type KeyFileOptions,
} from './key-file.ts';
import { describeOther } from './kind-of-key-file.ts';
import { createRegistryKey, registryKeyBytes, type RegistryKey } from './registry-key.ts';

/**
 * What a gateway holds: the key that proves the registry of consumers, and the public key that consumers
 * verify grants with. A JWK Set (RFC 7517) of an `oct` key with `use: sig`, and an Ed25519 key without `d`.
 * It opens no record.
 */
export interface GatewayKeyFile {
  registryKey: RegistryKey;
  publicJwk: JWK & { kid: string };
  /** The file is accepted only because it is `mounted`: its owner or mode would be refused otherwise. */
  exposed: boolean;
}

const KEY_BYTES = 32;
const CREATE = 'create one with: rekey key-file gateway PATH';

const Registry = z.object({
  kty: z.literal('oct'),
  use: z.literal('sig'),
  alg: z.literal('HS256'),
  kid: z.string(),
  k: z.base64url(),
});
const Public = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  use: z.literal('sig'),
  kid: z.string(),
  x: z.base64url(),
});
const Keys = z.array(z.looseObject({ kty: z.string(), use: z.string().optional() }));
const JwkSet = z.object({ keys: Keys });

/** Writes the key file of the gateway, with mode 0600. Never overwrites: returns false if the file exists. */
export const createGatewayKeyFile = async (
  path: string,
  { sealing, signing }: Pick<KeyFile, 'sealing' | 'signing'>,
): Promise<boolean> => {
  const bytes = registryKeyBytes(sealing.bytes);
  const k = Buffer.from(bytes).toString('base64url');
  const { kid, kty, crv, x } = signing.publicJwk;
  return writeNewKeyFile(path, [
    { kty: 'oct', use: 'sig', alg: 'HS256', kid: createRegistryKey(bytes).kid, k },
    { kty, crv, use: 'sig', alg: 'EdDSA', kid, x },
  ]);
};

/**
 * Reads and verifies the key file of the gateway. Refuses a worker's key file, and a file that another user
 * owns, can write or can read. An error names the path and the variable; never a key.
 */
export const loadGatewayKeyFile = async (
  path: string,
  { variable, mounted = false }: KeyFileOptions = {},
): Promise<GatewayKeyFile> =>
  named(variable, async () => {
    const { text, stats } = readKeyFile(path, mounted, CREATE);
    const json = parseJson(path, text);
    const other = describeOther(json, 'gateway');
    if (other !== undefined)
      throw new KeyFileError(path, `is ${other}, which must not reach a gateway. For the gateway, ${CREATE}`);
    const keys = JwkSet.safeParse(json).data?.keys;
    if (!keys) throw new KeyFileError(path, `is not a JWK Set. To ${CREATE}`);
    if (keys.some((key) => 'd' in key || key.use === 'enc'))
      throw new KeyFileError(path, `holds a private key, which must not reach a gateway. To ${CREATE}`);
    return {
      registryKey: findRegistryKey(path, keys),
      publicJwk: await findPublicKey(path, keys),
      exposed: complaintAboutAccess(stats) !== undefined,
    };
  });

const findRegistryKey = (path: string, keys: z.infer<typeof Keys>): RegistryKey => {
  const [found, ...others] = keys.filter(({ kty }) => kty === 'oct');
  const parsed = Registry.safeParse(found);
  if (!parsed.success || others.length > 0)
    throw new KeyFileError(path, 'must contain exactly one symmetric key, with use "sig" and alg "HS256"');
  const bytes = Buffer.from(parsed.data.k, 'base64url');
  if (bytes.length !== KEY_BYTES)
    throw new KeyFileError(path, `its symmetric key is not ${KEY_BYTES * 8} bits long`);
  const key = createRegistryKey(new Uint8Array(bytes));
  if (key.kid !== parsed.data.kid)
    throw new KeyFileError(path, 'the kid of its symmetric key does not match the key');
  return key;
};

const findPublicKey = async (path: string, keys: z.infer<typeof Keys>): Promise<JWK & { kid: string }> => {
  const [found, ...others] = keys.filter(({ kty }) => kty !== 'oct');
  const parsed = Public.safeParse(found);
  if (!parsed.success || others.length > 0)
    throw new KeyFileError(path, 'must contain exactly one public key (kty "OKP", crv "Ed25519")');
  const { kid, kty, crv, x } = parsed.data;
  if (kid !== (await kidOf({ kty, crv, x })))
    throw new KeyFileError(path, 'the kid of its public key does not match the key');
  try {
    createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
  } catch {
    throw new KeyFileError(path, 'its public key is not a valid Ed25519 key');
  }
  return { kty, crv, x, use: 'sig', alg: 'EdDSA', kid };
};
