import { addSigningKey, createKeyFile, loadKeyFile } from '@rekey/sealing';
import { Command } from 'commander';
import { CliError } from '../failure.ts';
import { warnIfExposedToGit } from '../git-exposure.ts';

export const keyFileCommand = (): Command => {
  const keyFile = new Command('key-file').description(
    'the key file that seals records, makes fingerprints and signs',
  );
  keyFile
    .command('create')
    .description('write a new key file, readable by you alone; never overwrites one')
    .argument('<path>')
    .option('--if-missing', 'a file that is there already is no error')
    .action(async (path: string, options: { ifMissing?: boolean }) => {
      const created = await createKeyFile(path);
      if (!created && !options.ifMissing)
        throw new CliError(`${path} is there already, and is left as it is.`, 'ALREADY_EXISTS');
      if (created) await warnIfExposedToGit(path);
      process.stdout.write(
        created
          ? `wrote ${path}; keep a copy: without it no sealed record can be opened\n`
          : `${path} is there already\n`,
      );
    });
  keyFile
    .command('add-signing-key')
    .description('add the key that signs to a key file that was made before there were any')
    .argument('<path>')
    .action(async (path: string) => {
      process.stdout.write(
        (await addSigningKey(path))
          ? `added a signing key to ${path}; workers take it when they start\n`
          : `${path} has one already\n`,
      );
    });
  keyFile
    .command('public')
    .description("print Rekey's public key, a JWK, which consumers must know to trust what they read")
    .argument('<path>')
    .action(async (path: string) => {
      process.stdout.write(`${JSON.stringify((await loadKeyFile(path)).signing.publicJwk)}\n`);
    });
  return keyFile;
};
