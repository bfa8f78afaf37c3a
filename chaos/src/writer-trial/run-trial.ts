import { createRandom } from '../random.ts';
import { examine } from './examine.ts';
import { playRound, type RoundReport } from './round.ts';
import { startTrial, type Trial, type TrialOptions } from './trial.ts';

interface RunOptions extends TrialOptions {
  mutations: number;
  /** The most mutations between two looks. */
  batch: number;
  onRound?: (report: RoundReport, made: number) => void;
}

export interface TrialResult {
  mutations: number;
  rounds: number;
  roundsWithHarm: number;
  healedBy: Record<string, number>;
  /** In how many rounds something was named so. */
  names: Record<string, number>;
  violations: { round: number; what: string; mutations: string[] }[];
}

const CALM_LOOKS = 2;

/** What is named without any mutation, when processes restart, says nothing about one. */
const learnCalm = async (trial: Trial): Promise<void> => {
  for (let looks = 0; looks < CALM_LOOKS; looks += 1) {
    for (const slot of trial.processes.slots) await slot.restart();
    const { harms, violations } = await examine(trial);
    const wrong = [...harms, ...violations];
    if (wrong.length > 0 && looks === CALM_LOOKS - 1)
      throw new Error(`the system was not well before the first mutation: ${wrong.join('; ')}`);
  }
  trial.names.learnCalm();
};

const add = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

/** Some rounds make one mutation, so that a look shows what came of it. */
const sizesOf = (seed: number, batch: number): (() => number) => {
  const random = createRandom(seed + 1);
  return () => random.pick([1, 1, Math.min(10, batch), batch, batch]);
};

/** Mutates Redis under a running system, and judges what came of it. */
export const runTrial = async ({
  mutations,
  batch,
  onRound,
  ...options
}: RunOptions): Promise<TrialResult> => {
  const trial = await startTrial(options);
  const result: TrialResult = {
    mutations: 0,
    rounds: 0,
    roundsWithHarm: 0,
    healedBy: {},
    names: {},
    violations: [],
  };
  const sizeOf = sizesOf(options.seed, batch);
  try {
    await learnCalm(trial);
    while (result.mutations < mutations) {
      const report = await playRound(trial, Math.min(sizeOf(), mutations - result.mutations));
      result.mutations += report.mutations.length;
      result.rounds += 1;
      if (report.harms.length > 0) result.roundsWithHarm += 1;
      add(result.healedBy, report.healedBy);
      for (const name of report.names) add(result.names, name.slice(0, 60));
      for (const what of report.violations)
        result.violations.push({ round: result.rounds, what, mutations: report.mutations.slice(-50) });
      onRound?.(report, result.mutations);
      if (report.healedBy === 'nobody') break;
    }
  } finally {
    await trial.stop();
  }
  return result;
};
