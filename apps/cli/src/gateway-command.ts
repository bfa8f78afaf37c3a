import { createRekeyClient, type RekeyClient } from '@rekey/client';
import { complaintAboutAddress } from '@rekey/schema';
import type { Command } from 'commander';
import { CliError, exitCodes, fromCallError } from './failure.ts';
import { notEmpty } from './option-values.ts';

export interface GatewayOptions {
  gateway: string;
  json?: boolean;
}

const defaultGateway = (): string => process.env['GRPC_ADDRESS'] || '127.0.0.1:50051';

/**
 * Throws for what is no HOST:PORT, such as a URL: grpc-js would take some of these for names, and wait for
 * them.
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
  command
    .option(
      '--gateway <address>',
      'HOST:PORT of the gateway (default: GRPC_ADDRESS, or 127.0.0.1:50051)',
      notEmpty,
      defaultGateway(),
    )
    .option('--json', 'machine-readable output, one JSON object a line');

/** What another command needs to reach the same gateway; nothing if it does so by default. */
export const gatewayAsGiven = ({ gateway }: Pick<GatewayOptions, 'gateway'>): string =>
  gateway === defaultGateway() ? '' : ` --gateway '${gateway.replaceAll("'", `'\\''`)}'`;

/** A person at a terminal is told at once that the gateway is away: calls are not retried. */
const connect = (gateway: string): RekeyClient =>
  createRekeyClient({
    address: gateway,
    tls: false,
    retry: false,
    keepAlive: { intervalMs: 5000, timeoutMs: 5000 },
  });

export const withGateway = async <T>(
  { gateway }: GatewayOptions,
  use: (client: RekeyClient) => Promise<T>,
): Promise<T> => {
  refuseAddress(gateway);
  const client = connect(gateway);
  try {
    return await use(client);
  } catch (error) {
    throw fromCallError(error, gateway);
  } finally {
    client.close();
  }
};

/**
 * Adds to an error of a gateway that is away how what was asked for is found again, so that nobody asks twice
 * by repeating.
 */
export const sayHowToGoOn =
  ({ gateway }: GatewayOptions, how: string) =>
  (error: unknown): never => {
    const failure = fromCallError(error, gateway);
    if (!(failure instanceof CliError) || failure.exitCode !== exitCodes.unavailable) throw failure;
    throw new CliError(`${failure.message} ${how}`, failure.reason, failure.exitCode);
  };

export const print = (options: { json?: boolean }, json: object, text: string): void => {
  process.stdout.write(`${options.json ? JSON.stringify(json) : text}\n`);
};
