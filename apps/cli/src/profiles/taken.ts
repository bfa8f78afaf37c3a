import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lineToComplete, wordsBefore } from '../completion/command-line.ts';
import { checkout } from '../entry/checkout.ts';
import { trimEnvironment } from '../environment.ts';
import { CliError } from '../failure.ts';
import { CONNECTION_VARIABLES, START, variablesOf } from './profile.ts';
import type { Profile } from './profile-schema.ts';
import { profilesPath } from './profiles-path.ts';

export interface TakenFromStart {
  /** The names of the variables that come from `npm start`. */
  names: string[];
  /** The variables that `npm start` has and does not store, since they may hold a secret. */
  withheld: string[];
}

/** What a command takes from a profile: it belongs to the gateway of the profile alone. */
interface Taken extends TakenFromStart {
  /** The name of the profile; `start` for a running `npm start`. */
  profile: string | undefined;
  /** The token that the profile itself has. */
  token: string | undefined;
}

const NOTHING: Taken = { profile: undefined, names: [], withheld: [], token: undefined };
let taken = NOTHING;

/** What comes from a profile; nothing if the environment describes another Rekey. */
export const takenFromProfile = (): Taken => taken;

/** What comes from a running `npm start`. */
export const takenFromStart = (): TakenFromStart => (taken.profile === 'start' ? taken : NOTHING);

/** The file of an `npm start` in this folder or in one above it, or in the checkout of this program. */
export const findRunningStart = (folder: string): string | undefined => {
  const above = (from: string): string[] =>
    dirname(from) === from ? [from] : [from, ...above(dirname(from))];
  return [...above(folder), ...(checkout === undefined ? [] : [checkout])]
    .map((one) => join(one, '.rekey', 'running.json'))
    .find(existsSync);
};

/** The running `npm start`, and what it would set in this environment. */
const readStart = async (env: NodeJS.ProcessEnv) => {
  const path = findRunningStart(process.cwd());
  if (path === undefined) return undefined;
  // Loading it takes a tenth of a second: commands elsewhere do not pay for it.
  const { missingVariables, readRunningStart, stillWithheld } = await import('@rekey/runtime');
  const running = await readRunningStart(path);
  if (!running) return undefined;
  const lacking = missingVariables(running, env);
  return { running, lacking, withheld: () => stillWithheld(running, env) };
};

/** The `npm start` that runs in the folder, whatever Rekey the command is for. */
export const readRunningStart = async () => (await readStart({}))?.running;

/** Sets missing variables to those of a running `npm start`, so that `rekey` needs none of its own. */
const takeStart = async (env: NodeJS.ProcessEnv): Promise<boolean> => {
  const start = await readStart(env);
  const names = Object.keys(start?.lacking ?? {});
  if (!start || names.length === 0) return false;
  Object.assign(env, start.lacking);
  taken = { profile: 'start', names, withheld: start.withheld(), token: undefined };
  return true;
};

/** How a running `npm start` is reached, as a profile. */
export const startProfile = async (): Promise<Profile | undefined> => {
  const running = await readRunningStart();
  if (!running) return undefined;
  const { environment } = running;
  const { profileOf } = await import('./profile-schema.ts');
  return profileOf(environment);
};

/** `--profile` among the arguments, before the command line is parsed: defaults depend on it. */
const profileOption = (args: readonly string[]): string | undefined => {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  const at = own.findLastIndex((word) => word === '--profile' || word.startsWith('--profile='));
  if (at === -1) return undefined;
  return own[at] === '--profile' ? own[at + 1] : own[at]!.slice('--profile='.length);
};

/** The variables of one `npm start` are for one Rekey, and so are those of one profile. */
const unset = (env: NodeJS.ProcessEnv, names: readonly string[]): void => {
  for (const name of names) delete env[name];
};

const noStart = (): CliError =>
  new CliError(
    'No npm start runs in this folder, or in a folder above it. Start it: npm ci && npm start',
    'PROFILE_NOT_FOUND',
  );

/** Takes the profile with this name, before or after what variables say. */
const takeNamed = async (
  name: string,
  env: NodeJS.ProcessEnv,
  { from, beforeVariables }: { from: string; beforeVariables: boolean },
): Promise<void> => {
  const before = env['GRPC_ADDRESS'];
  if (beforeVariables) unset(env, CONNECTION_VARIABLES);
  if (name === START) {
    if (beforeVariables) unset(env, ['REDIS_URL', 'REDIS_URL_FILE', 'REKEY_PREFIX', 'REKEY_KEY_FILE']);
    if (!(await takeStart(env))) throw noStart();
    return;
  }
  const { readProfiles } = await import('./profile-file.ts');
  const profile = readProfiles().profiles[name];
  if (!profile)
    throw new CliError(
      `${from} names the profile ${name}, which is not in ${profilesPath()}. See rekey profile list.`,
      'PROFILE_NOT_FOUND',
    );
  const isOther = before !== undefined && before !== profile.gateway;
  if (isOther && !beforeVariables)
    throw new CliError(
      `${from} is ${name}, whose gateway is ${profile.gateway}, and GRPC_ADDRESS is another. ` +
        'Unset one of them.',
      'INVALID_ARGUMENT',
    );
  const missing = Object.entries(variablesOf(profile)).filter(([key]) => env[key] === undefined);
  Object.assign(env, Object.fromEntries(missing));
  taken = { profile: name, names: missing.map(([key]) => key), withheld: [], token: profile.token };
};

/** The name of the profile in use, if it describes the gateway that the environment does. */
const profileInUse = async (env: NodeJS.ProcessEnv): Promise<string | undefined> => {
  if (!existsSync(profilesPath())) return undefined;
  const { readProfiles } = await import('./profile-file.ts');
  const { current, profiles } = readProfiles();
  if (current === undefined) return undefined;
  const isOther = env['GRPC_ADDRESS'] !== undefined && env['GRPC_ADDRESS'] !== profiles[current]?.gateway;
  return isOther ? undefined : current;
};

/** Commands that work while profiles are wrong: they are how to correct them. */
const WITHOUT_PROFILE = ['login', 'profile', 'completion'];

/**
 * Prepares the environment for commands, whose options take their defaults from it. Options come before
 * variables, variables before the profile in use, and this before an `npm start` that runs in the folder. A
 * profile that an option names comes before variables.
 */
export const prepareEnvironment = async (env: NodeJS.ProcessEnv, args: readonly string[]): Promise<void> => {
  trimEnvironment(env);
  const [command = '', second] = args.filter((word) => !word.startsWith('-'));
  if (WITHOUT_PROFILE.includes(command) && second !== 'values') return;
  const line = lineToComplete(args);
  const option = profileOption(line === undefined ? args : wordsBefore(line));
  if (option !== undefined) return takeNamed(option, env, { from: '--profile', beforeVariables: true });
  const { REKEY_PROFILE: variable } = env;
  if (variable !== undefined)
    return takeNamed(variable, env, { from: 'REKEY_PROFILE', beforeVariables: false });
  const inUse = await profileInUse(env);
  if (inUse === undefined) return void (await takeStart(env));
  await takeNamed(inUse, env, { from: 'The file of profiles', beforeVariables: false });
  if (process.stderr.isTTY && findRunningStart(process.cwd()) !== undefined)
    process.stderr.write(
      `note: this is for the profile ${inUse}. For the npm start in this folder: --profile start\n`,
    );
};
