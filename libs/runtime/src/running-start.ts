import { readFile, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';

/**
 * What `npm start` notes about itself for as long as it runs, so that `rekey` beside it needs no variables. A variable that may hold a secret is named in
 * `withheld`, and its value is not kept.
 */
const RunningStart = z.object({ pid: z.number().int().positive(), environment: z.record(z.string(), z.string()), withheld: z.array(z.string()) });
export type RunningStart = z.infer<typeof RunningStart>;

export const noteRunningStart = (path: string, running: RunningStart): Promise<void> => writeFile(path, `${JSON.stringify(running, null, 2)}\n`, { mode: 0o600 });

export const forgetRunningStart = (path: string): Promise<void> => rm(path, { force: true });

/** What runs now. A note that a killed process left behind does not count. */
export const readRunningStart = async (path: string): Promise<RunningStart | undefined> => {
  try {
    const running = RunningStart.parse(JSON.parse(await readFile(path, 'utf8')));
    process.kill(running.pid, 0);
    return running;
  } catch {
    return undefined;
  }
};

/**
 * The variables of a running `npm start` that an environment lacks. None, if the environment sets one of them to something else: it then means another Rekey,
 * and a mixture of the two would be neither.
 */
export const lackingVariables = ({ environment }: RunningStart, env: NodeJS.ProcessEnv): Record<string, string> => {
  const entries = Object.entries(environment);
  if (entries.some(([name, value]) => env[name] && env[name] !== value)) return {};
  return Object.fromEntries(entries.filter(([name]) => !env[name]));
};
