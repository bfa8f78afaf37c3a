import { addSigningKey, createKeyFile, fingerprintOfKey, loadKeyFile } from '@rekey/sealing';
import { Command } from 'commander';
import { areSecretsMounted } from '../environment.ts';
import { CliError } from '../failure.ts';
import { warnIfExposedToGit } from '../git-exposure.ts';

export const keyFileCommand = (): Command => {
  const keyFile = new Command('key-file').description(
    'manage the key file: it holds the keys that seal records, compute fingerprints and sign',
  );
  keyFile
    .command('create')
    .description('create a key file that only you can read; never overwrites a file')
    .argument('<path>')
    .option('--if-missing', 'succeed if the file already exists')
    .action(async (path: string, options: { ifMissing?: boolean }) => {
      const created = await createKeyFile(path);
      if (!created && !options.ifMissing)
        throw new CliError(`${path} already exists; it was not changed.`, 'ALREADY_EXISTS');
      if (created) await warnIfExposedToGit(path);
      process.stdout.write(
        created
          ? `created ${path}; keep a copy: without it, sealed records cannot be opened\n`
          : `${path} already exists\n`,
      );
    });
  keyFile
    .command('add-signing-key')
    .description('add a signing key to a key file of an early version, which has none')
    .argument('<path>')
    .action(async (path: string) => {
      process.stdout.write(
        (await addSigningKey(path, { mounted: areSecretsMounted() }))
          ? `added a signing key to ${path}; workers use it after their next start\n`
          : `${path} already has a signing key\n`,
      );
    });
  keyFile
    .command('public')
    .description("print Rekey's public key, a JWK that consumers need to verify records")
    .argument('<path>')
    .action(async (path: string) => {
      const { signing } = await loadKeyFile(path, { mounted: areSecretsMounted() });
      process.stdout.write(`${JSON.stringify(signing.publicJwk)}\n`);
      process.stderr.write(`note: fingerprint: ${await fingerprintOfKey(signing.publicJwk)}\n`);
    });
  return keyFile;
};
