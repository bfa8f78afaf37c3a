import type { RekeyClient, RekeyClientOptions } from '@rekey/client';
import { complaintAboutAddress } from '@rekey/schema';
import { Option, type Command } from 'commander';
import { CliError, exitCodes, fromCallError } from './failure.ts';
import {
  tlsAsGiven,
  tlsOf,
  tokenOf,
  withTlsOptions,
  type GatewayTlsOptions,
  type Sources,
} from './tls/gateway-tls.ts';
import { notEmpty } from './option-values.ts';
import { withOutputOptions, type OutputOptions } from './output/format.ts';
import { profileName, variablesOf } from './profiles/profile.ts';
import type { Profile } from './profiles/profile-schema.ts';
import { takenFromProfile } from './profiles/taken.ts';

export { print } from './output/format.ts';

export interface GatewayOptions extends GatewayTlsOptions, OutputOptions {
  gateway: string;
  profile?: string;
}

type Connection = Pick<RekeyClientOptions, 'tls' | 'token'>;

const defaultGateway = (): string => process.env['GRPC_ADDRESS'] || '127.0.0.1:50051';

/**
 * Throws unless the address is a HOST:PORT. grpc-js would try to resolve a URL as a name, and wait for the
 * answer.
 */
export const refuseAddress = (gateway: string): void => {
  const complaint = complaintAboutAddress(gateway);
  if (complaint !== undefined)
    throw new CliError(
      `${gateway === defaultGateway() ? 'GRPC_ADDRESS' : '--gateway'} ${complaint}.`,
      'INVALID_ARGUMENT',
    );
};

/** The options of every command that talks to the gateway. */
export const withGatewayOptions = (command: Command): Command =>
  withTlsOptions(
    withOutputOptions(command).addOption(
      new Option('--gateway <address>', 'HOST:PORT of the gateway')
        .argParser(notEmpty)
        .default(defaultGateway(), 'GRPC_ADDRESS, or 127.0.0.1:50051'),
    ),
  ).addOption(
    new Option('--profile <name>', 'the gateway and token of this profile (default: REKEY_PROFILE)')
      .argParser(profileName)
      .conflicts('gateway')
      .helpGroup('Connection to the gateway:'),
  );

/** The options with which another command reaches the same gateway; empty for the default address. */
export const gatewayAsGiven = ({ gateway, profile, ...tls }: GatewayOptions): string =>
  (profile === undefined ? '' : ` --profile ${profile}`) +
  (gateway === defaultGateway() ? '' : ` --gateway '${gateway.replaceAll("'", `'\\''`)}'`) +
  tlsAsGiven(tls);

/** The token and TLS of a profile, or of a running `npm start`, are for its gateway alone. */
const sourcesFor = (gateway: string): Sources => {
  const { profile, names, token } = takenFromProfile();
  if (gateway === defaultGateway()) return { env: process.env, profile, ofProfile: names, token };
  const others = Object.entries(process.env).filter(([name]) => !names.includes(name));
  return { env: Object.fromEntries(others), profile: undefined, ofProfile: [], token: undefined };
};

/** Does not retry calls: a user at a terminal wants to know at once that the gateway is unavailable. */
const connect = async (address: string, settings: () => Connection): Promise<RekeyClient> => {
  // Loading it takes a third of a second: --help and wrong usage do not pay for it.
  const { createRekeyClient } = await import('@rekey/client');
  try {
    return createRekeyClient({
      address,
      ...settings(),
      retry: false,
      keepAlive: { intervalMs: 5000, timeoutMs: 5000 },
    });
  } catch (error) {
    if (error instanceof CliError) throw error;
    // A file that cannot be read, or certificates that OpenSSL refuses.
    throw new CliError(`The gateway cannot be called: ${(error as Error).message}.`, 'INVALID_ARGUMENT');
  }
};

/**
 * Whether calls over TLS name nobody: the gateway then answers its health alone, and records any other call
 * as denied.
 */
export const isNameless = ({ gateway, ...tls }: GatewayOptions): boolean => {
  const sources = sourcesFor(gateway);
  const secured = tlsOf(tls, sources);
  return secured !== false && secured.cert === undefined && tokenOf(tls, sources).token === undefined;
};

const using = async <T>(
  address: string,
  settings: () => Connection,
  use: (client: RekeyClient) => Promise<T>,
): Promise<T> => {
  const client = await connect(address, settings);
  try {
    return await use(client);
  } catch (error) {
    throw fromCallError(error, address);
  } finally {
    client.close();
  }
};

export const withGateway = async <T>(
  options: GatewayOptions,
  use: (client: RekeyClient) => Promise<T>,
): Promise<T> => {
  const { gateway, ...tls } = options;
  refuseAddress(gateway);
  const sources = sourcesFor(gateway);
  return using(gateway, () => ({ tls: tlsOf(tls, sources), ...tokenOf(tls, sources) }), use);
};

/** The same with a profile alone, whatever the environment says. */
export const withGatewayAt = <T>(profile: Profile, use: (client: RekeyClient) => Promise<T>): Promise<T> => {
  const sources = { env: variablesOf(profile), token: profile.token };
  return using(profile.gateway, () => ({ tls: tlsOf({}, sources), ...tokenOf({}, sources) }), use);
};

/**
 * Adds to the error of an unavailable gateway how to find the operation again, so that the user does not
 * start a second one by repeating the command.
 */
export const withRecovery =
  ({ gateway }: GatewayOptions, how: string) =>
  (error: unknown): never => {
    const failure = fromCallError(error, gateway);
    if (!(failure instanceof CliError) || failure.exitCode !== exitCodes.unavailable) throw failure;
    throw new CliError(`${failure.message} ${how}`, failure.reason, failure.exitCode);
  };
