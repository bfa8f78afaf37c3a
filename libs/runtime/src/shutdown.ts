import type { Logger } from './logger.ts';

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
    for (const { name, release } of releases.reverse()) {
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

/**
 * Runs a process: SIGTERM and SIGINT shut down in order and end it with 0; a second signal, or the deadline, ends it at once
 * with 1. What fails at the start is reported in one line, and ends it with 1 too.
 */
export const runProcess = async (logger: Logger, deadlineMs: number, main: (shutdown: Shutdown) => Promise<void>): Promise<void> => {
  const shutdown = createShutdown(logger);
  const end = async (code: number) => {
    setTimeout(() => {
      logger.error('the shutdown took too long');
      process.exit(1);
    }, deadlineMs).unref();
    await shutdown.run();
    logger.flush();
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
    logger.fatal({ err }, 'an error that nobody caught');
    void end(1);
  });
  try {
    await main(shutdown);
  } catch (err) {
    logger.fatal({ err }, err instanceof Error ? err.message : 'could not start');
    await end(1);
  }
};
