import { pino, type Logger as PinoLogger, type LoggerOptions } from 'pino';
import { logEvents, type LogEventName } from './log-events.ts';
import { describeError } from './describe-error.ts';
import { createLineOutput, openNonBlocking, type LineOutput } from './line-output.ts';

export interface Logger extends Omit<PinoLogger, 'child'> {
  /** A logger that adds these fields to each line. */
  child(bindings: Record<string, unknown>): Logger;
  /** Logs an event of the table, at its level. Fields are named in snake_case, with their units. */
  event(name: LogEventName, fields?: Record<string, unknown>, message?: string): void;
}

/** A process has one standard output, which all its loggers share. */
let standardOutput: LineOutput | undefined;

/**
 * Writes one JSON object per line to standard output; JSON escapes whatever an id may contain. Errors are
 * logged as `describeError` describes them. A line that standard output does not accept is dropped: logging
 * neither throws nor blocks.
 */
export const createLogger = (app: string, level: string): Logger => {
  standardOutput ??= createLineOutput(
    () => openNonBlocking(1),
    (dropped, code) => droppedLine(app, dropped, code),
  );
  const options: LoggerOptions = {
    base: { app },
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
  };
  return Object.assign(pino(options, standardOutput), { event: logEvent }) as unknown as Logger;
};

/** The report of dropped lines: it bypasses the logger, whose lines were dropped. */
const droppedLine = (app: string, dropped: number, code: string): string => {
  const event = 'log_lines_dropped' satisfies LogEventName;
  const msg = `${dropped} log lines were dropped: standard output did not accept them (${code})`;
  const time = new Date().toISOString();
  return `${JSON.stringify({ level: logEvents[event].level, time, app, event, dropped, msg })}\n`;
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

/** The number of lines that standard output has not accepted since the start. */
export const droppedLogLines = (): number => standardOutput?.dropped() ?? 0;

/** Tries once more to write the queued lines, before the process ends. */
export const flushLog = (): void => standardOutput?.flush();

/** Logs that a process serves, at every log level: launchers and people wait for this line. */
export const reportReady = (logger: Logger, details: Record<string, unknown>): void => {
  const pinoLogger = logger as unknown as { child(bindings: object, options: { level: string }): Logger };
  pinoLogger.child({}, { level: 'info' }).event('ready', details);
};
