import { Command } from 'commander';
import { areSecretsMounted } from '../environment.ts';
import { CliError } from '../failure.ts';
import { warnIfExposedToGit } from '../git-exposure.ts';

/** Only these commands need it. */
const loadSealing = () => import('@rekey/sealing');

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
      const { createKeyFile } = await loadSealing();
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
      const { addSigningKey } = await loadSealing();
      process.stdout.write(
        (await addSigningKey(path, { mounted: areSecretsMounted() }))
          ? `added a signing key to ${path}; workers use it after their next start\n`
          : `${path} already has a signing key\n`,
      );
    });
  keyFile
    .command('gateway')
    .description(
      'create the key file of the gateway from that of the workers: it verifies which consumers there are, ' +
        'and opens no record. Never overwrites a file',
    )
    .argument('<path>', 'the file to create, which only you can read')
    .option(
      '--rekey-key-file <path>',
      'the key file of the workers (default: REKEY_KEY_FILE)',
      process.env['REKEY_KEY_FILE'],
    )
    .option('--if-missing', 'succeed if the file already exists')
    .action(async (path: string, options: { rekeyKeyFile?: string; ifMissing?: boolean }) => {
      if (options.rekeyKeyFile === undefined)
        throw new CliError(
          'Set --rekey-key-file or REKEY_KEY_FILE to the path of the key file of the workers.',
          'INVALID_ARGUMENT',
        );
      const { createGatewayKeyFile, loadKeyFile } = await loadSealing();
      const from = await loadKeyFile(options.rekeyKeyFile, { mounted: areSecretsMounted() });
      const created = await createGatewayKeyFile(path, from);
      if (!created && !options.ifMissing)
        throw new CliError(`${path} already exists; it was not changed.`, 'ALREADY_EXISTS');
      if (created) await warnIfExposedToGit(path);
      process.stdout.write(
        created
          ? `created ${path}; set REKEY_GATEWAY_KEY_FILE of the gateways to it\n`
          : `${path} already exists\n`,
      );
    });
  keyFile
    .command('public')
    .description("print Rekey's public key, a JWK that consumers need to verify records, and its fingerprint")
    .argument('<path>', 'the key file of the workers')
    .action(async (path: string) => {
      const { refuseConsumersFile } = await import('../read-key.ts');
      await refuseConsumersFile(path);
      const { fingerprintOfKey, loadKeyFile } = await loadSealing();
      const { signing } = await loadKeyFile(path, { mounted: areSecretsMounted() });
      process.stdout.write(`${JSON.stringify(signing.publicJwk)}\n`);
      process.stderr.write(`note: fingerprint: ${await fingerprintOfKey(signing.publicJwk)}\n`);
    });
  return keyFile;
};
