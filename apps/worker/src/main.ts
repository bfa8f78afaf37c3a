import '@rekey/runtime/check-node';
import { FOLLOW_UPS_QUEUE, createRotationQueue } from '@rekey/ledger';
import { runProcess } from '@rekey/runtime';
import { createSealer, loadKeyFile } from '@rekey/sealing';
import { WorkerEnvironment, workerTiming } from './config.ts';
import { followArchive, startArchive } from './wiring/archive.ts';
import { connectInvent, loadApiKeys } from './wiring/invent.ts';
import { createStores, joinLedger } from './wiring/ledger.ts';
import { firstRun } from './upkeep/housekeeping.ts';
import { establishOrgAlias, startConfiguredOrgs, startOrgAlias } from './wiring/orgs.ts';
import { createWork, loadRecipients, type Parts } from './wiring/parts.ts';
import { schedulePolicies, startPolicies } from './wiring/policies.ts';
import { serveHealth, showPresence } from './wiring/presence.ts';
import { connectRedis } from './wiring/redis.ts';
import { joinRegistry } from './wiring/registry.ts';
import { createRotating, startBulks, startRotations } from './wiring/rotation.ts';
import { followStatus } from './wiring/status.ts';
import {
  compareAfterRestarts,
  enrolConsumers,
  followConsumers,
  keepHouse,
  queueMender,
} from './wiring/upkeep.ts';
import { startChecks, startSweeps, sweepDeps } from './wiring/verification.ts';

await runProcess('worker', WorkerEnvironment, async (config, logger, shutdown) => {
  const stop = new AbortController();
  const base = { config, timing: workerTiming(config), logger, shutdown, stopping: stop.signal };

  const keyFile = await loadKeyFile(config.REKEY_KEY_FILE, {
    variable: 'REKEY_KEY_FILE',
    mounted: config.REKEY_MOUNTED_SECRETS,
  });
  if (keyFile.exposed) logger.event('key_file_exposed');
  const sealer = createSealer(keyFile);

  const { connections, redis } = await connectRedis(base);
  const stores = createStores(base, { redis, connections }, sealer);
  const { clock, memory } = await joinLedger(base, redis, stores, sealer);
  const status = followStatus(base, clock, stores, sealer);
  await joinRegistry(base, stores, sealer, () => serveHealth({ ...base, redis, stores, status }));
  const archive = await followArchive(base, stores, sealer);
  startArchive(base, stores, sealer);
  const apiKeys = loadApiKeys(base);
  const recipients = await loadRecipients(base, stores, sealer);
  const upstream = connectInvent(base, apiKeys, stores, recipients, status.meter);
  const parts: Parts = {
    ...base,
    redis,
    connections,
    sealer,
    stores,
    clock,
    memory,
    archive,
    status,
    recipients,
    upstream,
  };
  const work = createWork(parts);
  const orgAlias = await establishOrgAlias(parts, work);

  const followUps = createRotationQueue(redis, stores.ledger.keys, FOLLOW_UPS_QUEUE);
  shutdown.defer('follow-ups', () => followUps.close());
  const check = startChecks(parts, work);
  followConsumers(parts, work);
  const mendQueues = queueMender(parts);
  await firstRun(logger, 'mend queues', mendQueues);
  const alignPolicies = await schedulePolicies(parts);
  const sweeping = sweepDeps(parts, work, check);
  const sweeps = await startSweeps(parts, sweeping, orgAlias);
  keepHouse(parts, mendQueues, followUps, alignPolicies, sweeps);
  const redisRuns = compareAfterRestarts(parts, sweeps);
  startPolicies(parts);

  const rotating = createRotating(parts, work);
  enrolConsumers(parts, redisRuns);
  startOrgAlias(parts, orgAlias, sweeps);
  await startConfiguredOrgs(parts);
  startRotations(parts, rotating, followUps);
  startBulks(parts, rotating, followUps, sweeping);
  shutdown.defer('stopping', () => stop.abort());
  if (config.REKEY_OBSERVE_ONLY) logger.event('observe_only');

  const health = await serveHealth(parts);
  showPresence(parts);
  shutdown.defer('connections of a Redis that is away', () =>
    connections.closeUnresponsive({ hasUnsavedResults: () => rotating.unpublished.count() > 0 }),
  );
  logger.event('ready', {
    ...(health && { address: health.address }),
    concurrency: String(config.WORKER_CONCURRENCY),
  });
});
