import { createTcpProxy, launchApp, type App, type TcpProxy } from '@rekey/testing';
import { ORG } from './assistants.ts';
import { insist } from './insist.ts';
import { API_KEY } from './simulator.ts';
import { timing, timingUnderFaults } from './timing.ts';

/** A worker process, and proxies between it and Redis and upstream that are its own. */
export interface WorkerSlot {
  /** Undefined while the process is down, or while a fault has taken it over. */
  app: App | undefined;
  redis: TcpProxy;
  upstream: TcpProxy;
  environment: Record<string, string>;
  /** Starts a process in this slot. */
  start(): Promise<App>;
}

interface WorkerSettings {
  rotations: number;
  keyFile: string;
  maxUnknowns: number;
  hasFaults: boolean;
  odd: boolean;
  /** The folder that workers archive to. */
  archive: string | undefined;
  /** Repeats a start that is refused: something else writes to Redis. */
  insists: boolean;
}

/** Many times what workers need. The limit exists so that a 429 closes a budget, as it does in production. */
const ODD_REQUESTS_PER_MINUTE = 60_000;

const environmentOf = ({ rotations, keyFile, maxUnknowns, hasFaults, odd, archive }: WorkerSettings) => ({
  // Short segments: a killed worker often leaves one that it was closing.
  ...(archive !== undefined && { REKEY_ARCHIVE_DIR: archive, REKEY_ARCHIVE_SEGMENT_MS: '1000' }),
  ...timing,
  ...((hasFaults || odd) && timingUnderFaults),
  INVENT_API_KEY: API_KEY,
  // A run without faults counts each request. With a configured org, workers make none to find out what `c`
  // is.
  ...(!hasFaults && !odd && { INVENT_ORG_ID: ORG }),
  // The usual world rotates so often by hand that a sweep would hold an org with few assistants.
  ...(!odd && { REKEY_MAX_CHANGED_PERCENT: '100' }),
  INVENT_REQUESTS_PER_MINUTE: odd ? String(ODD_REQUESTS_PER_MINUTE) : '0',
  REKEY_KEY_FILE: keyFile,
  REKEY_MAX_UNKNOWNS: String(maxUnknowns),
  REKEY_KEEP_ROTATIONS: '1000000',
  REKEY_KEEP_EVENTS: String(Math.min(rotations * 20 + 100_000, 10_000_000)),
  LOG_LEVEL: 'info',
});

interface WorkerPorts {
  redis: number;
  upstream: number;
}

/** Starts a worker and its proxies. */
export const startWorkerSlot = async (
  ports: WorkerPorts,
  settings: WorkerSettings,
  onLine: (line: string) => void,
): Promise<WorkerSlot> => {
  const redis = await createTcpProxy({ port: ports.redis });
  const upstream = await createTcpProxy({ port: ports.upstream });
  const environment = {
    ...environmentOf(settings),
    REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    INVENT_BASE_URL: `http://127.0.0.1:${upstream.port}`,
  };
  const launch = () => launchApp('worker', { env: environment, onLine });
  const start = () => (settings.insists ? insist(launch) : launch());
  return { app: await start(), redis, upstream, environment, start };
};
