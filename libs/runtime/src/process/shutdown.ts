import type { Logger } from '../logging/logger.ts';

/** What has to be released before the process ends: last in, first out, each in spite of errors of others. */
export interface Shutdown {
  defer(name: string, release: () => void | Promise<void>): void;
  /** Runs the releases once; further calls return the same promise. */
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
        logger.event('release_failed', { err, release: name });
      }
    }
  };
  return {
    defer: (name, release) => releases.push({ name, release }),
    run: () => (running ??= releaseAll()),
  };
};
