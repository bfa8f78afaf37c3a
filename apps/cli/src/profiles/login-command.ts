import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { buffer as readAll } from 'node:stream/consumers';
import { isLoopbackHost } from '@rekey/schema';
import { Command } from 'commander';
import { CliError } from '../failure.ts';
import { refuseAddress, withGatewayAt } from '../gateway-command.ts';
import { notEmpty } from '../option-values.ts';
import { printable } from '../output/escape.ts';
import { print, withOutputOptions, type OutputOptions } from '../output/format.ts';
import { withTlsOptions, type GatewayTlsOptions } from '../tls/gateway-tls.ts';
import { ask, askWhether } from './ask.ts';
import { START, profileName } from './profile.ts';
import type { Profile } from './profile-schema.ts';
import { readProfiles, writeProfiles } from './profile-file.ts';
import { profilesPath } from './profiles-path.ts';

interface LoginOptions extends GatewayTlsOptions, OutputOptions {
  gateway?: string;
  tokenStdin?: boolean;
  use: boolean;
}

const DEFAULT_NAME = 'default';
const DEFAULT_GATEWAY = '127.0.0.1:50051';

/** Files are found from any folder. */
const fileOf = (path: string | undefined): string | undefined => {
  if (path === undefined) return undefined;
  const absolute = resolve(path);
  if (existsSync(absolute)) return absolute;
  throw new CliError(`The file ${printable(absolute)} does not exist.`, 'INVALID_ARGUMENT');
};

const givenProfile = (gateway: string, options: LoginOptions): Profile => {
  const files = {
    tls_ca_file: fileOf(options.tlsCa),
    tls_cert_file: fileOf(options.tlsCert),
    tls_key_file: fileOf(options.tlsKey),
    token_file: fileOf(options.tokenFile),
  };
  const given = Object.entries(files).filter(([, path]) => path !== undefined);
  return {
    gateway,
    ...(options.tls === true && { tls: true }),
    ...(options.tlsServerName !== undefined && { tls_server_name: options.tlsServerName }),
    ...Object.fromEntries(given),
  };
};

const isOnThisMachine = (gateway: string): boolean => isLoopbackHost(gateway.replace(/:\d+$/, ''));

const usesTls = ({ tls, tls_ca_file: ca, tls_cert_file: cert, tls_server_name: name }: Profile): boolean =>
  tls === true || ca !== undefined || cert !== undefined || name !== undefined;

const askTls = async (profile: Profile): Promise<Profile> => {
  if (usesTls(profile) || !(await askWhether('Does it use TLS?', !isOnThisMachine(profile.gateway))))
    return profile;
  const ca = await ask('File with the authorities of its certificate (empty: those that Node trusts)');
  return ca === '' ? { ...profile, tls: true } : { ...profile, tls_ca_file: fileOf(ca)! };
};

const tokenFromStdin = async (): Promise<string> => {
  const token = (await readAll(process.stdin)).toString().trim();
  if (token === '') throw new CliError('Standard input has no token.', 'INVALID_ARGUMENT');
  return token;
};

const withToken = async (profile: Profile, { tokenStdin = false }: LoginOptions): Promise<Profile> => {
  if (profile.token_file !== undefined) {
    if (tokenStdin)
      throw new CliError('--token-file and --token-stdin each give a token: choose one.', 'INVALID_ARGUMENT');
    return profile;
  }
  const token = tokenStdin
    ? await tokenFromStdin()
    : process.stdin.isTTY
      ? await ask('Token, which is not shown (empty: none)', { isSecret: true })
      : '';
  return token === '' ? profile : { ...profile, token };
};

const gatewayOf = async ({ gateway }: LoginOptions): Promise<string> => {
  if (gateway !== undefined) return gateway;
  if (process.stdin.isTTY) return ask('Address of the gateway, HOST:PORT', { otherwise: DEFAULT_GATEWAY });
  throw new CliError(
    'Standard input is not a terminal: give --gateway, and --token-file or --token-stdin.',
    'INVALID_ARGUMENT',
  );
};

const login = async (name: string, options: LoginOptions): Promise<void> => {
  if (name === START)
    throw new CliError(`The profile ${START} is that of a running npm start.`, 'INVALID_ARGUMENT');
  // Before any question: a file that cannot be used is corrected first.
  readProfiles();
  const gateway = await gatewayOf(options);
  refuseAddress(gateway);
  const given = givenProfile(gateway, options);
  const profile = await withToken(process.stdin.isTTY ? await askTls(given) : given, options);
  const { principal } = await withGatewayAt(profile, (client) => client.whoAmI());
  const before = readProfiles();
  await writeProfiles({
    ...before,
    ...(options.use && { current: name }),
    profiles: { ...before.profiles, [name]: profile },
  });
  print(
    options,
    { name, gateway, principal, in_use: options.use },
    `You are ${printable(principal)} at ${gateway}. The profile ${name} is stored in ${profilesPath()}` +
      (options.use ? ' and in use.' : '.'),
  );
};

export const loginCommand = (): Command =>
  withTlsOptions(
    withOutputOptions(new Command('login')).option(
      '--gateway <address>',
      'HOST:PORT of the gateway (default: asks)',
      notEmpty,
    ),
  )
    .description(
      'store how a gateway is reached, and your token, as a profile: asks, checks with the gateway, and ' +
        'stores it in a file that only you can read',
    )
    .argument('[name]', 'the name of the profile', profileName, DEFAULT_NAME)
    .option('--token-stdin', 'read the token from standard input')
    .option('--no-use', 'store the profile, and keep the one that is in use')
    .action(login)
    .addHelpText(
      'after',
      `
With --token-file, the profile has the path of the token, otherwise the token itself. Without a terminal, it
asks nothing.

Examples:
  rekey login                               ask for the address and the token
  rekey login production --gateway rekey.example.com:443 --tls --token-stdin < token
                                            the same without a terminal
  rekey status --profile production         use a profile once; rekey profile use production: from now on`,
    );
