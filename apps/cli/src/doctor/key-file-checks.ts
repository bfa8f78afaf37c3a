import { createSealer, loadGatewayKeyFile, loadKeyFile } from '@rekey/sealing';
import type { DoctorEnvironment } from './doctor-environment.ts';
import type { Finding } from './finding.ts';

/** The ids of the keys in the key file that the checks of other things need. */
interface KnownKeys {
  fingerprintKeyId?: string;
  registryKeyId?: string;
}

const checkKeyFile = async ({
  REKEY_KEY_FILE: path,
  REKEY_MOUNTED_SECRETS: mounted,
}: DoctorEnvironment): Promise<{ finding: Finding } & KnownKeys> => {
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
    const { fingerprintKeyId, registryKey } = createSealer(file);
    const known = { fingerprintKeyId, registryKeyId: registryKey.kid };
    if (file.exposed)
      return {
        ...known,
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
      ...known,
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

const checkGatewayKeyFile = async (
  { REKEY_GATEWAY_KEY_FILE: path, REKEY_MOUNTED_SECRETS: mounted }: DoctorEnvironment,
  registryKeyId: string | undefined,
): Promise<Finding[]> => {
  if (path === undefined) return [];
  const check = 'gateway key file';
  const advice = 'Make it again from the key file of the workers: rekey key-file gateway PATH.';
  try {
    const { registryKey } = await loadGatewayKeyFile(path, { mounted });
    if (registryKeyId === undefined) return [{ check, status: 'ok', message: `${path} is valid` }];
    if (registryKey.kid === registryKeyId)
      return [{ check, status: 'ok', message: `${path} is valid, and fits the key file` }];
    const message = `${path} has the registry key ${registryKey.kid}, and the key file ${registryKeyId}`;
    return [{ check, status: 'fail', message, advice }];
  } catch (error) {
    return [{ check, status: 'fail', message: (error as Error).message, advice }];
  }
};

/** Checks the key files of workers and of a gateway, as far as this environment names them. */
export const checkKeyFiles = async (
  environment: DoctorEnvironment,
): Promise<{ findings: Finding[]; fingerprintKeyId?: string }> => {
  const { finding, registryKeyId, ...known } = await checkKeyFile(environment);
  return { ...known, findings: [finding, ...(await checkGatewayKeyFile(environment, registryKeyId))] };
};
