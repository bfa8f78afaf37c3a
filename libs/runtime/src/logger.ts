import { RekeyError } from '@rekey/schema';
import { pino, type Logger as PinoLogger, type LoggerOptions } from 'pino';
import { createLineOutput, openNonBlocking, type LineOutput } from './logging/line-output.ts';
import { logEvents, type LogEventName } from './log-events.ts';

export interface Logger extends PinoLogger {
  /** Logs an event of the table, at its level. Fields are named in snake_case, with their units. */
  event(name: LogEventName, fields?: Record<string, unknown>, message?: string): void;
}

/** A process has one standard output, whichever loggers write to it. */
let standardOutput: LineOutput | undefined;

/**
 * One JSON object a line on standard output; JSON escapes whatever an id may hold. Errors are logged by an
 * allow-list: libraries hang requests, commands and configuration on theirs, and some of those hold secrets.
 * A line that standard output does not take is dropped: logging neither throws nor blocks.
 */
export const createLogger = (app: string, level: string): Logger => {
  standardOutput ??= createLineOutput(
    () => openNonBlocking(1),
    (dropped, code) => {
      const msg = `${dropped} log lines were dropped: standard output did not take them (${code})`;
      return `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), app, event: 'log_lines_dropped', dropped, msg })}\n`;
    },
  );
  const options: LoggerOptions = {
    base: { app },
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
  };
  const logger = pino(options, standardOutput);
  return Object.assign(logger, { event: logEvent });
};

function logEvent(
  this: PinoLogger,
  name: LogEventName,
  fields?: Record<string, unknown>,
  message?: string,
): void {
  const { level, message: usual } = logEvents[name];
  this[level]({ event: name, ...fields }, message ?? usual);
}

/** The number of lines that standard output did not take since the start. */
export const droppedLogLines = (): number => standardOutput?.dropped() ?? 0;

/** Tries once more to write the lines that wait for a reader, before the process ends. */
export const flushLog = (): void => standardOutput?.flush();

/**
 * The line that says that a process serves. It comes at every log level: launchers and people wait for it.
 */
export const reportReady = (logger: Logger, details: Record<string, unknown>): void => {
  logger.child({}, { level: 'info' }).info({ event: 'ready', ...details }, 'ready');
};

interface ErrorEntry {
  name: string;
  code?: string;
  message?: string;
  stack?: string;
  cause?: ErrorEntry;
}

/**
 * ioredis's and BullMQ's messages can quote commands with their arguments: of their errors, only the kind is
 * logged.
 */
const quotesArguments = (error: Error): boolean => error.name === 'ReplyError' || 'command' in error;

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
