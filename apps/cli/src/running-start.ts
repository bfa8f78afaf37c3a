import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Of the checkout that this command line belongs to, wherever it is called. */
const NOTE = fileURLToPath(new URL('../../../.rekey/running.json', import.meta.url));

export interface TakenFromStart {
  /** The variables that were taken, by name. */
  names: string[];
  /** Those that `npm start` was given and does not keep, for they may hold a secret. */
  withheld: string[];
}

let taken: TakenFromStart = { names: [], withheld: [] };

/**
 * What `takeRunningStart` has taken; nothing if no `npm start` runs here, or the environment means another
 * Rekey.
 */
export const takenFromStart = (): TakenFromStart => taken;

/**
 * Lays what an `npm start` of this folder uses under an environment, so that `rekey` beside it needs no
 * variables.
 */
export const takeRunningStart = async (env: NodeJS.ProcessEnv): Promise<void> => {
  if (!existsSync(NOTE)) return;
  // It takes a tenth of a second, which commands elsewhere do not need.
  const { missingVariables, readRunningStart } = await import('@rekey/runtime');
  const running = await readRunningStart(NOTE);
  if (!running) return;
  const lacking = missingVariables(running, env);
  const names = Object.keys(lacking);
  if (names.length === 0) return;
  Object.assign(env, lacking);
  taken = { names, withheld: running.withheld.filter((name) => !env[name]) };
};
