import { once } from 'node:events';
import { exitCodes } from '../entry/exit-codes.ts';

const report = ({ code }: NodeJS.ErrnoException): void => {
  process.stderr.write(
    `error: standard output could not be written (${code}). ` +
      'The command may have taken effect. (OUTPUT_FAILED)\n',
  );
};

/**
 * Handles failures of standard output. A reader that has closed it (head, less) ends the command with 0; any
 * other failure, such as a full disk, is an error. Failures of standard error are ignored.
 */
export const guardOutput = (): void => {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.ok);
    report(error);
    process.exit(exitCodes.failed);
  });
  // Help and the version end the process before the stream has told of its error.
  process.on('exit', (code) => {
    const error = process.stdout.errored as NodeJS.ErrnoException | null;
    if (code !== exitCodes.ok || error === null || error.code === 'EPIPE') return;
    report(error);
    process.exitCode = exitCodes.failed;
  });
};

/** Prints, and waits for a slow reader, so that unread output does not fill the memory. */
export const printWhenRead = async (text: string): Promise<void> => {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
};
