import { parseEnvironment } from '@rekey/runtime';
import { createSealer, loadKeyFile } from '@rekey/sealing';
import { CliError } from '../failure.ts';
import type { TakenFromStart } from '../running-start.ts';
import { DoctorEnvironment } from './doctor-environment.ts';
import type { Finding } from './finding.ts';
import { askHealth } from './health.ts';
import { checkUpstream } from './invent-checks.ts';
import { checkRedis } from './redis-checks.ts';

/** Runs all checks, one after the other. */
export async function* examine(
  gateway: string,
  env: NodeJS.ProcessEnv,
  taken: TakenFromStart = { names: [], withheld: [] },
): AsyncGenerator<Finding> {
  yield await checkGateway(gateway);
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
  const keyFile = await checkKeyFile(environment);
  yield keyFile.finding;
  if (!taken.withheld.includes('REDIS_URL')) yield* checkRedis(environment, keyFile.fingerprintKeyId);
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

const checkGateway = async (address: string): Promise<Finding> => {
  const check = 'gateway';
  try {
    const health = await askHealth(address);
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

const checkKeyFile = async ({
  REKEY_KEY_FILE: path,
  REKEY_MOUNTED_SECRETS: mounted,
}: DoctorEnvironment): Promise<{ finding: Finding; fingerprintKeyId?: string }> => {
  const check = 'key file';
  if (path === undefined)
    return {
      finding: {
        check,
        status: 'warn',
        message: 'not checked: REKEY_KEY_FILE is not set here',
        advice: 'Run rekey doctor on the machine of a worker, with REKEY_KEY_FILE set to its key file.',
      },
    };
  try {
    const file = await loadKeyFile(path, { mounted });
    const { fingerprintKeyId } = createSealer(file);
    if (file.exposed)
      return {
        fingerprintKeyId,
        finding: {
          check,
          status: 'warn',
          message: `another user owns ${path}, or can read or write it, as REKEY_MOUNTED_SECRETS allows`,
          advice:
            'Unless a container platform mounts it, unset REKEY_MOUNTED_SECRETS. ' +
            'Workers then say which owner and mode the file needs.',
        },
      };
    return {
      fingerprintKeyId,
      finding: { check, status: 'ok', message: `${path} is valid, and its owner and mode are safe` },
    };
  } catch (error) {
    return {
      finding: {
        check,
        status: 'fail',
        message: (error as Error).message,
        advice: 'Correct or restore it: without it workers do not start, and no sealed record can be opened.',
      },
    };
  }
};
