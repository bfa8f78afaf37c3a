import { createInterface } from 'node:readline/promises';
import { CliError } from './failure.ts';

interface ConfirmOptions {
  yes?: boolean;
}

/** Asks the user to confirm, unless --yes is given. Throws if there is no terminal to ask on. */
export const confirm = async (question: string, { yes = false }: ConfirmOptions): Promise<void> => {
  if (yes) return;
  if (!process.stdin.isTTY)
    throw new CliError(
      `${question} Standard input is not a terminal: repeat with --yes to confirm.`,
      'NOT_CONFIRMED',
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), ended]);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('Nothing was done.', 'NOT_CONFIRMED');
  } finally {
    terminal.close();
  }
};

/** The same. What the question is about is looked up, and shown, only for a user who is asked. */
export const confirmShown = async (
  question: string,
  options: ConfirmOptions,
  show: () => Promise<string | undefined>,
): Promise<void> => {
  if (!options.yes && process.stdin.isTTY) {
    const text = await show();
    if (text !== undefined) process.stderr.write(`${text}\n`);
  }
  await confirm(question, options);
};
