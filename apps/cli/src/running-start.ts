import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { trimEnvironment } from './environment.ts';

/** In the checkout of this program, whatever the working directory. */
const NOTE = fileURLToPath(new URL('../../../.rekey/running.json', import.meta.url));

export interface TakenFromStart {
  /** The names of the variables that come from `npm start`. */
  names: string[];
  /** The variables that `npm start` has and does not store, since they may hold a secret. */
  withheld: string[];
}

let taken: TakenFromStart = { names: [], withheld: [] };

/**
 * The variables that `takeRunningStart` has set; none if no `npm start` runs here, or if the environment
 * describes another Rekey.
 */
export const takenFromStart = (): TakenFromStart => taken;

/**
 * Sets missing variables to those of a running `npm start` of this checkout, so that `rekey` needs none of
 * its own.
 */
const takeRunningStart = async (env: NodeJS.ProcessEnv): Promise<void> => {
  if (!existsSync(NOTE)) return;
  // Loading it takes a tenth of a second: commands elsewhere do not pay for it.
  const { missingVariables, readRunningStart, stillWithheld } = await import('@rekey/runtime');
  const running = await readRunningStart(NOTE);
  if (!running) return;
  const lacking = missingVariables(running, env);
  const names = Object.keys(lacking);
  if (names.length === 0) return;
  Object.assign(env, lacking);
  taken = { names, withheld: stillWithheld(running, env) };
};

/** Prepares the environment for commands, whose options take their defaults from it. */
export const prepareEnvironment = async (env: NodeJS.ProcessEnv): Promise<void> => {
  trimEnvironment(env);
  await takeRunningStart(env);
};
