import { Command } from 'commander';
import { exitCodeOf, type Finding } from '../doctor/finding.ts';
import { print, refuseAddress, withGatewayOptions, type GatewayOptions } from '../gateway-command.ts';
import { printable, withoutEmpty } from '../output/output.ts';
import { paddedState } from '../output/style.ts';
import { takenFromStart } from '../profiles/taken.ts';

const findingLine = ({ check, status, message, advice }: Finding): string => {
  const sentences = [`${message.replace(/\.$/, '')}.`, advice].filter(Boolean).join(' ');
  return `${paddedState(status, 4)}  ${check.padEnd(16)}  ${printable(sentences)}`;
};

export const doctorCommand = (): Command =>
  withGatewayOptions(new Command('doctor'))
    .description(
      'check that gateway, key file, Redis and Invent can be reached and are configured correctly ' +
        '(sends Invent one request for each configured API key, for at most ten orgs)',
    )
    .action(async (options: GatewayOptions) => {
      // Loading the checks takes a tenth of a second: no other command pays for it.
      const { examine } = await import('../doctor/doctor-checks.ts');
      refuseAddress(options.gateway);
      const findings: Finding[] = [];
      for await (const finding of examine(options, process.env, takenFromStart())) {
        findings.push(finding);
        const { check, status, message, advice } = finding;
        print(options, withoutEmpty({ check, status, message, advice }), findingLine(finding));
      }
      process.exitCode = exitCodeOf(findings);
    })
    .addHelpText(
      'after',
      `
In the folder of a running npm start, it needs no variables: it uses those of npm start. Elsewhere, run it
with the environment of a worker: REDIS_URL or REDIS_URL_FILE, REKEY_KEY_FILE, INVENT_API_KEY,
INVENT_API_KEY_FILE or INVENT_API_KEYS_FILE, INVENT_BASE_URL if it is not the default, and GRPC_ADDRESS or
--gateway.
With Docker: docker compose exec worker rekey doctor

Exit codes: 0 no check failed; 1 a check failed; 2 only the gateway or Redis is unavailable.`,
    );
