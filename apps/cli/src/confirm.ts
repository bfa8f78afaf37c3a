import { createInterface } from 'node:readline/promises';
import { CliError } from './failure.ts';

/** Asks the user to confirm, unless --yes is given. Throws if there is no terminal to ask on. */
export const confirm = async (question: string, { yes = false }: { yes?: boolean }): Promise<void> => {
  if (yes) return;
  if (!process.stdin.isTTY)
    throw new CliError(
      `${question} Standard input is not a terminal: repeat with --yes to confirm.`,
      'NOT_CONFIRMED',
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('Nothing was done.', 'NOT_CONFIRMED');
  } finally {
    terminal.close();
  }
};
