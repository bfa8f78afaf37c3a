import { writeFile } from 'node:fs/promises';
import { buffer as readAll } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, RekeyClient } from '@rekey/client';
import {
  ConsumerKeyType,
  SealError,
  createSealer,
  generateConsumerKey,
  loadKeyFile,
  parseConsumerKey,
  parseVerifier,
} from '@rekey/sealing';
import { TextFileError, decodeText, readTextFile } from '@rekey/schema';
import { Command, Option } from 'commander';
import { consumerJson, consumerText, consumersTable } from '../output/consumer-output.ts';
import { CliError, exitCodes } from '../failure.ts';
import { seconds } from '../follow/follow.ts';
import { warnIfExposedToGit } from '../git-exposure.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';

const WATCH_EVERY_MS = 1000;
const ACTIVE_AGAIN_MS = 300;

const orgs = (org: string, before: string[] | undefined): string[] => [...(before ?? []), org];
const withOrgs = (command: Command): Command =>
  command.requiredOption(
    '--org <id>',
    "an org that it may read, '*' for all; may be given several times",
    orgs,
  );

/** In place of a file: standard input or output, such as those of docker compose exec. */
const STANDARD_STREAM = '-';

/** A JSON file. What is wrong with it is said without a word of what is in it. */
const readJson = async (path: string): Promise<unknown> => {
  let text: string;
  try {
    text = path === STANDARD_STREAM ? decodeText(await readAll(process.stdin)) : readTextFile(path);
  } catch (error) {
    const why =
      error instanceof TextFileError
        ? error.message
        : `cannot be read (${(error as NodeJS.ErrnoException).code})`;
    throw new CliError(`${path === STANDARD_STREAM ? 'Standard input' : path} ${why}.`, 'INVALID_ARGUMENT');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new CliError(`${path} is not JSON.`, 'INVALID_ARGUMENT');
  }
};

/** The key in a file: a JWK, or the one with `use: enc` of a JWK Set, as keygen writes it. */
const readKey = async (path: string): Promise<Record<string, unknown>> => {
  const json = await readJson(path);
  const keys = (json as { keys?: unknown }).keys;
  const jwk: unknown = Array.isArray(keys) ? keys.find((key: { use?: unknown }) => key.use === 'enc') : json;
  if (typeof jwk !== 'object' || jwk === null)
    throw new CliError(`${path} holds no JWK, nor a JWK Set with a key with use "enc".`, 'INVALID_ARGUMENT');
  return jwk as Record<string, unknown>;
};

const keygenCommand = (): Command =>
  withGatewayOptions(new Command('keygen'))
    .description(
      "make the key of a consumer, and print its public part, a JWK. The file holds the private key and Rekey's public key: it is what the consumer needs to read keys",
    )
    .argument(
      '<file>',
      'the key file to write, readable by you alone; never overwrites one. - is standard output: the whole file, private key included, and nothing else',
    )
    .addOption(
      new Option('--type <type>', 'the kind of key').choices(ConsumerKeyType.options).default('X25519'),
    )
    .option(
      '--rekey-public-key <file>',
      "Rekey's public key, as rekey key-file public prints it (default: asks the gateway for it)",
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
        const verifier =
          rekeyPublicKey === undefined
            ? (JSON.parse((await withGateway(options, (client) => client.getPublicKey())).jwk) as object)
            : ((await readJson(rekeyPublicKey)) as object);
        try {
          parseVerifier(verifier);
        } catch (error) {
          throw error instanceof SealError
            ? new CliError(`Rekey's public key: ${error.message}.`, 'INVALID_ARGUMENT')
            : error;
        }
        const own = await generateConsumerKey(type);
        const text = `${JSON.stringify({ keys: [own, verifier] }, null, 2)}\n`;
        if (path === STANDARD_STREAM) {
          if (process.stdout.isTTY)
            throw new CliError(
              "'-' prints a private key: send it into a file, as in: rekey consumer keygen - > billing.json",
              'INVALID_ARGUMENT',
            );
          process.stdout.write(text);
          return;
        }
        await writeFile(path, text, { mode: 0o600, flag: 'wx', flush: true }).catch(
          (error: NodeJS.ErrnoException) => {
            throw error.code === 'EEXIST'
              ? new CliError(`${path} is there already, and is left as it is.`, 'ALREADY_EXISTS')
              : new CliError(`${path} cannot be written (${error.code}).`, 'INVALID_ARGUMENT');
          },
        );
        await warnIfExposedToGit(path);
        const { d: _private, k: _shared, ...shown } = own;
        process.stdout.write(`${JSON.stringify(shown)}\n`);
      },
    );

/** The key as the gateway takes it. A shared one leaves this process only sealed. */
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
        "A shared key is sealed to Rekey's own key file: name it by --rekey-key-file or REKEY_KEY_FILE, or use a key of another type.",
        'INVALID_ARGUMENT',
      );
    return { sealedSharedJwk: createSealer(await loadKeyFile(rekeyKeyFile)).seal(JSON.stringify(key.jwk)) };
  } catch (error) {
    throw error instanceof SealError
      ? new CliError(`The key in ${path} is not taken: ${error.message}.`, 'INVALID_ARGUMENT')
      : error;
  }
};

/** Asks until a consumer can open all that it may read. */
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
    `${consumer.name} is ${String(consumer.state)}: is a worker running? It goes on by itself; see rekey consumer status ${consumer.name}\n`,
  );
  process.exitCode = exitCodes.notEnded;
};

const addCommand = (): Command =>
  withOrgs(withGatewayOptions(new Command('add')))
    .description(
      'let a service read the keys of orgs: all that is published is sealed for it, and all that was before',
    )
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
    .option('--timeout <seconds>', 'how long to wait until it can open all; 0 does not wait', seconds, 60)
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
    .description('set the orgs that a consumer may read')
    .argument('<name>')
    .option('--timeout <seconds>', 'how long to wait until it can open all; 0 does not wait', seconds, 60)
    .action(async (name: string, options: GatewayOptions & { org: string[]; timeout: number }) => {
      await withGateway(options, async (client) => {
        const changed = await client.setConsumerOrgs({ name, orgs: options.org });
        concludeActive(await untilActive(client, changed, options.timeout), options);
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
      'how far consumers have come: which are live, how much they have still to apply, and what they could not',
    )
    .argument('[name]', 'only this one, with its instances')
    .option('--watch', 'again every second, until Ctrl-C')
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
      'take a consumer away: nothing more is sealed for it. It keeps the keys that it holds; rotate those that it must not know',
    )
    .argument('<name>')
    .action(async (name: string, options: GatewayOptions) => {
      await withGateway(options, async (client) => {
        await client.removeConsumer(name);
        print(
          options,
          { name, removed: true },
          `${name} is removed; rotate the keys that it must not know any more`,
        );
      });
    });

export const consumerCommand = (): Command =>
  new Command('consumer')
    .description('the services that read keys, and how far they have come')
    .addCommand(keygenCommand())
    .addCommand(addCommand())
    .addCommand(orgsCommand())
    .addCommand(listCommand())
    .addCommand(statusCommand())
    .addCommand(removeCommand())
    .addHelpText(
      'after',
      `
Examples:
  rekey consumer keygen billing.json                      make its key; give the file to the service
  rekey consumer add billing --key-file billing.json --org org_demo
                                                          let it read the keys of org_demo
  rekey consumer status --watch                           how far is everybody?
  rekey consumer remove billing                           it gets no further key`,
    );
