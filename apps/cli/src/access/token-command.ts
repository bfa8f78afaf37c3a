import { open, rm, type FileHandle } from 'node:fs/promises';
import { ROLES } from '@rekey/access';
import type { AccessToken } from '@rekey/client';
import { Command, Option } from 'commander';
import { confirm } from '../confirm.ts';
import { CliError } from '../failure.ts';
import { print, withGateway, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { warnIfExposedToGit } from '../git-exposure.ts';
import { durationMs } from '../option-values.ts';
import { isForPrograms } from '../output/format.ts';
import { printList, recordOf, withColumns, type Column, type ListOptions } from '../output/list.ts';
import { isoTime, printable } from '../output/output.ts';
import { relativeTime } from '../output/relative-time.ts';

interface CreateOptions extends GatewayOptions {
  name: string;
  role: string;
  org: string[];
  ttl: number;
  outputFile?: string;
}

const collect = (org: string, before: string[] | undefined): string[] => [...(before ?? []), org];

const tokenColumns: readonly Column<AccessToken>[] = [
  { name: 'name', value: ({ name }) => name },
  { name: 'role', value: ({ role }) => role },
  {
    name: 'expire_time',
    header: 'EXPIRES',
    value: ({ expireTime }) => expireTime,
    show: ({ expireTime }) => (expireTime.getTime() <= Date.now() ? 'expired' : relativeTime(expireTime)),
  },
  {
    name: 'last_use_time',
    header: 'LAST USED',
    value: ({ lastUseTime }) => lastUseTime,
    show: ({ lastUseTime }) => (lastUseTime ? relativeTime(lastUseTime) : 'never'),
  },
  { name: 'create_time', header: 'CREATED', isOptional: true, value: ({ createTime }) => createTime },
  { name: 'requested_by', header: 'CREATED BY', value: ({ requestedBy }) => requestedBy },
  { name: 'orgs', value: ({ orgs }) => orgs },
];

const tokenJson = (token: AccessToken): Record<string, unknown> => recordOf(tokenColumns, token);

const createFile = (path: string): Promise<FileHandle> =>
  open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST'
      ? new CliError(`${path} already exists; it was not changed.`, 'ALREADY_EXISTS')
      : new CliError(`${path} cannot be written (${error.code}).`, 'INVALID_ARGUMENT');
  });

/** Creates the file before the token is made: the secret is shown once, and must not be lost. */
const intoFile = async <T extends { secret: string }>(path: string, create: () => Promise<T>): Promise<T> => {
  const file = await createFile(path);
  try {
    const created = await create().catch(async (error: unknown) => {
      await rm(path, { force: true });
      throw error;
    });
    await file.writeFile(`${created.secret}\n`);
    await file.sync();
    return created;
  } finally {
    await file.close();
  }
};

const create = async ({ name, role, org, ttl, outputFile, ...options }: CreateOptions): Promise<void> =>
  withGateway(options, async (client) => {
    const make = () => client.createToken({ name, role, orgs: org, ttlMs: ttl });
    const { token, secret } = await (outputFile === undefined ? make() : intoFile(outputFile, make));
    if (outputFile !== undefined) await warnIfExposedToGit(outputFile);
    const until = isoTime(token.expireTime)!;
    const where = token.orgs.map(printable).join(', ');
    process.stderr.write(
      `note: ${printable(token.name)} is ${printable(token.role)} in ${where}, until ${until}. ` +
        `${outputFile === undefined ? 'Its secret is not shown again' : `Its secret is in ${outputFile}`}.\n`,
    );
    if (outputFile === undefined) print(options, { ...tokenJson(token), secret }, secret);
    else if (isForPrograms(options)) print(options, tokenJson(token), '');
  });

const createCommand = (): Command =>
  withGatewayOptions(new Command('create'))
    .description('create an access token, and print its secret: it is not shown again')
    .requiredOption('--name <name>', 'lower-case letters, digits and hyphens; its caller is token:NAME')
    .addOption(new Option('--role <role>', 'its role: at most your own').choices(ROLES).makeOptionMandatory())
    .requiredOption('--org <id>', "an org for it, '*' for all; may be given several times", collect)
    .requiredOption('--ttl <time>', 'how long it is valid, such as 90d or 12h; at most 366d', durationMs)
    .option('--output-file <file>', 'write the secret to a new file, which only you can read')
    .action(create);

const listCommand = (): Command =>
  withColumns(withGatewayOptions(new Command('list')), tokenColumns)
    .description('list the access tokens, without their secrets')
    .action((options: GatewayOptions & ListOptions<AccessToken>) =>
      withGateway(options, async (client) =>
        printList(options, tokenColumns, await client.listTokens(), {
          empty: 'no access tokens; to create one, see rekey token create --help',
        }),
      ),
    );

const revokeCommand = (): Command =>
  withGatewayOptions(new Command('revoke'))
    .description(
      'revoke an access token: every gateway refuses it within 5 s, ' +
        'and ends the streams and waits of its caller',
    )
    .argument('<name>')
    .option('--yes', 'do not ask')
    .action(async (name: string, options: GatewayOptions & { yes?: boolean }) => {
      await confirm(`Revoke the access token ${printable(name)}? Its callers fail from then on.`, options);
      await withGateway(options, async (client) => {
        await client.revokeToken(name);
        print(options, { name, revoked: true }, `${name} is revoked`);
      });
    });

export const tokenCommand = (): Command =>
  new Command('token')
    .description('manage access tokens, with which callers identify themselves to the gateway')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand())
    .addHelpText(
      'after',
      `
Examples:
  rekey token create --name nightly --role rotator --org org_demo --ttl 90d --output-file nightly.token
                                            its caller may rotate the keys of org_demo for 90 days
  rekey auth whoami --token-file nightly.token
                                            who that is, and what it may do`,
    );
