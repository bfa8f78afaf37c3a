import { Command } from 'commander';
import { CliError, exitCodes } from '../failure.ts';
import {
  isNameless,
  print,
  refuseAddress,
  withGateway,
  withGatewayOptions,
  type GatewayOptions,
} from '../gateway-command.ts';
import { askHealth } from '../doctor/health.ts';

/** The number of live workers; undefined if the gateway cannot read its status. */
const liveWorkers = (options: GatewayOptions): Promise<number | undefined> =>
  withGateway(
    options,
    async (client) =>
      (await client.getStatus()).processes.filter(({ live, roles }) => live && roles.includes('rotating'))
        .length,
  ).catch(() => undefined);

export const healthCommand = (): Command =>
  withGatewayOptions(new Command('health'))
    .description('check whether the gateway can serve; exit code 2 if it cannot')
    .action(async (options: GatewayOptions) => {
      refuseAddress(options.gateway);
      const answer = await askHealth(options);
      const live = answer === 'SERVING' && !isNameless(options) ? await liveWorkers(options) : undefined;
      print(
        options,
        { status: answer, ...(live !== undefined && { live_worker_count: live }) },
        live === 0
          ? `${answer}\nno worker is live: rotations are accepted, and stay queued until one starts`
          : answer,
      );
      if (answer !== 'SERVING')
        throw new CliError(
          'The gateway runs but cannot serve: its Redis is unavailable or refuses writes.',
          'NOT_SERVING',
          exitCodes.unavailable,
        );
    });
