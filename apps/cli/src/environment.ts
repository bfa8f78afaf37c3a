import { complaintAboutVariable, valueOfVariable } from '@rekey/schema';
import { CliError } from './failure.ts';

/** Those that commands read by themselves; `rekey doctor` looks at all that a worker takes. */
const VARIABLES = ['GRPC_ADDRESS', 'REDIS_URL', 'REKEY_PREFIX', 'REKEY_KEY_FILE'];

/** White space around a variable does not count, and an empty one is as good as not set. */
export const trimEnvironment = (env: NodeJS.ProcessEnv): void => {
  for (const name of VARIABLES) {
    const value = valueOfVariable(env[name]);
    if (value === undefined) delete env[name];
    else env[name] = value;
  }
};

/** Throws for the first variable that cannot be used, whatever the command. */
export const refuseEnvironment = (env: NodeJS.ProcessEnv): void => {
  for (const name of VARIABLES) {
    const complaint = env[name] === undefined ? undefined : complaintAboutVariable(name, env[name]);
    if (complaint !== undefined) throw new CliError(`${name} ${complaint}.`, 'INVALID_ARGUMENT');
  }
};
