import { Command } from 'commander';
import { exitCodes } from '../failure.ts';
import { print, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { withoutEmpty } from '../output.ts';

export const doctorCommand = (): Command =>
  withGatewayOptions(new Command('doctor'))
    .description('look whether everything is within reach and set up as it should be: gateway, key file, Redis, Invent (one request where an API key is set)')
    .action(async (options: GatewayOptions) => {
      // What it imports takes a tenth of a second, which no other command needs.
      const { examine } = await import('../doctor-checks.ts');
      for await (const { check, status, message, advice } of examine(options.gateway, process.env)) {
        const text = `${status.padEnd(4)}  ${check.padEnd(16)}  ${message.replace(/\.$/, '')}.${advice === undefined ? '' : ` ${advice}`}`;
        print(options, withoutEmpty({ check, status, message, advice }), text);
        if (status === 'fail') process.exitCode = exitCodes.failed;
      }
    });
