import type { RekeyClient } from '@rekey/client';
import { Command } from 'commander';
import { withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { wordsBefore } from './command-line.ts';
import { readProfiles } from '../profiles/profile-file.ts';
import { START } from '../profiles/profile.ts';
import { startProfile } from '../profiles/taken.ts';
import { take } from '../take.ts';

/** The kinds of values that the gateway, or the file of profiles, knows. */
const KINDS = ['org', 'assistant', 'rotation', 'bulk', 'policy', 'consumer', 'token', 'profile'] as const;
export type ValueKind = (typeof KINDS)[number];

const LISTED = 50;
/** Someone waits with a finger on Tab. */
const CALL = { deadlineMs: 1000 };
/** Others are left out: a shell may act on them. */
const SAFE = /^[\w.@+:-]{1,256}$/;

async function* namesOf<T>(
  elements: AsyncIterable<T>,
  nameOf: (element: T) => string,
): AsyncGenerator<string> {
  for await (const element of take(elements, LISTED)) yield nameOf(element);
}

type Lookup = (client: RekeyClient, prefix: string) => AsyncIterable<string> | Promise<string[]>;

const lookups: Record<Exclude<ValueKind, 'profile'>, Lookup> = {
  org: (client) => namesOf(client.orgs(CALL), ({ orgId }) => orgId),
  assistant: (client, prefix) =>
    namesOf(
      client.assistants({ pageSize: LISTED, ...(prefix !== '' && { idPrefix: prefix }) }, CALL),
      ({ assistantId }) => assistantId,
    ),
  rotation: (client) => namesOf(client.rotations({ pageSize: LISTED }, CALL), ({ id }) => id),
  bulk: (client) => namesOf(client.bulkRotations({ pageSize: LISTED }, CALL), ({ id }) => id),
  policy: async (client) => (await client.listRotationPolicies({}, CALL)).map(({ id }) => id),
  consumer: async (client) => (await client.listConsumers(CALL)).map(({ name }) => name),
  token: async (client) => (await client.listTokens(CALL)).map(({ name }) => name),
};

const profileNames = async (): Promise<string[]> => [
  ...Object.keys(readProfiles().profiles),
  ...((await startProfile()) ? [START] : []),
];

const valuesOf = async (kind: ValueKind, prefix: string, options: GatewayOptions): Promise<string[]> => {
  if (kind === 'profile') return profileNames();
  return withGateway(options, async (client) => {
    const found: string[] = [];
    for await (const name of await lookups[kind](client, prefix)) found.push(name);
    return found;
  });
};

const isKind = (text: string): text is ValueKind => KINDS.some((kind) => kind === text);

/** How the gateway is reached, by the options on the line that is being typed. */
const connectionOn = (line: string): GatewayOptions =>
  withGatewayOptions(new Command())
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .parse(wordsBefore(line), { from: 'user' })
    .opts<GatewayOptions>();

interface ValuesOptions {
  line?: string;
}

/**
 * What the script of a shell asks at Tab: values of these kinds that begin with a text, one on a line. Prints
 * nothing if the gateway does not answer within a second, or refuses.
 */
export const valuesCommand = (): Command =>
  new Command('values')
    .argument('<kinds>')
    .argument('[prefix]')
    .option('--line <text>', 'the line that is being typed, up to the cursor')
    .action(async (kinds: string, prefix: string | undefined, { line = '' }: ValuesOptions) => {
      const options = connectionOn(line);
      const asked = kinds.split(',').filter(isKind);
      const found = await Promise.all(
        asked.map((kind) => valuesOf(kind, prefix ?? '', options).catch((): string[] => [])),
      );
      const matching = found.flat().filter((value) => value.startsWith(prefix ?? '') && SAFE.test(value));
      process.stdout.write(matching.map((value) => `${value}\n`).join(''));
    });
