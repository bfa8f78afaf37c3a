import { Command } from 'commander';
import { CliError, exitCodes } from '../failure.ts';
import { print, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { askHealth } from '../health.ts';

export const healthCommand = (): Command =>
  withGatewayOptions(new Command('health'))
    .description('ask the gateway whether it can serve; ends with 2 where it cannot')
    .action(async (options: GatewayOptions) => {
      const answer = await askHealth(options.gateway);
      print(options, { status: answer }, answer);
      if (answer !== 'SERVING') throw new CliError('The gateway runs, but cannot serve: it does not reach its Redis.', 'NOT_SERVING', exitCodes.unavailable);
    });
