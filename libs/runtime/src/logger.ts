import { RekeyError } from '@rekey/schema';
import { pino, type Logger } from 'pino';

export type { Logger };

/**
 * One JSON object a line on standard output; JSON escapes whatever an id may hold. Errors are logged by an allow-list:
 * libraries hang requests, commands and configuration on theirs, and some of those hold secrets.
 */
export const createLogger = (app: string, level: string): Logger =>
  pino({
    base: { app },
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
  });

/** The line that says that a process serves. It comes at every log level: launchers and people wait for it. */
export const reportReady = (logger: Logger, details: Record<string, unknown>): void => {
  logger.child({}, { level: 'info' }).info(details, 'ready');
};

interface ErrorEntry {
  name: string;
  code?: string;
  message?: string;
  stack?: string;
  cause?: ErrorEntry;
}

/** ioredis's and BullMQ's messages can quote commands with their arguments: of their errors, only the kind is logged. */
const quotesArguments = (error: Error): boolean => error.name === 'ReplyError' || 'command' in error;

const describeError = (error: unknown): ErrorEntry => {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code } = error as NodeJS.ErrnoException;
  const entry: ErrorEntry = { name: error.name, ...(typeof code === 'string' && { code }) };
  if (quotesArguments(error)) return { ...entry, message: /^[A-Z]+/.exec(error.message)?.[0] ?? 'reply error' };
  return {
    ...entry,
    message: error.message,
    ...(error.stack !== undefined && { stack: framesOf(error.stack) }),
    ...(error.cause !== undefined && (error instanceof RekeyError || error.cause instanceof Error) && { cause: describeError(error.cause) }),
  };
};

const framesOf = (stack: string): string => stack.split('\n').filter((line) => line.startsWith('    at ')).join('\n');
