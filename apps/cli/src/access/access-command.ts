import {
  AccessFileError,
  RANKED_ROLES,
  parseAccessFile,
  permissions,
  rightsOf,
  type Permission,
} from '@rekey/access';
import { TextFileError, readTextFile } from '@rekey/schema';
import { Command, Option } from 'commander';
import { CliError, exitCodes } from '../failure.ts';
import { print, withOutputOptions, type OutputOptions } from '../output/format.ts';
import { notEmpty } from '../option-values.ts';

interface CheckOptions extends OutputOptions {
  as?: string[];
  can?: Permission;
  org?: string;
}

type Access = ReturnType<typeof parseAccessFile>;

const read = (path: string): Access => {
  try {
    return parseAccessFile(readTextFile(path));
  } catch (error) {
    if (error instanceof TextFileError) throw new CliError(`The file ${error.message}.`, 'INVALID_ARGUMENT');
    if (!(error instanceof AccessFileError)) throw error;
    throw new CliError(`The file cannot be used:\n  ${error.faults.join('\n  ')}`, 'INVALID_ARGUMENT');
  }
};

/** What nobody could do who is not on the machine of Redis. */
const warningsOf = (access: Access): string[] =>
  access.bindings.some(({ role, orgs }) => role === 'admin' && orgs.includes('*'))
    ? []
    : ['nobody is an admin of every org: nobody can freeze, or decide which consumers to trust'];

const collect = (name: string, before: string[] | undefined): string[] => [...(before ?? []), notEmpty(name)];

/** The names as the gateway compares them. */
const namesOf = (principals: readonly string[]): Set<string> => {
  const binding = { principals, role: 'viewer', orgs: ['*'] };
  try {
    return new Set(parseAccessFile(JSON.stringify({ bindings: [binding] })).bindings[0]!.principals);
  } catch (error) {
    throw new CliError(`--as ${(error as Error).message.replace(/^[^:]*: /, '')}.`, 'INVALID_ARGUMENT');
  }
};

const describeFile = (options: CheckOptions, access: Access): void => {
  const warnings = warningsOf(access);
  const { bindings, issuers } = access;
  const counts = { bindings: bindings.length, issuers: issuers.length };
  const lines = [
    `the file can be used: ${counts.bindings} bindings, ${counts.issuers} issuers of tokens`,
    ...bindings.map(
      ({ principals, role, orgs }) => `${role} in ${orgs.join(', ')}: ${principals.join(', ')}`,
    ),
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
  print(options, { ...counts, warnings }, lines.join('\n'));
};

const describeCaller = (options: CheckOptions, access: Access, principals: readonly string[]): void => {
  const rights = rightsOf(access, namesOf(principals));
  const { can, org } = options;
  const allows = (permission: Permission): boolean =>
    org === undefined ? rights.allowsEverywhere(permission) : rights.allows(permission, org);
  if (can === undefined) {
    // What everybody may is not said of a caller that a binding names, or does not.
    const all = Object.entries(permissions).filter(([, { role }]) => role !== 'everyone');
    const allowed = (all.map(([permission]) => permission) as Permission[]).filter(allows);
    const where = org === undefined ? 'in every org' : `in ${org}`;
    print(
      options,
      { permissions: allowed },
      allowed.length === 0 ? `may do nothing ${where}` : `${where}:\n${allowed.join('\n')}`,
    );
    return;
  }
  const allowed = allows(can);
  print(options, { permission: can, allowed }, allowed ? 'allowed' : 'not allowed');
  if (!allowed) process.exitCode = exitCodes.failed;
};

const checkCommand = (): Command =>
  withOutputOptions(new Command('check'))
    .description('check an access file before the gateway uses it, or what it lets a caller do')
    .argument('<file>', 'the path of the file')
    .option('--as <principal>', 'a caller with this name; repeat it for groups', collect)
    .addOption(
      new Option('--can <permission>', 'whether the caller may do this').choices(Object.keys(permissions)),
    )
    .option('--org <id>', 'in this org (default: in every org)', notEmpty)
    .action((file: string, options: CheckOptions) => {
      const access = read(file);
      if (options.as !== undefined) return describeCaller(options, access, options.as);
      if (options.can !== undefined || options.org !== undefined)
        throw new CliError('--can and --org need --as: say whose right to check.', 'INVALID_ARGUMENT');
      describeFile(options, access);
    })
    .addHelpText(
      'after',
      `
It asks neither the gateway nor Redis. Roles, from the weakest: ${RANKED_ROLES.join(', ')};
auditor, which reads activity alone.

Exit codes: 0 the file can be used, or the caller may; 1 it cannot, or may not.

Examples:
  rekey access check access.yaml
  rekey access check access.yaml --as spiffe://example.com/billing --can rotations.create --org org_1`,
    );

export const accessCommand = (): Command =>
  new Command('access').description('who may do what').addCommand(checkCommand());
