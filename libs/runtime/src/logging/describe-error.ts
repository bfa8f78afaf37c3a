import { RekeyError } from '@rekey/schema';

interface ErrorEntry {
  name: string;
  code?: string;
  message?: string;
  stack?: string;
  cause?: ErrorEntry;
}

/** Messages of ioredis and BullMQ can quote commands with their arguments: only their kind is logged. */
const quotesArguments = (error: Error): boolean => error.name === 'ReplyError' || 'command' in error;

/**
 * An error as it is logged, by an allow-list: libraries attach requests, commands and configuration to their
 * errors, and some of those hold secrets.
 */
export const describeError = (error: unknown): ErrorEntry => {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code } = error as NodeJS.ErrnoException;
  const entry: ErrorEntry = { name: error.name, ...(typeof code === 'string' && { code }) };
  if (quotesArguments(error))
    return { ...entry, message: /^[A-Z]+/.exec(error.message)?.[0] ?? 'reply error' };
  return {
    ...entry,
    message: error.message,
    ...(error.stack !== undefined && { stack: framesOf(error.stack) }),
    ...(error.cause !== undefined &&
      (error instanceof RekeyError || error.cause instanceof Error) && { cause: describeError(error.cause) }),
  };
};

const framesOf = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n');
