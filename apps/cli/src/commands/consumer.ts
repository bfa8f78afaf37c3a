import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, RekeyClient } from '@rekey/client';
import type { ConsumerKeyType } from '@rekey/sealing';
import { Command, Option } from 'commander';
import { NO_CONSUMERS, consumerColumns, consumerJson, consumerText } from '../output/consumer-output.ts';
import { isForPrograms } from '../output/format.ts';
import { printList, withColumns, type ListOptions } from '../output/list.ts';
import { confirmShown } from '../confirm.ts';
import { printable } from '../output/escape.ts';
import { exitCodes } from '../failure.ts';
import { seconds } from '../follow/follow.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import type { KeygenOptions } from '../key-files/consumer-keys.ts';
import { fingerprintCommand } from '../key-files/fingerprint-command.ts';
import { proofJson, reportLagging, untilProved } from '../registry/registry-proof.ts';

const WATCH_EVERY_MS = 1000;
const ACTIVE_AGAIN_MS = 300;
const KEY_TYPES = ['X25519', 'P-256', 'shared'] satisfies ConsumerKeyType[];

/** Most commands need no key. */
const loadKeys = () => import('../key-files/consumer-keys.ts');

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
    .addOption(new Option('--type <type>', 'the kind of key').choices(KEY_TYPES).default('X25519'))
    .option(
      '--rekey-public-key <key>',
      "Rekey's public key: a file, the JWK that rekey key-file public prints, or the fingerprint " +
        'that the key of the gateway must have (default: the key of the gateway)',
    )
    .action(async (path: string, options: KeygenOptions) => {
      const { generateKeyFile } = await loadKeys();
      await generateKeyFile(path, options);
    });

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
        const { keyToSend } = await loadKeys();
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

type ListConsumersOptions = GatewayOptions & ListOptions<Consumer>;

const showConsumers = (options: ListConsumersOptions, consumers: readonly Consumer[]): Promise<void> =>
  printList(options, consumerColumns, consumers, { empty: NO_CONSUMERS });

const listCommand = (): Command =>
  withColumns(withGatewayOptions(new Command('list')), consumerColumns)
    .description('list the consumers')
    .action((options: ListConsumersOptions) =>
      withGateway(options, async (client) => showConsumers(options, await client.listConsumers())),
    );

const statusCommand = (): Command =>
  withColumns(withGatewayOptions(new Command('status')), consumerColumns)
    .description(
      'show the progress of consumers: which are live, their lag, and keys that they could not apply',
    )
    .argument('[name]', 'only this consumer, with its instances')
    .option('--watch', 'repeat every second, until Ctrl-C')
    .action(async (name: string | undefined, options: ListConsumersOptions & { watch?: boolean }) => {
      await withGateway(options, async (client) => {
        for (;;) {
          const consumers =
            name === undefined ? await client.listConsumers() : [await client.getConsumer(name)];
          const clears = options.watch && process.stdout.isTTY && !isForPrograms(options);
          if (clears) process.stdout.write('\u001b[H\u001b[2J');
          if (name === undefined) await showConsumers(options, consumers);
          else print(options, consumerJson(consumers[0]!), consumerText(consumers[0]!));
          if (!options.watch) return;
          await sleep(WATCH_EVERY_MS);
        }
      });
    });

const whatIsRemoved = (consumer: Consumer): string => {
  const instances = consumer.instances.filter((one) => one.live);
  const keys = Math.max(0, ...consumer.instances.map((one) => one.keyCount));
  return (
    `${printable(consumer.name)} reads the keys of ${consumer.orgs.map(printable).join(', ')}: ` +
    `${instances.length} live instances, ${keys.toLocaleString('en-US')} keys. They get no further keys.`
  );
};

const removeCommand = (): Command =>
  withGatewayOptions(new Command('remove'))
    .description(
      'remove a consumer: Rekey seals no further keys for it. ' +
        'Waits until every live worker has verified the change, and at least one has, for 10 s at most. ' +
        'The consumer ' +
        'keeps the keys that it already has; rotate the keys that it must no longer know',
    )
    .argument('<name>')
    .option('--yes', 'do not ask')
    .action(async (name: string, options: GatewayOptions & { yes?: boolean }) => {
      await withGateway(options, async (client) => {
        await confirmShown(`Remove the consumer ${printable(name)}?`, options, async () => {
          // An entry that another client wrote to Redis may be unreadable; it can be removed.
          const consumer = await client.getConsumer(name).catch(() => undefined);
          return consumer && whatIsRemoved(consumer);
        });
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
  rekey consumer remove billing             give it no further keys; asks first, unless with --yes`,
    );
