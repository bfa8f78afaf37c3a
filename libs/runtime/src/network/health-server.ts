import { LIMITS, keepHealthThread, type HealthLimits, type HealthThreadData } from './health-thread.ts';
import type { Logger } from '../logging/logger.ts';
import { listenFailure } from './listen-failure.ts';

const BEAT_EVERY_MS = 250;

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
  /** What `/healthz` says; 503 until the first call, and if there was none for 8 s. */
  report(isHealthy: boolean): void;
  /** Can be repeated. The port is free when it has resolved. */
  close(): Promise<void>;
}

/**
 * Starts an HTTP server: GET /healthz answers 200 or 503, and so does GET /livez, which does not ask what is
 * reported; GET /metrics the Prometheus text format. It runs on a thread of its own, so that health is
 * answered in time whatever holds up the event loop, with 503 if that lasts. Rejects with a StartError that
 * names the variable of the address if it cannot listen there.
 */
export const startHealthServer = async ({
  address,
  variable,
  metrics,
  logger,
  limits,
}: HealthServerOptions): Promise<HealthServer> => {
  const { hostname, port } = new URL(`http://${address}`);
  const shared = new SharedArrayBuffer(3 * BigInt64Array.BYTES_PER_ELEMENT);
  const state = new BigInt64Array(shared);
  const beat = () => void Atomics.store(state, 0, process.hrtime.bigint());
  beat();
  const report = (isHealthy: boolean): void => {
    Atomics.store(state, 2, process.hrtime.bigint());
    Atomics.store(state, 1, isHealthy ? 1n : 0n);
  };
  const host = hostname.replace(/^\[|\]$/g, '');
  const data: HealthThreadData = {
    host,
    port: Number(port || 80),
    shared,
    limits: { ...LIMITS, ...limits },
  };
  const thread = await keepHealthThread(data, { metrics, logger }).catch(async (error: unknown) => {
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
    report,
    close: () => (closing ??= close()),
  };
};
