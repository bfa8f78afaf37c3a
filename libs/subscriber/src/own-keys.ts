import { readSecretFile } from '@rekey/schema';
import { SealError, parseOwnKey, parseVerifier, type OwnKey, type Verifier } from '@rekey/sealing';
import { SubscribeError } from './subscribe-error.ts';

/**
 * The content of a consumer's key file: the key that opens its grant, and the trusted public keys of Rekey.
 */
export interface OwnKeys {
  own: OwnKey;
  verifiers: Verifier[];
}

/**
 * Reads a key file: a JWK Set, its JSON text, or the path of such a file. Throws SubscribeError, whose
 * message does not quote it, also if the file belongs to another user, or others can write it or, unless it
 * is mounted, read it.
 */
export const readOwnKeys = async (
  keyFile: string | object,
  { mounted }: { mounted: boolean },
): Promise<OwnKeys> => {
  const jwks = jwksOf(typeof keyFile === 'string' ? textOf(keyFile, mounted) : keyFile);
  const signing = jwks.filter(({ kty, crv }) => kty === 'OKP' && crv === 'Ed25519');
  if (signing.some((jwk) => 'd' in jwk))
    throw bad(
      'it is the key file of Rekey itself, which must stay with Rekey. ' +
        'To create one for this consumer: rekey consumer keygen',
    );
  const [jwk, ...others] = jwks.filter(({ use, crv }) => use === 'enc' && crv !== 'Ed25519');
  if (!jwk || others.length > 0) throw bad('it must contain exactly one key of the consumer, with use "enc"');
  const own = await parseOwnKey(jwk).catch((error: unknown) => {
    throw bad(`its key with use "enc" cannot be used: ${complaintOf(error)}`);
  });
  if (signing.length === 0)
    throw new SubscribeError(
      'NO_REKEY_KEY',
      'the key file has no public key of Rekey (OKP Ed25519, use "sig"). ' +
        'Print it with: rekey key-file public. Then add it to the keys of the file',
    );
  return { own, verifiers: signing.map(verifierOf) };
};

const MAX_SHOWN = 500;

type Jwk = Partial<Record<'kty' | 'crv' | 'use', unknown>>;

const verifierOf = (jwk: Jwk): Verifier => {
  try {
    return parseVerifier(jwk);
  } catch (error) {
    throw new SubscribeError(
      'NO_REKEY_KEY',
      `the key file has a public key of Rekey that cannot be used: ${complaintOf(error)}`,
    );
  }
};

const textOf = (pathOrText: string, mounted: boolean): unknown => {
  let text = pathOrText.replace(/^\ufeff/, '');
  if (!text.trimStart().startsWith('{')) {
    try {
      text = readSecretFile(pathOrText, { mounted, mountedBy: 'the option mountedKeyFile' }).text;
    } catch (error) {
      throw bad(`${JSON.stringify(pathOrText.slice(0, MAX_SHOWN))} ${(error as Error).message}`);
    }
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's error is dropped: its message quotes the text, which may be key material.
    throw bad('it is not JSON');
  }
};

const jwksOf = (set: unknown): Jwk[] => {
  const keys: unknown = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined;
  if (!Array.isArray(keys) || !keys.every((jwk) => typeof jwk === 'object' && jwk !== null))
    throw bad('it is not a JWK Set');
  return keys as Jwk[];
};

const bad = (complaint: string): SubscribeError =>
  new SubscribeError('BAD_KEY_FILE', `the key file of the consumer: ${complaint}`);
const complaintOf = (error: unknown): string =>
  error instanceof SealError ? error.message : 'it is not a key';
