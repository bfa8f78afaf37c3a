import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { processId, startPresence } from '@rekey/ledger';
import { nextUlid, startHealthServer, version, watchWrites, type HealthServer } from '@rekey/runtime';
import { maxUnknownsInAll } from '../config.ts';
import { ownClockDoubt } from '../upkeep/clock-watch.ts';
import type { Parts } from './parts.ts';

/** How many consumers the presence names. */
const MAX_NAMED = 10;

/** Serves health and metrics if WORKER_HEALTH_ADDRESS is set. `close` can be repeated. */
export const serveHealth = async ({
  config,
  logger,
  shutdown,
  redis,
  stores,
  status,
}: Pick<Parts, 'config' | 'logger' | 'shutdown' | 'redis' | 'stores' | 'status'>): Promise<
  Pick<HealthServer, 'address' | 'close'> | undefined
> => {
  const address = config.WORKER_HEALTH_ADDRESS;
  if (!address) return undefined;
  const server = await startHealthServer({
    address,
    variable: 'WORKER_HEALTH_ADDRESS',
    metrics: status.meter.render,
    logger,
  });
  const mark = stores.ledger.keys.health(nextUlid());
  const writes = watchWrites(redis, mark, (fault) => server.report(fault === undefined));
  const close = (): Promise<void> => {
    writes.close();
    return server.close();
  };
  shutdown.defer('health', close);
  return { address: server.address, close };
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
