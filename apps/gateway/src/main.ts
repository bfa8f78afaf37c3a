import '@rekey/runtime/check-node';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import {
  createBulks,
  createConsumerPositions,
  createConsumers,
  createLedger,
  createLedgerClock,
  createPolicies,
  createPolicyQueue,
  createProcesses,
  createRequestBudget,
  createRotationQueue,
  createSweepQueue,
  createSweeps,
  createSystem,
  missingRights,
  processId,
  readOrgName,
  startLedgerWatch,
  startPresence,
} from '@rekey/ledger';
import { setLogger } from '@grpc/grpc-js';
import { loadContract } from '@rekey/rpc';
import {
  STOP_ACCEPTING_AT,
  createRedisConnections,
  createReplicaConfirmation,
  guardRedis,
  listenFailure,
  nextUlid,
  logRedisStatus,
  runProcess,
  version,
  watchMemory,
} from '@rekey/runtime';
import { createBulkWatches } from './bulk-watches.ts';
import { GatewayEnvironment } from './config.ts';
import { watchHealth } from './health.ts';
import { createConsumersReach } from './consumer-reach.ts';
import { createLiveness } from './liveness.ts';
import { createRotationWaiters } from './rotation-waiters.ts';
import { createServer } from './server.ts';
import { createServices } from './services.ts';

/**
 * Who waits has been let go by then; what is left is short calls, and streams that nobody ends, such as a
 * health watch.
 */
const CALLS_MAY_TAKE_MS = 5000;

await runProcess('gateway', GatewayEnvironment, async (config, logger, shutdown) => {
  // Its own lines on standard error are no JSON, and say less than the errors that it returns.
  setLogger({
    ...console,
    error: (...words: unknown[]) => logger.debug({ words: words.map(String) }, 'a line of grpc-js'),
  });
  const connections = createRedisConnections(config.REDIS_URL, {
    listener: logRedisStatus(config.REDIS_URL, logger),
  });
  const redis = connections.connect({ onDisconnect: 'fail', name: 'gateway' });
  shutdown.defer('redis', () => redis.disconnect());
  // Not waited for: without Redis the gateway says NOT_SERVING.
  guardRedis(redis, {
    requireDurable: config.REKEY_REQUIRE_DURABLE_REDIS,
    missingRights: () => missingRights(redis, config.REKEY_PREFIX),
    logger,
  });
  const subscriber = connections.connect({ onDisconnect: 'retry', name: 'gateway-subscriber' });
  shutdown.defer('subscriber', () => subscriber.disconnect());

  const memory = watchMemory(redis, {
    threshold: STOP_ACCEPTING_AT,
    logger,
    consequence: 'no new rotation is accepted',
  });
  shutdown.defer('memory', () => memory.close());

  // What is accepted while the clock of Redis is wrong is recorded under the right time all the same. Not
  // waited for, as above.
  const clock = createLedgerClock({
    redis,
    prefix: config.REKEY_PREFIX,
    name: `${hostname()}:${process.pid}`,
    notes: false,
  });
  const onAway = (err: unknown) => logger.debug({ err }, 'the clock of Redis could not be looked at');
  clock.look().catch(onAway);
  shutdown.defer('ledger clock', clock.start(onAway));
  const ledger = createLedger({ redis, prefix: config.REKEY_PREFIX });
  const onLedgerError = (err: unknown) => logger.debug({ err }, 'the ledger cannot be looked at; retrying');
  // The first command on each connection: a ledger that holds a request, and has not begun, would pass for
  // one that vanished.
  redis.on(
    'ready',
    () => void ledger.recognise({ mayBegin: config.REKEY_ALLOW_NEW_LEDGER }).catch(onLedgerError),
  );
  const queue = createRotationQueue(redis, ledger.keys);
  shutdown.defer('queue', () => queue.close());
  const bulks = createBulks({ redis, prefix: config.REKEY_PREFIX });
  const processes = createProcesses({ redis, prefix: config.REKEY_PREFIX });
  const liveness = createLiveness(processes);
  const bulkWatches = createBulkWatches({ bulks, liveness });
  const policies = createPolicies({ redis, prefix: config.REKEY_PREFIX });
  const policyQueue = createPolicyQueue(redis, ledger.keys);
  shutdown.defer('policy queue', () => policyQueue.close());
  const sweeps = createSweeps({ redis, prefix: config.REKEY_PREFIX });
  const sweepQueue = createSweepQueue(redis, ledger.keys);
  shutdown.defer('sweep queue', () => sweepQueue.close());
  const waiters = createRotationWaiters({ ledger, subscriber });
  waiters.start();
  const consumers = createConsumers({ redis, prefix: config.REKEY_PREFIX });
  const waiting = connections.connect({ onDisconnect: 'retry', name: 'gateway-positions' });
  clock.watch(waiting);
  const positions = createConsumerPositions({
    blocking: waiting,
    prefix: config.REKEY_PREFIX,
    onError: (err) => logger.warn({ err }, 'how far consumers have come cannot be read; it is tried again'),
  });
  shutdown.defer('positions', () => positions.close());
  // Not waited for here: without Redis the gateway says NOT_SERVING.
  const begun = positions.start();
  const reach = createConsumersReach({ consumers, positions, begun });
  const system = createSystem({ redis, prefix: config.REKEY_PREFIX, positions: begun.then(() => positions) });
  const ledgerWatch = startLedgerWatch({
    ledger,
    mayBegin: config.REKEY_ALLOW_NEW_LEDGER,
    holdings: system.holdings,
    onLost: ({ id }) =>
      logger.error(
        { ledger_id: id, code: 'LEDGER_LOST' },
        'the ledger in Redis vanished: rotations are accepted, and stay QUEUED until an operator restores it or adopts the new one (rekey ledger adopt)',
      ),
    onWhole: ({ id }) => logger.warn({ ledger_id: id }, 'the ledger is whole again, or was adopted'),
    onError: onLedgerError,
  });
  shutdown.defer('ledger watch', () => ledgerWatch.close());

  const replicas = createReplicaConfirmation(redis, {
    replicas: config.REKEY_WAIT_REPLICAS,
    withinMs: config.REKEY_WAIT_REPLICAS_MS,
    connect: () => connections.connect({ onDisconnect: 'fail', name: 'gateway-replicas' }),
    mark: ledger.keys.replicated(nextUlid()),
  });
  shutdown.defer('replicas', () => replicas.close());
  const onUnexpected = (err: unknown) => logger.error({ err }, 'a call failed in a way that is not foreseen');
  const services = createServices({
    ledger,
    queue,
    waiters,
    reach,
    consumers,
    positions,
    bulks,
    bulkWatches,
    policies,
    policyQueue,
    sweeps,
    sweepQueue,
    system,
    liveness,
    onUnexpected,
    orgNames: () => readOrgName(redis, ledger.keys),
    budgetOf: (egress) =>
      createRequestBudget({ redis, prefix: config.REKEY_PREFIX, egress, requestsPerMinute: 1 }),
    holdBack: () => (memory.usedShare() >= STOP_ACCEPTING_AT ? 'REDIS_MEMORY_LOW' : undefined),
    confirmDurable: replicas.confirm,
  });
  const server = createServer(loadContract(), services);
  shutdown.defer('server', () =>
    server.close(Math.min(config.REKEY_SHUTDOWN_TIMEOUT_MS / 2, CALLS_MAY_TAKE_MS)),
  );
  shutdown.defer('waiters', () => waiters.close());
  shutdown.defer('reach', () => reach.close());
  shutdown.defer('bulk watches', () => bulkWatches.close());
  const health = watchHealth({
    health: server.health,
    services: server.services,
    redis,
    mark: ledger.keys.health(nextUlid()),
    logger,
  });
  shutdown.defer('health', () => health.close());

  const presence = startPresence(
    processes,
    {
      id: processId({
        kind: 'gateway',
        host: hostname(),
        pid: process.pid,
        random: randomBytes(4).toString('hex'),
      }),
      kind: 'gateway',
      roles: ['serving'],
      version,
    },
    onLedgerError,
  );
  shutdown.defer('presence', () => presence.close());
  shutdown.defer('connections of a Redis that is away', () => connections.closeUnresponsive());

  const port = await server.listen(config.GRPC_ADDRESS).catch(async (error: unknown) => {
    throw await listenFailure(error, { address: config.GRPC_ADDRESS, variable: 'GRPC_ADDRESS' });
  });
  logger.event('ready', { address: config.GRPC_ADDRESS.replace(/:\d+$/, `:${port}`) });
});
