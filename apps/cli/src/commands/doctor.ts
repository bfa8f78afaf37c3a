import { Command } from 'commander';
import type { Finding } from '../doctor-checks.ts';
import { print, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { withoutEmpty } from '../output.ts';

export const doctorCommand = (): Command =>
  withGatewayOptions(new Command('doctor'))
    .description('look whether everything is within reach and set up as it should be: gateway, key file, Redis, Invent (one request for each API key that is set, of ten orgs at the most)')
    .action(async (options: GatewayOptions) => {
      // What it imports takes a tenth of a second, which no other command needs.
      const { examine, exitCodeOf } = await import('../doctor-checks.ts');
      const findings: Finding[] = [];
      for await (const finding of examine(options.gateway, process.env)) {
        findings.push(finding);
        const { check, status, message, advice } = finding;
        const text = `${status.padEnd(4)}  ${check.padEnd(16)}  ${message.replace(/\.$/, '')}.${advice === undefined ? '' : ` ${advice}`}`;
        print(options, withoutEmpty({ check, status, message, advice }), text);
      }
      process.exitCode = exitCodeOf(findings);
    })
    .addHelpText(
      'after',
      `
Run it where a worker runs, with its environment. Exit codes: 0 nothing failed; 1 something is wrong; 2 nothing is wrong but that the gateway or Redis is away.`,
    );
