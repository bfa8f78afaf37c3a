import { Option, type Command } from 'commander';
import { jsonLine, printableLines } from './escape.ts';
import { printWhenRead } from './standard-output.ts';

const OUTPUT_FORMATS = ['table', 'json', 'yaml'] as const;
type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export interface OutputOptions {
  output?: OutputFormat;
  /** Short for `output: 'json'`. */
  json?: boolean;
}

/** Loaded only for --output yaml, since it takes a tenth of a second. */
let yamlDocument: ((value: unknown) => string) | undefined;

/** --output and --json. A command with them prints its results with `print` or `printList`. */
export const withOutputOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--output <format>',
        'a table for people, or for programs one JSON object per line, or YAML documents (default: table)',
      ).choices(OUTPUT_FORMATS),
    )
    .addOption(new Option('--json', 'the same as --output json').conflicts('output'))
    .hook('preAction', async (acting) => {
      if (acting.getOptionValue('output') === 'yaml') ({ yamlDocument } = await import('./yaml-document.ts'));
    });

const formatOf = ({ output, json }: OutputOptions): OutputFormat => output ?? (json ? 'json' : 'table');

/** Whether a program reads the output. Hints for people are then left out. */
export const isForPrograms = (options: OutputOptions): boolean => formatOf(options) !== 'table';

/** A result for programs, with the end of its line. */
export const documentOf = (options: OutputOptions, value: object): string =>
  formatOf(options) === 'yaml' ? yamlDocument!(value) : `${jsonLine(value)}\n`;

/** Prints a result: `value` with the names of the contract for programs, `text` for people. */
export const print = (options: OutputOptions, value: object, text: string): void => {
  process.stdout.write(isForPrograms(options) ? documentOf(options, value) : `${text}\n`);
};

/** Prints one of many results for programs, and waits for a slow reader. */
export const printDocument = (options: OutputOptions, value: object): Promise<void> =>
  printWhenRead(documentOf(options, value));

/**
 * Whether these arguments ask for output for programs, even if the command line cannot parse them. What
 * follows `--` is for a program that `rekey agent exec` starts.
 */
export const asksForPrograms = (args: readonly string[]): boolean => {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  return own.includes('--json') || /(^| )--output[ =](json|yaml)( |$)/.test(own.join(' '));
};

/** How a failed command reports it, on standard error. */
export const failureText = (
  { message, reason }: { message: string; reason: string },
  args: readonly string[],
): string =>
  // JSON is YAML too.
  asksForPrograms(args)
    ? `${jsonLine({ error: { reason, message } })}\n`
    : `error: ${printableLines(message)} (${reason})\n`;

/** Has a command and those in it report wrong usage to programs as any other failure. */
export const reportUsageFor = (command: Command, args: readonly string[]): void => {
  command.configureOutput({
    outputError: (text, write) => {
      const message = text
        .replace(/^error: /, '')
        .trim()
        .replaceAll('\n', ' ');
      write(failureText({ message, reason: 'INVALID_ARGUMENT' }, args));
    },
  });
  for (const sub of command.commands) reportUsageFor(sub, args);
};
