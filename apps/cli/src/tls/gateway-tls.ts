import type { TlsOptions } from '@rekey/client';
import { Option, type Command } from 'commander';
import { CliError } from '../failure.ts';
import { notEmpty } from '../option-values.ts';

/** How commands secure their connection to the gateway. */
export interface GatewayTlsOptions {
  tls?: boolean;
  tlsCa?: string;
  tlsCert?: string;
  tlsKey?: string;
  tlsServerName?: string;
  tokenFile?: string;
}

/** The variables that the options override. */
export const TLS_VARIABLES = {
  tls: 'REKEY_TLS',
  tlsCa: 'REKEY_TLS_CA_FILE',
  tlsCert: 'REKEY_TLS_CERT_FILE',
  tlsKey: 'REKEY_TLS_KEY_FILE',
  tlsServerName: 'REKEY_TLS_SERVER_NAME',
  tokenFile: 'REKEY_TOKEN_FILE',
} as const;

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

type Name = keyof typeof OPTIONS;
const fromEnvironment = (name: Name): string | undefined => process.env[TLS_VARIABLES[name]];
const valueOf = (options: GatewayTlsOptions, name: Name): string | undefined =>
  options[name] ?? fromEnvironment(name);

/** `false` is plain text: nothing asks for TLS. */
export const tlsOf = (options: GatewayTlsOptions): false | TlsOptions => {
  const [ca, cert, key, serverName] = (['tlsCa', 'tlsCert', 'tlsKey', 'tlsServerName'] as const).map((name) =>
    valueOf(options, name),
  );
  if ((cert === undefined) !== (key === undefined))
    throw new CliError(
      'A certificate and its private key must be given together: --tls-cert and --tls-key, or ' +
        'REKEY_TLS_CERT_FILE and REKEY_TLS_KEY_FILE.',
      'INVALID_ARGUMENT',
    );
  const asked = options.tls === true || process.env[TLS_VARIABLES.tls] === 'true';
  if (!asked && [ca, cert, serverName].every((value) => value === undefined)) return false;
  return {
    ...(ca !== undefined && { ca: { file: ca } }),
    ...(cert !== undefined && key !== undefined && { cert: { file: cert }, key: { file: key } }),
    ...(serverName !== undefined && { serverName }),
  };
};

/** The token of the user, if one is given. */
export const tokenOf = (options: GatewayTlsOptions): { token?: { file: string } } => {
  const file = valueOf(options, 'tokenFile');
  return file === undefined ? {} : { token: { file } };
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
