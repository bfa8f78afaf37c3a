import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CliError } from '../failure.ts';

/** As a program ends that Ctrl-C interrupts. */
const INTERRUPTED = 130;

/** Asks on the terminal. An answer of nothing is `otherwise`. What is typed for a secret is not shown. */
export const ask = async (
  question: string,
  { otherwise = '', isSecret = false }: { otherwise?: string; isSecret?: boolean } = {},
): Promise<string> => {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const shown = otherwise === '' ? '' : ` [${otherwise}]`;
  const prompt = `${question}${shown}: `;
  const terminal = createInterface({
    input: process.stdin,
    output: isSecret ? nowhere : process.stderr,
    terminal: true,
    historySize: 0,
  });
  const ended = new Promise<never>((_resolve, reject) =>
    terminal.once('close', () => reject(new CliError('Nothing was stored.', 'NOT_CONFIRMED'))),
  );
  ended.catch(() => {});
  terminal.once('SIGINT', () => {
    process.stderr.write('\n');
    process.exit(INTERRUPTED);
  });
  try {
    if (isSecret) process.stderr.write(prompt);
    const answer = await Promise.race([terminal.question(isSecret ? '' : prompt), ended]);
    return answer.trim() || otherwise;
  } finally {
    terminal.close();
    if (isSecret) process.stderr.write('\n');
  }
};

/** A question that is answered with y or n. */
export const askWhether = async (question: string, otherwise: boolean): Promise<boolean> => {
  const answer = await ask(`${question} (y or n)`, { otherwise: otherwise ? 'y' : 'n' });
  return /^y(es)?$/i.test(answer);
};
