import { join, resolve } from 'node:path';
import { removeRunningStart, writeRunningStart } from '@rekey/runtime';
import type { Launcher } from '../launcher/launcher.ts';
import { readVariable } from './environment.ts';

/** The variables with which `rekey` and other programs reach the running system. */
interface RunningEnvironment {
  variables: Record<string, string>;
  /** The variables that may hold a secret of the user. The key of the simulator is none. */
  secrets: string[];
}

const PASSED_ON = ['REKEY_PREFIX', 'REKEY_MOUNTED_SECRETS', 'INVENT_BASE_URL', 'INVENT_PLAIN_HTTP_HOSTS'];

const DEFAULTS: Record<string, string> = {
  GRPC_ADDRESS: '127.0.0.1:50051',
  REDIS_URL: 'redis://127.0.0.1:6379',
  REDIS_URL_FILE: '',
  REKEY_PREFIX: 'rekey',
  REKEY_TOKEN_FILE: '',
  REKEY_TLS_CA_FILE: '',
  REKEY_TLS_CERT_FILE: '',
  REKEY_TLS_KEY_FILE: '',
};

/** Variables with the path of a file, from the root: `rekey` may run in another folder. */
const pathsOf = (...names: string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const path = readVariable(name);
      return path === undefined ? [] : [[name, resolve(path)]];
    }),
  );

/** An address that listens on all interfaces is reached on loopback. */
const reachable = (address: string): string =>
  address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');

export const describeEnvironment = (running: {
  gatewayAddress: string;
  redis: { url: string; variables: Record<string, string> };
  keyFile: string;
  gatewayKeyFile: string;
  /** Who `rekey` is to the gateway, unless the user says it. */
  callers: Record<string, string>;
  upstream: Record<string, string>;
}): RunningEnvironment => {
  const { gatewayAddress, redis, keyFile, gatewayKeyFile, callers, upstream } = running;
  const variables: Record<string, string | undefined> = {
    GRPC_ADDRESS: reachable(gatewayAddress),
    ...redis.variables,
    REKEY_KEY_FILE: keyFile,
    REKEY_GATEWAY_KEY_FILE: gatewayKeyFile,
    ...Object.fromEntries(PASSED_ON.map((name) => [name, readVariable(name)])),
    ...pathsOf('INVENT_API_KEY_FILE', 'INVENT_API_KEYS_FILE'),
    ...pathsOf('REKEY_TOKEN_FILE', 'REKEY_TLS_CA_FILE', 'REKEY_TLS_CERT_FILE', 'REKEY_TLS_KEY_FILE'),
    ...callers,
    ...upstream,
  };
  const set = Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    variables: Object.fromEntries(set),
    secrets: [
      // The URL of the user's own Redis may contain a password.
      ...(redis.variables['REDIS_URL'] && URL.parse(redis.url)?.password ? ['REDIS_URL'] : []),
      ...(readVariable('INVENT_API_KEY') ? ['INVENT_API_KEY'] : []),
    ],
  };
};

/** Writes the file from which `rekey` takes its variables, without secrets. */
export const publishEnvironment = async (
  { dataDir, lifecycle }: Launcher,
  { variables, secrets }: RunningEnvironment,
  simulatorAdmin: string | undefined,
): Promise<void> => {
  const path = join(dataDir, 'running.json');
  const open = Object.entries(variables).filter(([name]) => !secrets.includes(name));
  await writeRunningStart(path, {
    pid: process.pid,
    environment: Object.fromEntries(open),
    withheld: secrets,
    ...(simulatorAdmin !== undefined && { simulatorAdmin }),
  });
  lifecycle.defer(() => removeRunningStart(path));
};

/** The variables that differ from their defaults, as other programs need them. */
export const nonDefaults = ({ variables, secrets }: RunningEnvironment): string[] =>
  Object.keys(DEFAULTS)
    .filter((name) => variables[name] !== undefined && variables[name] !== DEFAULTS[name])
    .map((name) => `${name}=${secrets.includes(name) ? '…' : variables[name]}`);
