import { once } from 'node:events';
import { exitCodes } from '../failure.ts';

/**
 * What a failure of standard output means: a reader that has seen enough (head, less) is no error, and ends
 * the command with 0; a full disk is one. What standard error does not take is lost.
 */
export const guardOutput = (): void => {
  process.stderr.on('error', () => {});
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit(exitCodes.ok);
    process.stderr.write(
      `error: standard output could not be written (${code}). What was asked for may be done all the same. (OUTPUT_FAILED)\n`,
    );
    process.exit(exitCodes.failed);
  });
};

/** Prints, and waits while a reader does not read: what has not been read yet does not pile up. */
export const printWhenRead = async (text: string): Promise<void> => {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
};
