import { existsSync, statSync } from 'node:fs';
import type { TlsOptions, Token } from '@rekey/client';
import { complaintAboutAccess } from '@rekey/schema';
import { Option, type Command } from 'commander';
import { areSecretsMounted } from '../environment.ts';
import { CliError } from '../failure.ts';
import { notEmpty } from '../option-values.ts';
import { START } from '../profiles/profile.ts';
import { TLS_VARIABLES } from './tls-variables.ts';

/** How commands secure their connection to the gateway. */
export interface GatewayTlsOptions {
  tls?: boolean;
  tlsCa?: string;
  tlsCert?: string;
  tlsKey?: string;
  tlsServerName?: string;
  tokenFile?: string;
}

const OPTIONS = {
  tlsCa: '--tls-ca',
  tlsCert: '--tls-cert',
  tlsKey: '--tls-key',
  tlsServerName: '--tls-server-name',
  tokenFile: '--token-file',
} as const;

const grouped = (flags: string, description: string): Option =>
  new Option(flags, description).helpGroup('Connection to the gateway:');
const fileOption = (flags: string, description: string): Option =>
  grouped(flags, description).argParser(notEmpty);

export const withTlsOptions = (command: Command): Command =>
  command
    .addOption(grouped('--tls', 'with the authorities that Node trusts (default: REKEY_TLS)'))
    .addOption(
      fileOption(
        '--tls-ca <file>',
        "the authorities of the gateway's certificate (default: REKEY_TLS_CA_FILE)",
      ),
    )
    .addOption(fileOption('--tls-cert <file>', 'your certificate (default: REKEY_TLS_CERT_FILE)'))
    .addOption(fileOption('--tls-key <file>', 'its private key (default: REKEY_TLS_KEY_FILE)'))
    .addOption(
      fileOption(
        '--tls-server-name <name>',
        "the name in the gateway's certificate (default: REKEY_TLS_SERVER_NAME, or the host)",
      ),
    )
    .addOption(fileOption('--token-file <file>', 'your token (default: REKEY_TOKEN_FILE)'));

/** Where the settings come from that no option gives. */
export interface Sources {
  env: NodeJS.ProcessEnv;
  /** The profile that has set some of the variables, and which. */
  profile?: string | undefined;
  ofProfile?: readonly string[];
  /** The token that the profile itself has. */
  token?: string | undefined;
}

type Name = keyof typeof OPTIONS;
const fromEnvironment = (name: Name, env = process.env): string | undefined => env[TLS_VARIABLES[name]];

const refuseGoneFile = (name: Name, path: string, { profile, ofProfile = [] }: Sources): void => {
  const variable = TLS_VARIABLES[name];
  if (!ofProfile.includes(variable) || !variable.endsWith('_FILE') || existsSync(path)) return;
  throw new CliError(
    `The profile ${profile} names the file ${path}, which does not exist (${OPTIONS[name].slice(2)}). ` +
      (profile === START
        ? 'Stop npm start and start it again: it makes the file.'
        : `Restore it, or log in again: rekey login ${profile}`),
    'PROFILE_FILE_MISSING',
  );
};

const valueOf = (options: GatewayTlsOptions, name: Name, sources: Sources): string | undefined => {
  if (options[name] !== undefined) return options[name];
  const value = fromEnvironment(name, sources.env);
  if (value !== undefined) refuseGoneFile(name, value, sources);
  return value;
};

/** `false` is plain text: nothing asks for TLS. */
export const tlsOf = (
  options: GatewayTlsOptions,
  sources: Sources = { env: process.env },
): false | TlsOptions => {
  const [ca, cert, key, serverName] = (['tlsCa', 'tlsCert', 'tlsKey', 'tlsServerName'] as const).map((name) =>
    valueOf(options, name, sources),
  );
  if ((cert === undefined) !== (key === undefined))
    throw new CliError(
      'A certificate and its private key must be given together: --tls-cert and --tls-key, or ' +
        'REKEY_TLS_CERT_FILE and REKEY_TLS_KEY_FILE.',
      'INVALID_ARGUMENT',
    );
  const asked = options.tls === true || sources.env[TLS_VARIABLES.tls] === 'true';
  if (!asked && [ca, cert, serverName].every((value) => value === undefined)) return false;
  return {
    ...(ca !== undefined && { ca: { file: ca } }),
    ...(cert !== undefined && key !== undefined && { cert: { file: cert }, key: { file: key } }),
    ...(serverName !== undefined && { serverName }),
  };
};

/** The token of the user, if one is given. */
export const tokenOf = (options: GatewayTlsOptions, sources: Sources): { token?: Token } => {
  const file = valueOf(options, 'tokenFile', sources);
  if (file === undefined) return sources.token === undefined ? {} : { token: sources.token };
  warnIfExposed(file);
  return { token: { file } };
};

let hasWarned = false;

/** Whoever reads the token is its caller. It is used: a file that the user cannot change may hold it. */
const warnIfExposed = (path: string): void => {
  const stats = statSync(path, { throwIfNoEntry: false });
  const complaint = stats && complaintAboutAccess(stats, { mounted: areSecretsMounted() });
  if (complaint === undefined || hasWarned) return;
  hasWarned = true;
  process.stderr.write(`warning: the token file ${path} ${complaint}\n`);
};

/** The options with which another command secures its connection in the same way, each after a space. */
export const tlsAsGiven = (options: GatewayTlsOptions): string =>
  [
    ...(options.tls === true ? [' --tls'] : []),
    ...(Object.keys(OPTIONS) as Name[]).flatMap((name) =>
      options[name] === undefined || options[name] === fromEnvironment(name)
        ? []
        : [` ${OPTIONS[name]} '${options[name].replaceAll("'", `'\\''`)}'`],
    ),
  ].join('');
