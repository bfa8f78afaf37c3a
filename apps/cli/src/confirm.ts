import { createInterface } from 'node:readline/promises';
import { CliError } from './failure.ts';

/** Asks a person; with --yes nobody. Without a terminal nobody can answer: throws, and nothing is done. */
export const confirm = async (question: string, { yes = false }: { yes?: boolean }): Promise<void> => {
  if (yes) return;
  if (!process.stdin.isTTY)
    throw new CliError(`${question} Nobody can be asked here: repeat with --yes.`, 'NOT_CONFIRMED');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('Nothing was done.', 'NOT_CONFIRMED');
  } finally {
    terminal.close();
  }
};
