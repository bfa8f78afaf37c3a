import { SealError, fingerprintOfKey, parseConsumerKey, parseOwnKey, parseVerifier } from '@rekey/sealing';
import { CliError } from '../failure.ts';
import { STANDARD_STREAM, readKeyFile } from '../read-key.ts';

/**
 * The fingerprints of the keys in the key file of a consumer. A file whose private part does not fit the
 * public one is refused: its fingerprint would be that of another key.
 */
export const fingerprintsOf = async (path: string): Promise<{ own: string; rekeys: string | undefined }> => {
  const { own, rekeys } = await readKeyFile(path);
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
