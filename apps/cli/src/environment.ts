import { complaintAboutVariable, valueOfVariable } from '@rekey/schema';
import { CliError } from './failure.ts';
import { TLS_VARIABLES } from './tls/tls-variables.ts';

/** The variables that commands read. `rekey doctor` checks all variables of a worker. */
const VARIABLES = [
  'GRPC_ADDRESS',
  'REDIS_URL',
  'REDIS_URL_FILE',
  'REKEY_PREFIX',
  'REKEY_KEY_FILE',
  'REKEY_MOUNTED_SECRETS',
  'REKEY_PROFILE',
  ...Object.values(TLS_VARIABLES),
];
const SWITCHES = ['REKEY_MOUNTED_SECRETS', TLS_VARIABLES.tls];

/** Trims white space around variables, and unsets empty ones. */
export const trimEnvironment = (env: NodeJS.ProcessEnv): void => {
  for (const name of VARIABLES) {
    const value = valueOfVariable(env[name]);
    if (value === undefined) delete env[name];
    else env[name] = value;
  }
};

/** Throws for the first invalid variable, whether or not the command uses it. */
export const refuseEnvironment = (env: NodeJS.ProcessEnv): void => {
  for (const name of VARIABLES) {
    const complaint = env[name] === undefined ? undefined : complaintAboutVariable(name, env[name]);
    if (complaint !== undefined) throw new CliError(`${name} ${complaint}.`, 'INVALID_ARGUMENT');
  }
  for (const name of SWITCHES)
    if (!['true', 'false'].includes(env[name] ?? 'false'))
      throw new CliError(`${name} must be true or false.`, 'INVALID_ARGUMENT');
};

/** Whether a container platform mounts the files with secrets: their owners and readers are accepted. */
export const areSecretsMounted = (): boolean => process.env['REKEY_MOUNTED_SECRETS'] === 'true';
