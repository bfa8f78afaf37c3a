import { createKeyFile } from '@rekey/sealing';
import { Command } from 'commander';
import { CliError } from '../failure.ts';

export const keyFileCommand = (): Command => {
  const keyFile = new Command('key-file').description('the key file that seals records and makes fingerprints');
  keyFile
    .command('create')
    .description('write a new key file, readable by you alone; never overwrites one')
    .argument('<path>')
    .option('--if-missing', 'a file that is there already is no error')
    .action(async (path: string, options: { ifMissing?: boolean }) => {
      const created = await createKeyFile(path);
      if (!created && !options.ifMissing) throw new CliError(`${path} is there already, and is left as it is.`, 'ALREADY_EXISTS');
      process.stdout.write(created ? `wrote ${path}; keep a copy: without it no sealed record can be opened\n` : `${path} is there already\n`);
    });
  return keyFile;
};
