import { Command, InvalidArgumentError, Option } from 'commander';
import { createWriteStream } from 'node:fs';
import { cleverNames } from '../redis-writer/clever/clever-mutations.ts';
import type { RoundReport } from './round.ts';
import { runTrial, type TrialResult } from './run-trial.ts';

/*
 * npm run redis-writer -- --mutations N --seed S: real gateway, workers and Redis, consumers of the SDK, and
 * a writer in Redis who changes anything at random, and cleverly. The verdict: nobody holds a key that they
 * may not read or that Invent did not make, no process dies, what does harm is named, and what is repaired
 * works.
 */

interface Options {
  mutations: number;
  seed: number;
  batch: number;
  only?: string[];
  json?: boolean;
  keepLog?: string;
}

const positive = (text: string): number => {
  if (!/^\d+$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('must be a whole number from 1');
  return Number(text);
};

const options = new Command('redis-writer')
  .description("Changes Rekey's Redis at random while keys are rotated, and judges who holds which key.")
  .option('--mutations <n>', 'number of mutations', positive, 1000)
  .option('--seed <n>', 'decides the mutations', positive, 1)
  .option(
    '--batch <n>',
    'the most mutations between two looks; 1 shows what each of them does',
    positive,
    500,
  )
  .addOption(new Option('--only <name...>', 'only these clever mutations, in turn').choices(cleverNames))
  .option('--json', 'print the verdict as one JSON object')
  .option('--keep-log <file>', 'append the output of all processes, and each mutation, to a file')
  .parse()
  .opts<Options>();

const print = (text: string) => process.stdout.write(`${text}\n`);
const log = options.keepLog === undefined ? undefined : createWriteStream(options.keepLog, { flags: 'a' });
const startedMs = performance.now();

const showRound = (report: RoundReport, made: number): void => {
  for (const line of report.mutations) log?.write(`mutation ${line}\n`);
  log?.write(`round ${JSON.stringify({ ...report, mutations: report.mutations.length })}\n`);
  process.stderr.write(
    `${made} of ${options.mutations} mutations; repaired by ${report.healedBy}` +
      `${report.mutations.length === 1 ? ` (${report.mutations[0]})` : ''}\n`,
  );
  for (const what of report.violations) process.stderr.write(`  ${what}\n`);
};

const printText = ({ violations, names, ...figures }: TrialResult, seconds: number): void => {
  const shown = { seed: options.seed, seconds, ...figures, violations: violations.length };
  for (const [name, value] of Object.entries(shown)) print(`${name.padEnd(16)} ${JSON.stringify(value)}`);
  print('named, and in how many rounds:');
  for (const [name, count] of Object.entries(names)
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, 60))
    print(`  ${String(count).padStart(5)}  ${name}`);
  for (const { round, what, mutations } of violations.slice(0, 20))
    print(
      `round ${round}: ${what}\n${mutations
        .slice(-10)
        .map((line) => `    ${line}`)
        .join('\n')}`,
    );
  print(
    violations.length === 0
      ? '\nCLEAN: nobody held a key that it may not read or that Invent did not make; no process died; ' +
          'every harm was named, and after every repair keys were rotated again.'
      : '\nNOT CLEAN.',
  );
};

// Child processes end with this one, if it exits by itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const result = await runTrial({
  ...options,
  onRound: showRound,
  onLine: (line) => void log?.write(`${line}\n`),
});
const seconds = Math.round((performance.now() - startedMs) / 1000);
if (options.json) print(JSON.stringify({ seed: options.seed, seconds, ...result }));
else printText(result, seconds);
process.stdout.write('', () => process.exit(result.violations.length === 0 ? 0 : 1));
