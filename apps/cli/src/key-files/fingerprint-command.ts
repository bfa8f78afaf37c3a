import { SealError, fingerprintOfKey, parseConsumerKey, parseOwnKey, parseVerifier } from '@rekey/sealing';
import { Command } from 'commander';
import { CliError } from '../failure.ts';
import { STANDARD_STREAM, readKeyFile } from '../read-key.ts';

type KeyFile = Awaited<ReturnType<typeof readKeyFile>>;

/**
 * The fingerprints of the keys in the key file of a consumer. A file whose private part does not fit the
 * public one is refused: its fingerprint would be that of another key.
 */
const fingerprintsOf = async (
  path: string,
  { own, rekeys }: KeyFile,
): Promise<{ own: string; rekeys: string | undefined }> => {
  try {
    const { jwk } = await ('d' in own ? parseOwnKey(own) : parseConsumerKey(own));
    if (rekeys !== undefined) parseVerifier(rekeys);
    return { own: await fingerprintOfKey(jwk), rekeys: rekeys && (await fingerprintOfKey(rekeys)) };
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    const file = path === STANDARD_STREAM ? 'standard input' : path;
    throw new CliError(`A key in ${file} is not accepted: ${error.message}.`, 'INVALID_ARGUMENT');
  }
};

export const fingerprintCommand = (): Command =>
  new Command('fingerprint')
    .description(
      'print the fingerprint of the key of a consumer, to compare with what rekey registry trust shows',
    )
    .argument('<file>', 'its key file, or its public key (a JWK); - is standard input')
    .action(async (path: string) => {
      const { own, rekeys } = await fingerprintsOf(path, await readKeyFile(path));
      process.stdout.write(`${own}\n`);
      if (rekeys !== undefined)
        process.stderr.write(
          `note: fingerprint of Rekey's key in this file: ${rekeys}. ` +
            'Compare it with that of: rekey key-file public PATH\n',
        );
    });
