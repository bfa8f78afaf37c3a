import { Command } from 'commander';

export const fingerprintCommand = (): Command =>
  new Command('fingerprint')
    .description(
      'print the fingerprint of the key of a consumer, to compare with what rekey registry trust shows',
    )
    .argument('<file>', 'its key file, or its public key (a JWK); - is standard input')
    .action(async (path: string) => {
      const { fingerprintsOf } = await import('./fingerprints.ts');
      const { own, rekeys } = await fingerprintsOf(path);
      process.stdout.write(`${own}\n`);
      if (rekeys !== undefined)
        process.stderr.write(
          `note: fingerprint of Rekey's key in this file: ${rekeys}. ` +
            'Compare it with that of: rekey key-file public PATH\n',
        );
    });
