import type { Logger, Shutdown } from '@rekey/runtime';
import type { WorkerEnvironment, WorkerTiming } from '../config.ts';

/** What every part of the worker is made with. */
export interface Base {
  config: WorkerEnvironment;
  timing: WorkerTiming;
  logger: Logger;
  shutdown: Shutdown;
  /** Aborts as the first step of the shutdown. */
  stopping: AbortSignal;
}
