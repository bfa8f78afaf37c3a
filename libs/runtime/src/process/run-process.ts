import nodeModule from 'node:module';
import type { z } from 'zod';
import { parseEnvironment } from '../config/environment.ts';
import { createLogger, flushLog, type Logger } from '../logging/logger.ts';
import { describeError } from '../logging/describe-error.ts';
import { createLineOutput, ignoreOutputErrors, openNonBlocking } from '../logging/line-output.ts';
import { onNpmExit } from './parent-exit.ts';
import { createShutdown, type Shutdown } from './shutdown.ts';
import { StartError } from './start-error.ts';
import { onStopSignal } from './stop-signals.ts';

interface ProcessConfig {
  LOG_LEVEL: string;
  REKEY_SHUTDOWN_TIMEOUT_MS: number;
}

/** Errors in what an operator supplied, whose messages say what to change: a stack adds nothing. */
const explainsItself = (err: unknown): err is Error & { code?: string } =>
  err instanceof StartError ||
  (err instanceof Error && ['KeyFileError', 'ApiKeyFileError'].includes(err.name));

/** Writes to standard error, as far as that accepts it: an error there ends nothing. */
const complain = (text: string): void => {
  createLineOutput(
    () => openNonBlocking(2),
    () => '',
  ).write(`${text}\n`);
};

/** The configuration; ends the process with 1 if the environment is invalid. */
const readConfig = <T extends z.ZodType<ProcessConfig>>(app: string, environment: T): z.output<T> => {
  try {
    return parseEnvironment(environment, process.env);
  } catch (error) {
    complain(`${app}: ${(error as Error).message}`);
    process.exit(1);
  }
};

/**
 * Runs a process: parses its environment, then starts it. SIGTERM, SIGINT and SIGHUP shut it down in order
 * and end it with 0. Another signal after a second, or the deadline, ends it at once with 1. A failure at the
 * start ends it with 1, and is reported in the log and in plain words on standard error: a StartError by its
 * message alone.
 */
export const runProcess = async <T extends z.ZodType<ProcessConfig>>(
  app: string,
  environment: T,
  main: (config: z.output<T>, logger: Logger, shutdown: Shutdown) => Promise<void>,
): Promise<void> => {
  const config = readConfig(app, environment);
  const logger = createLogger(app, config.LOG_LEVEL);
  process.on('exit', flushLog);
  ignoreOutputErrors();
  const shutdown = createShutdown(logger);
  let code = 0;
  let ending: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    setTimeout(() => {
      logger.event('shutdown_timed_out');
      process.exit(1);
    }, config.REKEY_SHUTDOWN_TIMEOUT_MS).unref();
    await shutdown.run();
    process.exit(code);
  };
  const end = (): Promise<void> => (ending ??= release());
  const onSignal = (signal: NodeJS.Signals) => {
    logger.event('shutting_down', { signal });
    void end();
  };
  onStopSignal(onSignal, () => process.exit(1));
  onNpmExit(() => onSignal('SIGHUP'));
  process.on('unhandledRejection', (err) => logger.event('unhandled_rejection', { err }));
  process.on('uncaughtException', (err) => {
    code = 1;
    if (explainsItself(err)) logger.event('process_failed', {}, err.message);
    else logger.event('uncaught_exception', { err });
    void end();
  });
  try {
    await main(config, logger, shutdown);
    // Otherwise kept at the exit, which a kill prevents. An old Node, which has to get as far as its refusal,
    // has no such export.
    nodeModule.flushCompileCache();
  } catch (err) {
    // The shutdown closes what a start needs, and the start then fails. That is no failure.
    if (ending) return;
    code = 1;
    if (explainsItself(err))
      logger.event('start_failed', { code: err.code }, `could not start: ${err.message}`);
    else logger.event('start_failed', { err });
    const { name, message = name } = describeError(err);
    complain(`${app}: could not start: ${message}`);
    await end();
  }
};
