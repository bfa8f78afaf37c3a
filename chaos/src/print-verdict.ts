import type { ChaosOptions } from './options.ts';
import type { RunResult } from './run.ts';
import { isClean } from './verdict/verdict.ts';

type Write = (text: string) => void;

const NAME_WIDTH = 23;

/** Prints the result as one JSON object. */
export const printJson = (
  { seed, world, faults }: ChaosOptions,
  { verdict, havoc, report, bulkActions }: RunResult,
  seconds: number,
  write: Write,
): void => {
  const head = { seed, world, faults, seconds, clean: isClean(verdict) };
  const tail = { havoc, ...report, ...(bulkActions && { operators: bulkActions }) };
  write(`${JSON.stringify({ ...head, ...verdict, ...tail })}\n`);
};

/** Prints the result as a list of figures, and the verdict below it. */
export const printText = (
  { seed }: ChaosOptions,
  { verdict, havoc, report, bulkActions }: RunResult,
  seconds: number,
  write: Write,
): void => {
  const { darkTimeMs, failed, mostUnpublished, requestsARotation, examples, ...figures } = verdict;
  const line = (name: string, value: unknown) => write(`${name.padEnd(NAME_WIDTH)} ${String(value)}\n`);
  const { p50, p99, max } = darkTimeMs;
  for (const [name, value] of Object.entries({ seed, seconds, ...figures })) line(name, value);
  line('failed', JSON.stringify(failed));
  line('mostUnpublished', JSON.stringify(mostUnpublished));
  line('requestsARotation', requestsARotation.toFixed(2));
  line('dark time', `p50 ${p50} ms, p99 ${p99} ms, longest ${max} ms`);
  line('havoc', JSON.stringify(havoc));
  for (const [name, counts] of Object.entries(report)) line(name, JSON.stringify(counts));
  if (bulkActions) line('operators', JSON.stringify(bulkActions));
  for (const [figure, cases] of Object.entries(examples))
    write(`${figure}, for example:\n${cases.map((one) => `  ${one}\n`).join('')}`);
  const judgement = isClean(verdict)
    ? 'CLEAN: every published key is in force, nothing lost, nothing out of order.'
    : 'NOT CLEAN.';
  write(`\n${judgement}\n`);
};
