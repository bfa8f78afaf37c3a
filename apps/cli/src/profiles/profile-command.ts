import { Command } from 'commander';
import { confirm } from '../confirm.ts';
import { CliError } from '../failure.ts';
import { print, withOutputOptions, type OutputOptions } from '../output/format.ts';
import { printList, recordOf, withColumns, type Column, type ListOptions } from '../output/list.ts';
import { table } from '../output/output.ts';
import { START, profileName } from './profile.ts';
import type { Profile, Profiles } from './profile-schema.ts';
import { readProfiles, writeProfiles } from './profile-file.ts';
import { profilesPath } from './profiles-path.ts';
import { startProfile } from './taken.ts';

interface NamedProfile extends Profile {
  name: string;
  inUse: boolean;
}

/** Where the token is. The token itself is never shown. */
const tokenText = ({ token, token_file: file }: Profile): string | undefined =>
  file ?? (token === undefined ? undefined : 'stored, not shown');

const profileColumns: readonly Column<NamedProfile>[] = [
  { name: 'name', value: ({ name }) => name },
  { name: 'in_use', value: ({ inUse }) => inUse, show: ({ inUse }) => (inUse ? 'yes' : undefined) },
  { name: 'gateway', value: ({ gateway }) => gateway },
  {
    name: 'tls',
    value: ({ tls, tls_ca_file: ca, tls_cert_file: cert }) =>
      tls === true || ca !== undefined || cert !== undefined,
  },
  { name: 'tls_ca_file', isOptional: true, value: (profile) => profile.tls_ca_file },
  { name: 'tls_cert_file', isOptional: true, value: (profile) => profile.tls_cert_file },
  { name: 'tls_key_file', isOptional: true, value: (profile) => profile.tls_key_file },
  { name: 'tls_server_name', isOptional: true, value: (profile) => profile.tls_server_name },
  { name: 'token_file', isOptional: true, value: (profile) => profile.token_file },
  { name: 'has_token', isOptional: true, value: ({ token }) => token !== undefined },
  { name: 'token', show: tokenText },
];

const namedProfiles = async (): Promise<NamedProfile[]> => {
  const { current, profiles } = readProfiles();
  const start = await startProfile();
  return [
    ...Object.entries(profiles).map(([name, profile]) => ({ name, inUse: name === current, ...profile })),
    ...(start ? [{ name: START, inUse: current === undefined, ...start }] : []),
  ].toSorted((one, other) => one.name.localeCompare(other.name));
};

const notFound = (name: string): CliError =>
  new CliError(
    name === START
      ? 'No npm start runs in this folder, or in a folder above it.'
      : `There is no profile ${name} in ${profilesPath()}. See rekey profile list.`,
    'PROFILE_NOT_FOUND',
  );

const listCommand = (): Command =>
  withColumns(withOutputOptions(new Command('list')), profileColumns)
    .description('list the profiles, and which is in use')
    .action(async (options: ListOptions<NamedProfile>) =>
      printList(options, profileColumns, await namedProfiles(), {
        empty: 'no profiles; to create one: rekey login',
      }),
    );

const showCommand = (): Command =>
  withOutputOptions(new Command('show'))
    .description('show a profile, without its token')
    .argument('[name]', 'its name (default: the profile in use)', profileName)
    .action(async (name: string | undefined, options: OutputOptions) => {
      const profile = (await namedProfiles()).find((one) =>
        name === undefined ? one.inUse : one.name === name,
      );
      if (!profile && name === undefined)
        throw new CliError('No profile is in use. To create one: rekey login', 'PROFILE_NOT_FOUND');
      if (!profile) throw notFound(name!);
      print(
        options,
        recordOf(profileColumns, profile),
        table([
          ['profile', profile.name],
          ['in use', profile.inUse ? 'yes' : 'no'],
          ['gateway', profile.gateway],
          ['tls', profile.tls === true ? 'with the authorities that Node trusts' : undefined],
          ['authorities', profile.tls_ca_file],
          ['certificate', profile.tls_cert_file],
          ['its key', profile.tls_key_file],
          ['server name', profile.tls_server_name],
          ['token', tokenText(profile) ?? 'none'],
        ]),
      );
    });

const useCommand = (): Command =>
  withOutputOptions(new Command('use'))
    .description('use a profile from now on, in every folder')
    .argument('<name>', 'its name; start: no profile, but the npm start that runs in the folder', profileName)
    .action(async (name: string, options: OutputOptions) => {
      const before = readProfiles();
      const profile = before.profiles[name];
      if (!profile && name !== START) throw notFound(name);
      const { current: _current, ...others } = before;
      await writeProfiles(name === START ? others : { ...others, current: name });
      print(
        options,
        { name, in_use: true },
        profile
          ? `The profile ${name} is in use: ${profile.gateway}`
          : 'No profile is in use: rekey calls an npm start that runs in the folder, or 127.0.0.1:50051.',
      );
    });

const without = ({ current, profiles }: Profiles, name: string): Profiles => {
  const { [name]: _removed, ...others } = profiles;
  return { ...(current !== undefined && current !== name && { current }), profiles: others };
};

const removeCommand = (): Command =>
  withOutputOptions(new Command('remove'))
    .description('remove a profile; asks first if it has the token itself, which nothing shows again')
    .argument('<name>', 'its name', profileName)
    .option('--yes', 'do not ask')
    .action(async (name: string, options: OutputOptions & { yes?: boolean }) => {
      const profile = readProfiles().profiles[name];
      if (!profile) throw notFound(name);
      if (profile.token !== undefined)
        await confirm(`Remove the profile ${name}, and the token in it?`, options);
      await writeProfiles(without(readProfiles(), name));
      print(options, { name, removed: true }, `The profile ${name} is removed.`);
    });

export const profileCommand = (): Command =>
  new Command('profile')
    .description('manage profiles: how gateways are reached, and with which token')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(useCommand())
    .addCommand(removeCommand())
    .addHelpText(
      'after',
      `
What comes first: an option, such as --gateway or --profile; then a variable, such as GRPC_ADDRESS or
REKEY_PROFILE; then the profile in use; then an npm start that runs in the folder or above it; then
127.0.0.1:50051. A profile that --profile names comes before variables. A token and the files of TLS are used
only for the gateway of their profile.

Profiles are in rekey/profiles.json in XDG_CONFIG_HOME, or in ~/.config. A file that other users can read is
refused.`,
    );
