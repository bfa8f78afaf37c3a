import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../logging/logger.ts';
import { listenFailure } from './listen-failure.ts';

/** What the program of the thread receives: `health-thread.cjs`. */
export interface HealthThreadData {
  host: string;
  port: number;
  /** Two BigInt64: the time of the last beat in ns, as of `process.hrtime`, and 1 while healthy. */
  shared: SharedArrayBuffer;
  limits: HealthLimits;
}
type HealthLimits = typeof LIMITS;
type FromThread =
  { listening: number } | { failed: { code?: string; message: string } } | { metrics: number };

const LIMITS = {
  /** A prober connects now and then; whoever connects more often, or sends slowly, holds little. */
  connections: 1000,
  requestMs: 10_000,
  metricsAtOnce: 10,
  /** Longer than any flood has held up the event loop, on a machine with a third of a core for it (3.5 s). */
  stuckAfterMs: 5000,
};
const BEAT_EVERY_MS = 250;
/** V8's own options, if the process has any, are used instead. */
const HEAP = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 };
const PROGRAM = fileURLToPath(new URL('../../health-thread.cjs', import.meta.url));
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

interface HealthServerOptions {
  address: string;
  /** The variable of the address, for the error if the server cannot listen there. */
  variable: string;
  /** In the text format of Prometheus. */
  metrics: () => Promise<string>;
  logger: Pick<Logger, 'event'>;
  /** Shorter times, for specs. */
  limits?: Partial<HealthLimits>;
}

export interface HealthServer {
  /** With the port that was chosen, if none was given. */
  address: string;
  /** What `/healthz` says from now on; 503 until the first call. */
  report(isHealthy: boolean): void;
  /** Can be repeated. The port is free when it has resolved. */
  close(): Promise<void>;
}

const startThread = (data: HealthThreadData): Worker =>
  // No variable or option of the process is for the thread: it gets neither secrets nor what is preloaded.
  new Worker(PROGRAM, { workerData: data, name: 'health', resourceLimits: HEAP, env: {}, execArgv: [] });

/** Why a thread has ended; undefined while it runs. */
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
    metrics().then(
      (text) => {
        // Outside of the heap of the thread, which is small.
        const bytes = new TextEncoder().encode(text);
        thread.postMessage({ id, bytes }, [bytes.buffer]);
      },
      () => thread.postMessage({ id }),
    );
  });

/**
 * Keeps a thread running until it is closed. Rejects if the first one cannot listen. One that ends is replaced
 * on the same port, after a pause that doubles as long as each ends soon.
 */
const keepThread = async (
  first: HealthThreadData,
  { metrics, logger }: Pick<HealthServerOptions, 'metrics' | 'logger'>,
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

/**
 * Starts an HTTP server: GET /healthz answers 200 or 503, GET /metrics the Prometheus text format. It runs on a
 * thread of its own, so that `/healthz` is answered in time whatever holds up the event loop, and says 503 if
 * that lasts. Rejects with a StartError that names the variable of the address if it cannot listen there.
 */
export const startHealthServer = async ({
  address,
  variable,
  metrics,
  logger,
  limits,
}: HealthServerOptions): Promise<HealthServer> => {
  const { hostname, port } = new URL(`http://${address}`);
  const shared = new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT);
  const state = new BigInt64Array(shared);
  const beat = () => void Atomics.store(state, 0, process.hrtime.bigint());
  beat();
  const host = hostname.replace(/^\[|\]$/g, '');
  const data = { host, port: Number(port || 80), shared, limits: { ...LIMITS, ...limits } };
  const thread = await keepThread(data, { metrics, logger }).catch(async (error: unknown) => {
    throw await listenFailure(error, { address, variable });
  });
  const beating = setInterval(beat, BEAT_EVERY_MS);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    clearInterval(beating);
    return thread.close();
  };
  return {
    address: `${hostname}:${thread.port}`,
    report: (isHealthy) => void Atomics.store(state, 1, isHealthy ? 1n : 0n),
    close: () => (closing ??= close()),
  };
};
