import { Command } from 'commander';
import type { Finding } from '../doctor/doctor-checks.ts';
import { print, refuseAddress, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { withoutEmpty } from '../output/output.ts';
import { takenFromStart } from '../running-start.ts';

export const doctorCommand = (): Command =>
  withGatewayOptions(new Command('doctor'))
    .description(
      'look whether everything is within reach and set up as it should be: gateway, key file, Redis, Invent (one request for each API key that is set, of ten orgs at the most)',
    )
    .action(async (options: GatewayOptions) => {
      // What it imports takes a tenth of a second, which no other command needs.
      const { examine, exitCodeOf } = await import('../doctor/doctor-checks.ts');
      refuseAddress(options.gateway);
      const findings: Finding[] = [];
      for await (const finding of examine(options.gateway, process.env, takenFromStart())) {
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
Beside npm start, in the same folder, it needs no variables: it takes those that npm start uses. Elsewhere, run it with the environment of a worker: REDIS_URL, REKEY_KEY_FILE,
INVENT_API_KEY or INVENT_API_KEYS_FILE, INVENT_BASE_URL if it is not Invent's own, and GRPC_ADDRESS or --gateway. With Docker: docker compose exec worker rekey doctor

Exit codes: 0 nothing failed; 1 something is wrong; 2 nothing is wrong but that the gateway or Redis is away.`,
    );
