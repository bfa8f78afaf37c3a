import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { parseEnvironment } from '../config/environment.ts';
import { createLineOutput, ignoreOutputErrors, openNonBlocking } from '../logging/line-output.ts';
import { createLogger, describeError, flushLog, type Logger } from '../logger.ts';
import { StartError } from './start-error.ts';

/**
 * What has to be undone before the process may end: last in, first out, every one in spite of errors, all
 * within a deadline.
 */
export interface Shutdown {
  defer(name: string, release: () => void | Promise<void>): void;
  /** Runs the releases once; further calls get the same promise. */
  run(): Promise<void>;
}

export const createShutdown = (logger: Logger): Shutdown => {
  const releases: { name: string; release: () => void | Promise<void> }[] = [];
  let running: Promise<void> | undefined;
  const releaseAll = async () => {
    for (const { name, release } of releases.toReversed()) {
      try {
        await release();
      } catch (err) {
        logger.error({ err, release: name }, 'a part did not close');
      }
    }
  };
  return {
    defer: (name, release) => releases.push({ name, release }),
    run: () => (running ??= releaseAll()),
  };
};

interface ProcessConfig {
  LOG_LEVEL: string;
  REKEY_SHUTDOWN_TIMEOUT_MS: number;
}

/** Errors of what an operator gave, whose messages say what to change: a stack adds nothing. */
const explainsItself = (err: unknown): err is Error =>
  err instanceof StartError ||
  (err instanceof Error && ['KeyFileError', 'ApiKeyFileError'].includes(err.name));

/** What ends a process in order: a supervisor, Ctrl-C, and a terminal that is closed. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Ctrl-C reaches a process twice, from the terminal and from npm, which forwards it; so does the end of a
 * terminal, from the kernel and from the shell.
 */
const ONE_REQUEST_MS = 1000;

/**
 * Calls `stop` at the first signal that asks for an end, and `endAtOnce` at one that comes a second or more
 * after it.
 */
export const onStopSignal = (stop: (signal: NodeJS.Signals) => void, endAtOnce: () => void): void => {
  let firstMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstMs === undefined) {
      firstMs = performance.now();
      stop(signal);
    } else if (performance.now() - firstMs >= ONE_REQUEST_MS) {
      endAtOnce();
    }
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
};

const LOOK_FOR_PARENT_EVERY_MS = 500;

/**
 * A process with a session of its own was detached on purpose (`setsid`, a supervisor). Only Linux says so.
 */
const leadsSession = (): boolean => {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(session) === process.pid;
  } catch {
    return false;
  }
};

/**
 * Calls back once the parent of this process has ended: a kill often reaches only npm, or only the shell
 * between npm and this process. For processes whose parent waits for them. `npm_lifecycle_event` does not
 * tell: every descendant of npm has it, also one that an npm script starts in the background to outlive npm.
 */
export const onParentExit = (gone: () => void): void => {
  if (leadsSession()) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, LOOK_FOR_PARENT_EVERY_MS).unref();
};

/**
 * As `onParentExit`, for a process that an npm script of this repository runs: only those set
 * `REKEY_FOLLOW_PARENT`.
 */
export const onNpmExit = (gone: () => void): void => {
  if (process.env['REKEY_FOLLOW_PARENT'] === '1') onParentExit(gone);
};

/** Standard error is best effort: what it does not take is lost, and ends nothing. */
const complain = (text: string): void => {
  createLineOutput(
    () => openNonBlocking(2),
    () => '',
  ).write(`${text}\n`);
};

/**
 * Runs a process: parses its environment, then starts it. SIGTERM, SIGINT and SIGHUP shut it down in order
 * and end it with 0; a further signal after a second, or the deadline, ends it at once with 1. A failure at
 * the start is reported, in the log and in plain words on standard error, and ends it with 1 too: a
 * StartError by its message alone.
 */
export const runProcess = async <T extends z.ZodType<ProcessConfig>>(
  app: string,
  environment: T,
  main: (config: z.output<T>, logger: Logger, shutdown: Shutdown) => Promise<void>,
): Promise<void> => {
  let config: z.output<T>;
  try {
    config = parseEnvironment(environment, process.env);
  } catch (error) {
    complain(`${app}: ${(error as Error).message}`);
    process.exit(1);
  }
  const logger = createLogger(app, config.LOG_LEVEL);
  process.on('exit', flushLog);
  ignoreOutputErrors();
  const shutdown = createShutdown(logger);
  let code = 0;
  let ending: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    setTimeout(() => {
      logger.error('the shutdown took too long');
      process.exit(1);
    }, config.REKEY_SHUTDOWN_TIMEOUT_MS).unref();
    await shutdown.run();
    process.exit(code);
  };
  const end = (): Promise<void> => (ending ??= release());
  const onSignal = (signal: NodeJS.Signals) => {
    logger.info({ signal }, 'shutting down');
    void end();
  };
  onStopSignal(onSignal, () => process.exit(1));
  onNpmExit(() => onSignal('SIGHUP'));
  process.on('unhandledRejection', (err) => logger.error({ err }, 'a rejection that nobody handled'));
  process.on('uncaughtException', (err) => {
    code = 1;
    if (explainsItself(err)) logger.fatal(err.message);
    else logger.fatal({ err }, 'an error that nobody caught');
    void end();
  });
  try {
    await main(config, logger, shutdown);
  } catch (err) {
    // What was begun fails when what it needs is closed; the process ends as it was told.
    if (ending) return;
    code = 1;
    if (explainsItself(err))
      logger.fatal({ code: (err as { code?: string }).code }, `could not start: ${err.message}`);
    else logger.fatal({ err }, 'could not start');
    const { name, message = name } = describeError(err);
    complain(`${app}: could not start: ${message}`);
    await end();
  }
};
