import { parseEnvironment } from '@rekey/runtime';
import { CliError } from '../failure.ts';
import type { TakenFromStart } from '../profiles/taken.ts';
import { DoctorEnvironment } from './doctor-environment.ts';
import type { Finding } from './finding.ts';
import type { GatewayOptions } from '../gateway-command.ts';
import { askHealth } from './health.ts';
import { checkUpstream } from './invent-checks.ts';
import { checkKeyFiles } from './key-file-checks.ts';
import { checkRedis } from './redis-checks.ts';
import { checkRegistry } from './registry-check.ts';

/** Runs all checks, one after the other. */
export async function* examine(
  options: GatewayOptions,
  env: NodeJS.ProcessEnv,
  taken: TakenFromStart = { names: [], withheld: [] },
): AsyncGenerator<Finding> {
  const found = await checkGateway(options);
  yield found;
  if (found.status === 'ok') yield* await checkRegistry(options);
  let environment: DoctorEnvironment;
  try {
    environment = parseEnvironment(DoctorEnvironment, env);
  } catch (error) {
    yield {
      check: 'environment',
      status: 'fail',
      message: (error as Error).message.replaceAll(/\n */g, ' '),
      advice:
        'Correct these variables, then run this again for the other checks. ' +
        'docs/reference/environment.md lists all variables.',
    };
    return;
  }
  yield* checkTaken(taken);
  const { findings, fingerprintKeyId } = await checkKeyFiles(environment);
  yield* findings;
  if (!taken.withheld.includes('REDIS_URL')) yield* checkRedis(environment, fingerprintKeyId);
  yield* checkUpstream(environment);
}

/** Which unset variables come from `npm start`, and which of its variables are missing. */
function* checkTaken({ names, withheld }: TakenFromStart): Generator<Finding> {
  const check = 'environment';
  if (names.length > 0)
    yield {
      check,
      status: 'ok',
      message: `taken from the npm start that runs in this folder: ${names.join(', ')}`,
    };
  if (withheld.length > 0) {
    const status = withheld.includes('REDIS_URL') ? 'fail' : 'warn';
    const files = withheld.map((name) => `${name}_FILE`).join(' and ');
    yield {
      check,
      status,
      message: `${withheld.join(' and ')} may hold a secret, so npm start does not store the value`,
      advice: `Set it here too, or ${files}. Then run this again.`,
    };
  }
}

const checkGateway = async (options: GatewayOptions): Promise<Finding> => {
  const check = 'gateway';
  const { gateway: address } = options;
  try {
    const health = await askHealth(options);
    if (health === 'SERVING') return { check, status: 'ok', message: `${address} is SERVING` };
    return {
      check,
      status: 'fail',
      away: true,
      message: `${address} runs, but is ${health}`,
      advice: 'Its Redis is unavailable or refuses writes: see its log.',
    };
  } catch (error) {
    return {
      check,
      status: 'fail',
      away: true,
      message: error instanceof CliError ? error.message : `the health check of ${address} failed`,
      advice: 'Start it (npm start), or set GRPC_ADDRESS or --gateway to its address.',
    };
  }
};
