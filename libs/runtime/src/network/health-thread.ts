import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../logging/logger.ts';

export const LIMITS = {
  /** A prober connects now and then; whoever connects more often, or sends slowly, holds little. */
  connections: 1000,
  requestMs: 10_000,
  metricsAtOnce: 10,
  /** Longer than any flood has held up the event loop, on a machine with a third of a core for it (3.5 s). */
  stuckAfterMs: 5000,
  /** How old a healthy report may be: a pause, a second for the answer, and a loop that is held up. */
  reportedWithinMs: 8000,
};
export type HealthLimits = typeof LIMITS;

/** What the program of the thread receives. */
export interface HealthThreadData {
  host: string;
  port: number;
  /** Three BigInt64: when the last beat was, as of `process.hrtime`; 1 while healthy; when that was told. */
  shared: SharedArrayBuffer;
  limits: HealthLimits;
}
type FromThread =
  { listening: number } | { failed: { code?: string; message: string } } | { metrics: number };

/** What the main thread does for it. */
interface MainThread {
  /** In the text format of Prometheus. */
  metrics: () => Promise<string>;
  logger: Pick<Logger, 'event'>;
}

/** V8's own options, if the process has any, are used instead. */
const HEAP = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };
const PROGRAM = fileURLToPath(new URL('../../health-thread.cjs', import.meta.url));
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

const startThread = (data: HealthThreadData): Worker =>
  // No variable or option of the process is for the thread: it gets neither secrets nor what is preloaded.
  new Worker(PROGRAM, { workerData: data, name: 'health', resourceLimits: HEAP, env: {}, execArgv: [] });

/** Why a thread has ended, when it has. */
const whenEnded = (thread: Worker): Promise<Error> =>
  new Promise((resolve) => {
    thread.once('error', resolve);
    thread.once('exit', (code) => resolve(new Error(`the thread ended with ${code}`)));
  });

const listens = (thread: Worker): Promise<number> =>
  new Promise((resolve, reject) => {
    thread.on('message', (message: FromThread) => {
      if ('listening' in message) resolve(message.listening);
      if ('failed' in message) reject(Object.assign(new Error(message.failed.message), message.failed));
    });
    void whenEnded(thread).then(reject);
  });

/** Sends what the thread asks for. */
const answer = (thread: Worker, metrics: () => Promise<string>): void =>
  void thread.on('message', (message: FromThread) => {
    if (!('metrics' in message)) return;
    const id = message.metrics;
    const render = async () => metrics();
    render().then(
      (text) => {
        // Outside of the heap of the thread, which is small.
        const bytes = new TextEncoder().encode(text);
        thread.postMessage({ id, bytes }, [bytes.buffer]);
      },
      () => thread.postMessage({ id }, []),
    );
  });

/**
 * Keeps a thread running until it is closed. Rejects if the first one cannot listen. One that ends is
 * replaced on the same port, after a pause that doubles as long as each ends soon.
 */
export const keepHealthThread = async (
  first: HealthThreadData,
  { metrics, logger }: MainThread,
): Promise<{ port: number; close(): Promise<void> }> => {
  let pauseMs = FIRST_PAUSE_MS;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let thread: Worker;
  const start = async (data: HealthThreadData): Promise<number> => {
    const begun = performance.now();
    thread = startThread(data);
    const own = thread;
    answer(own, metrics);
    const port = await listens(own).catch(async (error: unknown) => {
      await own.terminate();
      throw error;
    });
    void whenEnded(own).then((err) => {
      if (performance.now() - begun > 2 * LONGEST_PAUSE_MS) pauseMs = FIRST_PAUSE_MS;
      startAgain({ ...data, port }, err);
    });
    return port;
  };
  const startAgain = (data: HealthThreadData, err: unknown): void => {
    if (closed) return;
    logger.event('health_server_failed', { err, again_in_ms: pauseMs });
    timer = setTimeout(() => {
      start(data).then(
        () => logger.event('health_server_restarted'),
        (error: unknown) => startAgain(data, error),
      );
    }, pauseMs);
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  };
  const port = await start(first);
  return {
    port,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await thread.terminate();
    },
  };
};
