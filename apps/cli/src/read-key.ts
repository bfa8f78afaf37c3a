import type { Stats } from 'node:fs';
import { buffer as readAll } from 'node:stream/consumers';
import { TextFileError, complaintAboutAccess, decodeText, readTextFile } from '@rekey/schema';
import { SealError, fingerprintOfKey, parseVerifier } from '@rekey/sealing';
import { areSecretsMounted } from './environment.ts';
import { CliError } from './failure.ts';
import { withGateway, type GatewayOptions } from './gateway-command.ts';

/** Stands for standard input or output, such as those of docker compose exec. */
export const STANDARD_STREAM = '-';

/** Reads a JSON file. Errors quote nothing of its content, which may be a private key. */
const readJson = async (path: string): Promise<unknown> => (await read(path)).json;

/**
 * The key in a file: a JWK, or the key with `use: enc` of a JWK Set, as keygen writes it. A file with a
 * private key is refused if another user owns it, can write or can read it.
 */
export const readKey = async (path: string): Promise<Record<string, unknown>> => {
  const { json, stats } = await read(path);
  const keys = (json as { keys?: unknown }).keys;
  const jwk: unknown = Array.isArray(keys) ? keys.find((key: { use?: unknown }) => key.use === 'enc') : json;
  if (typeof jwk !== 'object' || jwk === null)
    throw new CliError(
      `${path} must hold a JWK, or a JWK Set that includes a key with use "enc".`,
      'INVALID_ARGUMENT',
    );
  const isPrivate = 'd' in jwk || 'k' in jwk;
  const complaint = isPrivate && stats && complaintAboutAccess(stats, { mounted: areSecretsMounted() });
  if (complaint) throw new CliError(`${path} holds a private key and ${complaint}.`, 'INVALID_ARGUMENT');
  return jwk as Record<string, unknown>;
};

const read = async (path: string): Promise<{ json: unknown; stats: Stats | undefined }> => {
  let text: string;
  let stats: Stats | undefined;
  try {
    text =
      path === STANDARD_STREAM
        ? decodeText(await readAll(process.stdin))
        : readTextFile(path, { onOpen: (opened) => (stats = opened) });
  } catch (error) {
    const why =
      error instanceof TextFileError
        ? error.message
        : `cannot be read (${(error as NodeJS.ErrnoException).code})`;
    throw new CliError(`${path === STANDARD_STREAM ? 'Standard input' : path} ${why}.`, 'INVALID_ARGUMENT');
  }
  try {
    return { json: JSON.parse(text), stats };
  } catch {
    throw new CliError(`${path} is not JSON.`, 'INVALID_ARGUMENT');
  }
};

type Jwk = Parameters<typeof fingerprintOfKey>[0];

const FINGERPRINT = /^SHA256:[\w-]{43}$/;

/**
 * Rekey's public key, and its fingerprint. `given` is a file, a JWK or the fingerprint that the key of the
 * gateway must have. Without it, the gateway is believed.
 */
export const readRekeysKey = async (
  given: string | undefined,
  options: GatewayOptions,
): Promise<{ jwk: Jwk; fingerprint: string; isCompared: boolean }> => {
  const isFingerprint = given !== undefined && FINGERPRINT.test(given);
  const jwk = (
    given === undefined || isFingerprint ? await fromGateway(options) : await fromOperator(given)
  ) as Jwk;
  try {
    parseVerifier(jwk);
  } catch (error) {
    throw error instanceof SealError
      ? new CliError(`Rekey's public key: ${error.message}.`, 'INVALID_ARGUMENT')
      : error;
  }
  const fingerprint = await fingerprintOfKey(jwk);
  if (isFingerprint && given !== fingerprint)
    throw new CliError(
      `The gateway's public key of Rekey has another fingerprint: ${fingerprint}. Nothing was written.`,
      'FAILED_PRECONDITION',
    );
  return { jwk, fingerprint, isCompared: given !== undefined };
};

const fromGateway = async (options: GatewayOptions): Promise<unknown> =>
  JSON.parse((await withGateway(options, (client) => client.getPublicKey())).jwk);

const fromOperator = async (given: string): Promise<unknown> => {
  if (!given.trimStart().startsWith('{')) return readJson(given);
  try {
    return JSON.parse(given);
  } catch {
    throw new CliError("Rekey's public key is not JSON.", 'INVALID_ARGUMENT');
  }
};
