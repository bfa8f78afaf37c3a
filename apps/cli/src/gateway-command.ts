import type { RekeyClient } from '@rekey/client';
import { complaintAboutAddress } from '@rekey/schema';
import type { Command } from 'commander';
import { CliError, exitCodes, fromCallError } from './failure.ts';
import { tlsAsGiven, tlsOf, tokenOf, withTlsOptions, type GatewayTlsOptions } from './tls/gateway-tls.ts';
import { notEmpty } from './option-values.ts';
import { withOutputOptions, type OutputOptions } from './output/format.ts';
import { takenFromStart } from './running-start.ts';

export { print } from './output/format.ts';

export interface GatewayOptions extends GatewayTlsOptions, OutputOptions {
  gateway: string;
}

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
    withOutputOptions(command).option(
      '--gateway <address>',
      'HOST:PORT of the gateway (default: GRPC_ADDRESS, or 127.0.0.1:50051)',
      notEmpty,
      defaultGateway(),
    ),
  );

/** The options with which another command reaches the same gateway; empty for the default address. */
export const gatewayAsGiven = ({ gateway, ...tls }: GatewayOptions): string =>
  (gateway === defaultGateway() ? '' : ` --gateway '${gateway.replaceAll("'", `'\\''`)}'`) + tlsAsGiven(tls);

/** The token of a running `npm start` is for its gateway alone. */
const tokenFor = (gateway: string, options: GatewayTlsOptions): ReturnType<typeof tokenOf> => {
  const isOfStart = options.tokenFile === undefined && takenFromStart().names.includes('REKEY_TOKEN_FILE');
  return isOfStart && gateway !== defaultGateway() ? {} : tokenOf(options);
};

/** Does not retry calls: a user at a terminal wants to know at once that the gateway is unavailable. */
const connect = async ({ gateway, ...tls }: GatewayOptions): Promise<RekeyClient> => {
  // Loading it takes a third of a second: --help and wrong usage do not pay for it.
  const { createRekeyClient } = await import('@rekey/client');
  try {
    return createRekeyClient({
      address: gateway,
      tls: tlsOf(tls),
      ...tokenFor(gateway, tls),
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
  const secured = tlsOf(tls);
  return secured !== false && secured.cert === undefined && tokenFor(gateway, tls).token === undefined;
};

export const withGateway = async <T>(
  options: GatewayOptions,
  use: (client: RekeyClient) => Promise<T>,
): Promise<T> => {
  const { gateway } = options;
  refuseAddress(gateway);
  const client = await connect(options);
  try {
    return await use(client);
  } catch (error) {
    throw fromCallError(error, gateway);
  } finally {
    client.close();
  }
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
