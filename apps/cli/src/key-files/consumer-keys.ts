import { writeFile } from 'node:fs/promises';
import {
  SealError,
  createSealer,
  fingerprintOfKey,
  generateConsumerKey,
  loadKeyFile,
  parseConsumerKey,
  type ConsumerKeyType,
} from '@rekey/sealing';
import { areSecretsMounted } from '../environment.ts';
import { CliError } from '../failure.ts';
import type { GatewayOptions } from '../gateway-command.ts';
import { warnIfExposedToGit } from '../git-exposure.ts';
import { STANDARD_STREAM, readKey, readRekeysKey } from '../read-key.ts';

/** The options of rekey consumer keygen. */
export type KeygenOptions = GatewayOptions & { type: ConsumerKeyType; rekeyPublicKey?: string };

/** Generates the key file of a consumer, and prints the public part. */
export const generateKeyFile = async (
  path: string,
  { type, rekeyPublicKey, ...options }: KeygenOptions,
): Promise<void> => {
  const rekeys = await readRekeysKey(rekeyPublicKey, options);
  const own = await generateConsumerKey(type);
  const text = `${JSON.stringify({ keys: [own, rekeys.jwk] }, null, 2)}\n`;
  if (path === STANDARD_STREAM) {
    if (process.stdout.isTTY)
      throw new CliError(
        "'-' prints a private key. Redirect it to a file: rekey consumer keygen - > billing.json",
        'INVALID_ARGUMENT',
      );
    process.stdout.write(text);
    await noteFingerprints(own, rekeys);
    return;
  }
  await writeFile(path, text, { mode: 0o600, flag: 'wx', flush: true }).catch(
    (error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST'
        ? new CliError(`${path} already exists; it was not changed.`, 'ALREADY_EXISTS')
        : new CliError(`${path} cannot be written (${error.code}).`, 'INVALID_ARGUMENT');
    },
  );
  await warnIfExposedToGit(path);
  const { d: _private, k: _shared, ...shown } = own;
  process.stdout.write(`${JSON.stringify(shown)}\n`);
  await noteFingerprints(own, rekeys);
};

/** For people to compare on another way than over Redis and the gateway. */
const noteFingerprints = async (
  own: Awaited<ReturnType<typeof generateConsumerKey>>,
  { fingerprint, isCompared }: Awaited<ReturnType<typeof readRekeysKey>>,
): Promise<void> => {
  const advice = isCompared
    ? ''
    : ', as the gateway says. Compare it with that of: rekey key-file public PATH';
  process.stderr.write(
    `note: fingerprint of this consumer's key: ${await fingerprintOfKey(own)}\n` +
      `note: fingerprint of Rekey's key: ${fingerprint}${advice}\n`,
  );
};

/** The key in the form of the request. A shared key leaves this process only sealed. */
export const keyToSend = async (
  path: string,
  rekeyKeyFile: string | undefined,
): Promise<{ publicJwk: string } | { sealedSharedJwk: string }> => {
  const { d: _private, ...jwk } = await readKey(path);
  try {
    const key = await parseConsumerKey(jwk);
    if (key.type !== 'shared') return { publicJwk: JSON.stringify(key.jwk) };
    if (!rekeyKeyFile)
      throw new CliError(
        "A shared key is sealed with Rekey's key file. Set --rekey-key-file or REKEY_KEY_FILE to its path, " +
          'or use a key of another type.',
        'INVALID_ARGUMENT',
      );
    const sealer = createSealer(await loadKeyFile(rekeyKeyFile, { mounted: areSecretsMounted() }));
    return { sealedSharedJwk: sealer.sealOwn(JSON.stringify(key.jwk), 'shared-key') };
  } catch (error) {
    throw error instanceof SealError
      ? new CliError(`The key in ${path} is not accepted: ${error.message}.`, 'INVALID_ARGUMENT')
      : error;
  }
};
