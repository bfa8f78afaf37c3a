import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { processId, startPresence } from '@rekey/ledger';
import { nextUlid, startHealthServer, version, probeWrite } from '@rekey/runtime';
import { maxUnknownsInAll } from '../config.ts';
import { ownClockDoubt } from '../upkeep/clock-watch.ts';
import type { Parts } from './parts.ts';

const HEALTHY_WITHIN_MS = 1000;
/** How many consumers the presence names. */
const MAX_NAMED = 10;

/** Serves health and metrics if WORKER_HEALTH_ADDRESS is set. `close` can be repeated. */
export const serveHealth = async ({
  config,
  shutdown,
  redis,
  stores,
  status,
}: Pick<Parts, 'config' | 'shutdown' | 'redis' | 'stores' | 'status'>): Promise<
  { address: string; close(): Promise<void> } | undefined
> => {
  const address = config.WORKER_HEALTH_ADDRESS;
  if (!address) return undefined;
  const mark = stores.ledger.keys.health(nextUlid());
  const health = await startHealthServer(
    { address, variable: 'WORKER_HEALTH_ADDRESS' },
    {
      healthy: async () => (await probeWrite(redis, mark, HEALTHY_WITHIN_MS)) === undefined,
      metrics: status.meter.render,
    },
  );
  shutdown.defer('health', () => health.close());
  return health;
};

const registryProof = (registry: string | undefined): { registry?: string } =>
  registry === undefined ? {} : { registry };

/** Records in the ledger that this worker is live, and its settings. */
export const showPresence = (parts: Parts): void => {
  const { config, timing, logger, shutdown, clock, stores, recipients } = parts;
  const id = processId({
    kind: 'worker',
    host: hostname(),
    pid: process.pid,
    random: randomBytes(4).toString('hex'),
  });
  const presence = startPresence(
    stores.ledger.processes,
    () => ({
      id,
      kind: 'worker',
      roles: ['rotating', 'sweeping'],
      version,
      settings: {
        egress: config.INVENT_EGRESS,
        sweepEveryMs: config.REKEY_SWEEP_EVERY_MS,
        landingWindowMs: timing.landsWithinMs,
        maxUnknowns: config.REKEY_MAX_UNKNOWNS,
        maxUnknownsInAll: maxUnknownsInAll(config),
        archives: config.REKEY_ARCHIVE_DIR !== undefined,
        archiveRequired: config.REKEY_ARCHIVE_REQUIRED,
        observeOnly: config.REKEY_OBSERVE_ONLY,
        ...ownClockDoubt(clock.doubt()),
        ...registryProof(stores.ledger.registry.presence(id, recipients.rev())),
        notSealedFor: recipients.notSealedFor().slice(0, MAX_NAMED),
      },
    }),
    (err) => logger.event('presence_not_recorded', { err }),
  );
  shutdown.defer('presence', () => presence.close());
};
