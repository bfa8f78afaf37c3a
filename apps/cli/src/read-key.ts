import type { Stats } from 'node:fs';
import { buffer as readAll } from 'node:stream/consumers';
import { TextFileError, complaintAboutAccess, decodeText, readTextFile } from '@rekey/schema';
import {
  SealError,
  describeOther,
  fingerprintOfKey,
  kindOfKeyFile,
  parseVerifier,
  type Verifier,
} from '@rekey/sealing';
import { areSecretsMounted } from './environment.ts';
import { CliError } from './failure.ts';
import { withGateway, type GatewayOptions } from './gateway-command.ts';

/** Stands for standard input or output, such as those of docker compose exec. */
export const STANDARD_STREAM = '-';

/** Reads a JSON file. Errors quote nothing of its content, which may be a private key. */
const readJson = async (path: string): Promise<unknown> => (await read(path)).json;

/**
 * The key in a file: a JWK, or the key with `use: enc` of a JWK Set, as keygen writes it. A file with a
 * private key is refused if another user owns it, can write or can read it. So is the key file of the workers
 * or of the gateway.
 */
export const readKey = async (path: string): Promise<Record<string, unknown>> =>
  (await readKeyFile(path)).own;

/** The same, and Rekey's public key if the file has it, as it is there. */
export const readKeyFile = async (
  path: string,
): Promise<{ own: Record<string, unknown>; rekeys: Jwk | undefined }> => {
  const { json, stats } = await read(path);
  const other = describeOther(json, 'consumer');
  if (other !== undefined)
    throw new CliError(`${path} is ${other}, not that of a consumer.`, 'INVALID_ARGUMENT');
  const set = (json as { keys?: unknown } | null)?.keys;
  const keys = Array.isArray(set) ? (set as ({ use?: unknown; crv?: unknown } | null)[]) : undefined;
  const own: unknown = keys ? keys.find((key) => key?.use === 'enc') : json;
  if (typeof own !== 'object' || own === null)
    throw new CliError(
      `${path} must hold a JWK, or a JWK Set that includes a key with use "enc".`,
      'INVALID_ARGUMENT',
    );
  const isPrivate = 'd' in own || 'k' in own;
  const complaint = isPrivate && stats && complaintAboutAccess(stats, { mounted: areSecretsMounted() });
  if (complaint) throw new CliError(`${path} holds a private key and ${complaint}.`, 'INVALID_ARGUMENT');
  const rekeys = keys?.find((key) => key?.crv === 'Ed25519') as Jwk | undefined;
  return { own: own as Record<string, unknown>, rekeys };
};

/** Refuses a key file of a consumer, which has no key that others verify with. */
export const refuseConsumersFile = async (path: string): Promise<void> => {
  const json = await readJson(path).catch(() => undefined);
  if (kindOfKeyFile(json) === 'consumer')
    throw new CliError(
      `${path} is the key file of a consumer. For its fingerprint: rekey consumer fingerprint ${path}`,
      'INVALID_ARGUMENT',
    );
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
/** A fingerprint that was mistyped is not the path of a file. */
const LIKE_A_FINGERPRINT = /^SHA256:/i;

/**
 * Rekey's public key, and its fingerprint. `given` is a file, a JWK or the fingerprint that the key of the
 * gateway must have. Without it, the gateway is believed.
 */
export const readRekeysKey = async (
  given: string | undefined,
  options: GatewayOptions,
): Promise<{ jwk: Jwk; fingerprint: string; isCompared: boolean }> => {
  const isFingerprint = given !== undefined && LIKE_A_FINGERPRINT.test(given);
  if (isFingerprint && !FINGERPRINT.test(given))
    throw new CliError(`${given} is no fingerprint: SHA256: and 43 characters.`, 'INVALID_ARGUMENT');
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

/** A public key of Rekey that the operator has: a file, or a JWK. */
export const readPublicKey = async (given: string): Promise<Verifier> => {
  try {
    return parseVerifier(await fromOperator(given));
  } catch (error) {
    throw error instanceof SealError
      ? new CliError(`--public-key: ${error.message}.`, 'INVALID_ARGUMENT')
      : error;
  }
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
