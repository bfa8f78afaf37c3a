import { Command } from 'commander';
import { CliError, exitCodes } from '../failure.ts';
import {
  print,
  refuseAddress,
  withGateway,
  withGatewayOptions,
  type GatewayOptions,
} from '../gateway-command.ts';
import { askHealth } from '../doctor/health.ts';

/** How many workers are live; undefined if the gateway cannot say. */
const liveWorkers = (options: GatewayOptions): Promise<number | undefined> =>
  withGateway(
    options,
    async (client) =>
      (await client.getStatus()).processes.filter(({ live, roles }) => live && roles.includes('rotating'))
        .length,
  ).catch(() => undefined);

export const healthCommand = (): Command =>
  withGatewayOptions(new Command('health'))
    .description('ask the gateway whether it can serve; ends with 2 where it cannot')
    .action(async (options: GatewayOptions) => {
      refuseAddress(options.gateway);
      const answer = await askHealth(options.gateway);
      const live = answer === 'SERVING' ? await liveWorkers(options) : undefined;
      print(
        options,
        { status: answer, ...(live !== undefined && { live_worker_count: live }) },
        live === 0
          ? `${answer}\nno worker is live: the gateway accepts rotations, and nothing is done until one starts`
          : answer,
      );
      if (answer !== 'SERVING')
        throw new CliError(
          'The gateway runs, but cannot serve: its Redis is away, or takes no writes.',
          'NOT_SERVING',
          exitCodes.unavailable,
        );
    });
