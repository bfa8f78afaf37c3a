import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, RekeyClient } from '@rekey/client';
import {
  ConsumerKeyType,
  SealError,
  createSealer,
  fingerprintOfKey,
  generateConsumerKey,
  loadKeyFile,
  parseConsumerKey,
} from '@rekey/sealing';
import { Command, Option } from 'commander';
import { consumerJson, consumerText, consumersTable } from '../output/consumer-output.ts';
import { areSecretsMounted } from '../environment.ts';
import { CliError, exitCodes } from '../failure.ts';
import { seconds } from '../follow/follow.ts';
import { warnIfExposedToGit } from '../git-exposure.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { fingerprintCommand } from '../key-files/fingerprint-command.ts';
import { STANDARD_STREAM, readKey, readRekeysKey } from '../read-key.ts';
import { proofJson, reportLagging, untilProved } from '../registry/registry-proof.ts';

const WATCH_EVERY_MS = 1000;
const ACTIVE_AGAIN_MS = 300;

const orgs = (org: string, before: string[] | undefined): string[] => [...(before ?? []), org];
const withOrgs = (command: Command): Command =>
  command.requiredOption(
    '--org <id>',
    "an org that the consumer may read, '*' for all; may be given several times",
    orgs,
  );

const keygenCommand = (): Command =>
  withGatewayOptions(new Command('keygen'))
    .description(
      'generate the key of a consumer, and print its public part, a JWK. ' +
        "The file holds the private key and Rekey's public key: the consumer needs both to read keys",
    )
    .argument(
      '<file>',
      'the key file to create, which only you can read; never overwrites a file. ' +
        '- writes it to standard output, including the private key',
    )
    .addOption(
      new Option('--type <type>', 'the kind of key').choices(ConsumerKeyType.options).default('X25519'),
    )
    .option(
      '--rekey-public-key <key>',
      "Rekey's public key: a file, the JWK that rekey key-file public prints, or the fingerprint " +
        'that the key of the gateway must have (default: the key of the gateway)',
    )
    .action(
      async (
        path: string,
        {
          type,
          rekeyPublicKey,
          ...options
        }: GatewayOptions & { type: ConsumerKeyType; rekeyPublicKey?: string },
      ) => {
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
      },
    );

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
const keyToSend = async (
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

/** Polls until the consumer can open everything that it may read. */
const untilActive = async (
  client: RekeyClient,
  consumer: Consumer,
  timeoutSeconds: number,
): Promise<Consumer> => {
  const deadlineMs = performance.now() + timeoutSeconds * 1000;
  while (consumer.state !== 'ACTIVE' && performance.now() < deadlineMs) {
    await sleep(ACTIVE_AGAIN_MS);
    consumer = await client.getConsumer(consumer.name);
  }
  return consumer;
};

const concludeActive = (consumer: Consumer, options: GatewayOptions): void => {
  print(options, consumerJson(consumer), consumerText(consumer));
  if (consumer.state === 'ACTIVE') return;
  process.stderr.write(
    `${consumer.name} is ${String(consumer.state)}: a live worker completes this in the background. ` +
      `Check rekey status, then rekey consumer status ${consumer.name}\n`,
  );
  process.exitCode = exitCodes.notEnded;
};

const addCommand = (): Command =>
  withOrgs(withGatewayOptions(new Command('add')))
    .description('let a service read the keys of orgs: Rekey seals new and already published keys for it')
    .argument('<name>', 'lower-case letters, digits and hyphens')
    .requiredOption(
      '--key-file <file>',
      'its key file, or its public key (a JWK); - is standard input. A private key never leaves this command',
    )
    .option(
      '--rekey-key-file <path>',
      "Rekey's own key file, for a key of type shared (default: REKEY_KEY_FILE)",
      process.env['REKEY_KEY_FILE'],
    )
    .option('--timeout <seconds>', 'how long to wait until it can open all keys; 0: do not wait', seconds, 60)
    .action(
      async (
        name: string,
        options: GatewayOptions & { keyFile: string; org: string[]; rekeyKeyFile?: string; timeout: number },
      ) => {
        const key = await keyToSend(options.keyFile, options.rekeyKeyFile);
        await withGateway(options, async (client) => {
          const added = await client.addConsumer({ name, orgs: options.org, ...key });
          concludeActive(await untilActive(client, added, options.timeout), options);
        });
      },
    );

const orgsCommand = (): Command =>
  withOrgs(withGatewayOptions(new Command('orgs')))
    .description(
      'set the orgs that a consumer may read, and wait until every worker has verified the change, ' +
        'for 10 s at most',
    )
    .argument('<name>')
    .option('--timeout <seconds>', 'how long to wait until it can open all keys; 0: do not wait', seconds, 60)
    .action(async (name: string, options: GatewayOptions & { org: string[]; timeout: number }) => {
      await withGateway(options, async (client) => {
        const changed = await client.setConsumerOrgs({ name, orgs: options.org });
        const { registryRev = 0 } = changed;
        const proof = await untilProved(client, registryRev);
        concludeActive(await untilActive(client, changed, options.timeout), options);
        reportLagging(registryRev, proof);
      });
    });

const listCommand = (): Command =>
  withGatewayOptions(new Command('list'))
    .description('list the consumers')
    .action(async (options: GatewayOptions) => {
      await withGateway(options, async (client) => {
        const consumers = await client.listConsumers();
        if (options.json) for (const consumer of consumers) print(options, consumerJson(consumer), '');
        else process.stdout.write(consumersTable(consumers));
      });
    });

const statusCommand = (): Command =>
  withGatewayOptions(new Command('status'))
    .description(
      'show the progress of consumers: which are live, their lag, and keys that they could not apply',
    )
    .argument('[name]', 'only this consumer, with its instances')
    .option('--watch', 'repeat every second, until Ctrl-C')
    .action(async (name: string | undefined, options: GatewayOptions & { watch?: boolean }) => {
      await withGateway(options, async (client) => {
        for (;;) {
          const consumers =
            name === undefined ? await client.listConsumers() : [await client.getConsumer(name)];
          if (options.json) for (const consumer of consumers) print(options, consumerJson(consumer), '');
          else {
            if (options.watch && process.stdout.isTTY) process.stdout.write('\u001b[H\u001b[2J');
            process.stdout.write(
              name === undefined ? consumersTable(consumers) : `${consumerText(consumers[0]!)}\n`,
            );
          }
          if (!options.watch) return;
          await sleep(WATCH_EVERY_MS);
        }
      });
    });

const removeCommand = (): Command =>
  withGatewayOptions(new Command('remove'))
    .description(
      'remove a consumer: Rekey seals no further keys for it. ' +
        'Waits until every live worker has verified the change, and at least one has, for 10 s at most. ' +
        'The consumer ' +
        'keeps the keys that it already has; rotate the keys that it must no longer know',
    )
    .argument('<name>')
    .action(async (name: string, options: GatewayOptions) => {
      await withGateway(options, async (client) => {
        const { registryRev } = await client.removeConsumer(name);
        const proof = await untilProved(client, registryRev);
        print(
          options,
          { name, removed: true, registry_rev: registryRev, ...proofJson(proof) },
          `${name} is removed (rev ${registryRev}); rotate the keys that it must no longer know`,
        );
        reportLagging(registryRev, proof);
      });
    });

export const consumerCommand = (): Command =>
  new Command('consumer')
    .description('manage consumers: the services that read keys')
    .addCommand(keygenCommand())
    .addCommand(fingerprintCommand())
    .addCommand(addCommand())
    .addCommand(orgsCommand())
    .addCommand(listCommand())
    .addCommand(statusCommand())
    .addCommand(removeCommand())
    .addHelpText(
      'after',
      `
Examples:
  rekey consumer keygen billing.json        generate its key; give the file to the service
  rekey consumer add billing --key-file billing.json --org org_demo
                                            let it read the keys of org_demo
  rekey consumer status --watch             follow the progress of all consumers
  rekey consumer remove billing             give it no further keys`,
    );
