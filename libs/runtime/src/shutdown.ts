import type { z } from 'zod';
import { parseEnvironment } from './config.ts';
import { createLogger, type Logger } from './logger.ts';
import { StartError } from './start-error.ts';

/** What has to be undone before the process may end: last in, first out, every one in spite of errors, all within a deadline. */
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
const explainsItself = (err: unknown): err is Error => err instanceof StartError || (err instanceof Error && ['KeyFileError', 'ApiKeyFileError'].includes(err.name));

/**
 * Runs a process: parses its environment, then starts it. SIGTERM and SIGINT shut it down in order and end it with 0; a second
 * signal, or the deadline, ends it at once with 1. A failure at the start is reported, and ends it with 1 too: a StartError by its message alone.
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
    process.stderr.write(`${app}: ${(error as Error).message}\n`);
    process.exit(1);
  }
  const logger = createLogger(app, config.LOG_LEVEL);
  const shutdown = createShutdown(logger);
  const end = async (code: number) => {
    setTimeout(() => {
      logger.error('the shutdown took too long');
      process.exit(1);
    }, config.REKEY_SHUTDOWN_TIMEOUT_MS).unref();
    await shutdown.run();
    process.exit(code);
  };
  let signalled = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (signalled) process.exit(1);
    signalled = true;
    logger.info({ signal }, 'shutting down');
    void end(0);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('unhandledRejection', (err) => logger.error({ err }, 'a rejection that nobody handled'));
  process.on('uncaughtException', (err) => {
    if (explainsItself(err)) logger.fatal(err.message);
    else logger.fatal({ err }, 'an error that nobody caught');
    void end(1);
  });
  try {
    await main(config, logger, shutdown);
  } catch (err) {
    // What was begun fails when what it needs is closed; the process ends as it was told.
    if (signalled) return;
    if (explainsItself(err)) logger.fatal({ code: (err as { code?: string }).code }, `could not start: ${err.message}`);
    else logger.fatal({ err }, 'could not start');
    await end(1);
  }
};
