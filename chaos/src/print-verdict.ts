import { areChangesRecorded } from './changes/judge-changes.ts';
import type { ChaosOptions } from './options.ts';
import type { RunResult } from './run.ts';
import { isArchiveWhole } from './verdict/archive.ts';
import { explain } from './verdict/explained.ts';
import { isClean } from './verdict/verdict.ts';

type Write = (text: string) => void;

const NAME_WIDTH = 23;
const NAMES_SHOWN = 12;

/** Whether the verdict is clean or, with a writer in Redis, explained by what status and the logs named. */
export const isAccepted = ({ verdict, said, archive, changes }: RunResult): boolean =>
  (changes === undefined || areChangesRecorded(changes)) &&
  (archive === undefined || isArchiveWhole(archive, { isSpoilt: said !== undefined })) &&
  (isClean(verdict) || (said !== undefined && explain(verdict, said) !== undefined));

/** Prints the result as one JSON object. */
export const printJson = (
  { seed, world, faults }: ChaosOptions,
  result: RunResult,
  seconds: number,
  write: Write,
): void => {
  const { verdict, havoc, report, bulkActions, said, archive, changes } = result;
  const head = { seed, world, faults, seconds, clean: isClean(verdict), accepted: isAccepted(result) };
  const tail = {
    havoc,
    ...report,
    ...(bulkActions && { operators: bulkActions }),
    ...(said && { said }),
    ...(archive && { archive }),
    ...(changes && { changes }),
  };
  write(`${JSON.stringify({ ...head, ...verdict, ...tail })}\n`);
};

/** Prints the result as a list of figures, and the verdict below it. */
export const printText = ({ seed }: ChaosOptions, result: RunResult, seconds: number, write: Write): void => {
  const { verdict, havoc, report, bulkActions, said, archive, changes } = result;
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
  if (archive) line('archive', JSON.stringify(archive));
  if (changes) line('changes', JSON.stringify(changes));
  for (const [figure, cases] of Object.entries(examples))
    write(`${figure}, for example:\n${cases.map((one) => `  ${one}\n`).join('')}`);
  const because = said && explain(verdict, said);
  if (archive && !isArchiveWhole(archive, { isSpoilt: said !== undefined }))
    write('\nTHE ARCHIVE IS NOT WHOLE.\n');
  if (changes && !areChangesRecorded(changes)) write('\nWHAT IS RECORDED IS NOT WHAT THE CALLERS DID.\n');
  const judgement = isClean(verdict)
    ? 'CLEAN: every published key is in force, nothing lost, nothing out of order.'
    : because
      ? `NOT AS WITHOUT A WRITER, and named: ${because.slice(0, NAMES_SHOWN).join(', ')}.`
      : 'NOT CLEAN.';
  write(`\n${judgement}\n`);
};
