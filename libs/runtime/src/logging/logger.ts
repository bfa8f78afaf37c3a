import { pino, type Logger as PinoLogger, type LoggerOptions } from 'pino';
import type { LogEvent } from './events/log-event.ts';
import { logEvents, type LogEventName } from './log-events.ts';
import { describeError } from './describe-error.ts';
import { asText } from './text-line.ts';
import { createLineOutput, openNonBlocking, type LineOutput } from './line-output.ts';

/** Logs events of the table, and nothing else. */
export interface Logger {
  /** Logs an event at its level. Fields are named in snake_case, with their units. */
  event(name: LogEventName, fields?: Record<string, unknown>, message?: string): void;
  /** A logger that adds these fields to each line. */
  child(bindings: Record<string, unknown>): Logger;
}

/** A process has one output of its log, which all its loggers share. */
let standardOutput: LineOutput | undefined;

interface LogTarget {
  /** `text` is for people: time, level, event, message and fields on one line. */
  format?: 'json' | 'text';
  /** Standard output, or standard error if standard output belongs to another program. */
  fd?: 1 | 2;
}

/**
 * Writes one JSON object per line to standard output; JSON escapes whatever an id may contain. Errors are
 * logged as `describeError` describes them. A line that standard output does not accept is dropped: logging
 * neither throws nor blocks.
 */
export const createLogger = (
  app: string,
  level: string,
  { format = 'json', fd = 1 }: LogTarget = {},
): Logger => {
  standardOutput ??= createLineOutput(
    () => openNonBlocking(fd),
    (dropped, code) => droppedLine(app, dropped, code),
  );
  const options: LoggerOptions = {
    base: { app },
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: describeError },
  };
  const output = standardOutput;
  return logTo(pino(options, format === 'json' ? output : { write: (line) => output.write(asText(line)) }));
};

const logTo = (output: PinoLogger): Logger => ({
  event: (name, fields, message) => {
    const { level, message: usual, always }: LogEvent = logEvents[name];
    const line = always ? output.child({}, { level }) : output;
    line[level]({ event: name, ...fields }, message ?? usual);
  },
  child: (bindings) => logTo(output.child(bindings)),
});

/** The report of dropped lines: it bypasses the logger, whose lines were dropped. */
const droppedLine = (app: string, dropped: number, code: string): string => {
  const event = 'log_lines_dropped' satisfies LogEventName;
  const msg = `${dropped} log lines were dropped: standard output did not accept them (${code})`;
  const time = new Date().toISOString();
  return `${JSON.stringify({ level: logEvents[event].level, time, app, event, dropped, msg })}\n`;
};

/** The number of lines that standard output has not accepted since the start. */
export const droppedLogLines = (): number => standardOutput?.dropped() ?? 0;

/** Tries once more to write the queued lines, before the process ends. */
export const flushLog = (): void => standardOutput?.flush();
