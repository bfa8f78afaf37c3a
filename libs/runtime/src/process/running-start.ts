import { rm, writeFile } from 'node:fs/promises';
import { complaintAboutAccess, readTextFile } from '@rekey/schema';
import { z } from 'zod';
import { processIdentity } from './process-identity.ts';

/**
 * The file that `npm start` keeps while it runs, so that `rekey` in the same folder needs no variables. A
 * variable that may hold a secret is named in `withheld`, without its value. `identity` exists on Linux only.
 */
const RunningFile = z.object({
  pid: z.number().int().positive(),
  identity: z.string().optional(),
  environment: z.record(z.string(), z.string()),
  withheld: z.array(z.string()),
  /** The admin address of the simulator, if it stands in for Invent. */
  simulatorAdmin: z.string().optional(),
});
type RunningStart = Omit<z.infer<typeof RunningFile>, 'identity'>;

export const writeRunningStart = (path: string, running: RunningStart): Promise<void> =>
  writeFile(path, `${JSON.stringify({ identity: processIdentity(running.pid), ...running }, null, 2)}\n`, {
    mode: 0o600,
  });

export const removeRunningStart = (path: string): Promise<void> => rm(path, { force: true });

/**
 * The `npm start` that runs now. Ignores a file that a killed process left behind, even if another process
 * has its PID by now, and one that other users can write or read: it says where tokens and keys are sent.
 */
export const readRunningStart = async (path: string): Promise<RunningStart | undefined> => {
  try {
    const text = readTextFile(path, {
      onOpen: (stats) => {
        // A pipe or a device can have another user at its other end.
        const complaint = stats.isFile() ? complaintAboutAccess(stats) : 'is not a file';
        if (complaint !== undefined) throw new Error(complaint);
      },
    });
    const { identity, ...running } = RunningFile.parse(JSON.parse(text));
    process.kill(running.pid, 0);
    return identity === processIdentity(running.pid) ? running : undefined;
  } catch {
    return undefined;
  }
};

/** Variables of which a process takes one. */
const ALTERNATIVES = [
  ['REDIS_URL', 'REDIS_URL_FILE'],
  ['INVENT_API_KEY', 'INVENT_API_KEY_FILE', 'INVENT_API_KEYS_FILE'],
];

/** They say who calls, and not which Rekey. */
const OF_CALLERS = ['REKEY_TOKEN_FILE', 'REKEY_TLS_CERT_FILE', 'REKEY_TLS_KEY_FILE'];

/** The withheld variables for which an environment sets neither a value nor an alternative. */
export const stillWithheld = ({ withheld }: RunningStart, env: NodeJS.ProcessEnv): string[] =>
  withheld.filter((name) => {
    const alternatives = ALTERNATIVES.find((names) => names.includes(name)) ?? [name];
    return !alternatives.some((alternative) => env[alternative]);
  });

/**
 * The variables of a running `npm start` that an environment does not set. Empty if the environment sets one
 * of them, or an alternative to one, to another value: it then refers to another Rekey, and a mixture of the
 * two would be neither. Another token or certificate is another caller of the same Rekey.
 */
export const missingVariables = (
  { environment }: RunningStart,
  env: NodeJS.ProcessEnv,
): Record<string, string> => {
  const entries = Object.entries(environment);
  const isOther = ([name, value]: [string, string]) =>
    env[name] && env[name] !== value && !OF_CALLERS.includes(name);
  if (entries.some(isOther)) return {};
  const clash = ALTERNATIVES.some(
    (names) =>
      names.some((name) => name in environment) && names.some((name) => env[name] && !(name in environment)),
  );
  if (clash) return {};
  return Object.fromEntries(entries.filter(([name]) => !env[name]));
};
