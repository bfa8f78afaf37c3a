import '@rekey/runtime/check-node';
import { setLogger } from '@grpc/grpc-js';
import { loadContract } from '@rekey/rpc';
import { listenFailure, runProcess } from '@rekey/runtime';
import { createUploadIds } from './bulks/upload-ids.ts';
import { GatewayEnvironment } from './config.ts';
import { createMetrics } from './health/metrics.ts';
import { collectWhenIdle, youngGeneration } from './limits/collect-when-idle.ts';
import { limitsOf } from './limits/limits.ts';
import { refuseWaits } from './limits/waits/refuse-waits.ts';
import { createHandlers } from './pipeline/pipeline.ts';
import { createServer } from './pipeline/server.ts';
import { createRpcTable } from './rpc-table.ts';
import { startAccess } from './wiring/access.ts';
import { startHealth } from './wiring/health.ts';
import { boundGarbage } from './wiring/heap.ts';
import { openLedgerParts, startLedgerClock, watchLedger } from './wiring/ledger.ts';
import { connectRedis, untilConnected } from './wiring/redis.ts';
import { announce } from './wiring/presence.ts';
import { createHoldBack } from './wiring/hold-back.ts';
import { loadKeyFile } from './wiring/registry.ts';
import { startCertificates } from './wiring/tls.ts';
import { confirmWithReplicas } from './wiring/replicas.ts';
import { createWaits } from './wiring/waits.ts';

/**
 * Waits have been ended by then: what remains is short calls, and streams without an end, such as a health
 * watch.
 */
const CALLS_MAY_TAKE_MS = 5000;

await runProcess('gateway', GatewayEnvironment, async (config, logger, shutdown) => {
  // grpc-js writes lines to standard error that are not JSON, and that say less than the errors it returns.
  setLogger({
    ...console,
    error: (...words: unknown[]) => logger.event('grpc_js_log', { words: words.map(String) }),
  });
  const keyFile = await loadKeyFile(config, logger);
  const redisParts = connectRedis(config, logger, shutdown);
  const { redis, connections, memory } = redisParts;
  const clock = startLedgerClock(redisParts, config, logger, shutdown);
  const ledgerParts = openLedgerParts(redisParts, clock, keyFile, config, logger, shutdown);
  const waits = createWaits(ledgerParts, redisParts, config, logger);
  watchLedger(ledgerParts, config, logger, shutdown);
  const confirmDurable = confirmWithReplicas(redisParts, ledgerParts.ledger.keys, config, shutdown);

  const contract = loadContract();
  const certificates = startCertificates(config, logger, shutdown);
  const limits = limitsOf(config);
  const onLimit = (limit: string) => metrics?.onLimit(limit);
  const gate = startAccess(ledgerParts, config, logger, shutdown, onLimit);
  const { access, quotas, limitedCallers } = gate;
  const seen = {
    waiters: waits.waiting,
    connections: () => server.connections(),
    certificates: certificates?.state,
    accessFileRefusedSinceMs: gate.refusedSinceMs,
    callersAtLimit: quotas?.atLimit,
  };
  const metrics = config.GATEWAY_HEALTH_ADDRESS === undefined ? undefined : createMetrics(contract, seen);
  metrics?.measureCommands(redis);
  const uploadIds = createUploadIds(limits.uploadIds, onLimit, quotas?.uploadIds);
  const table = createRpcTable({ ...ledgerParts, ...waits, uploadIds, access, limitedCallers });
  const handlers = createHandlers(table, {
    readOrgName: ledgerParts.readOrgName,
    holdBack: createHoldBack(memory, ledgerParts, config, logger, shutdown),
    confirmDurable,
    logger,
    access,
    onFailed: gate.noteDenied,
    quotas,
    refuseWait: refuseWaits(limits, onLimit),
    ...(metrics && { onRefused: metrics.onWorkRefused }),
  });
  const server = createServer(contract, handlers, {
    limits,
    onLimit,
    onThrown: (err) => logger.event('gateway_hook_failed', { err }),
    onIdle: collectWhenIdle(youngGeneration()),
    mayReflect: gate.mayReflect,
    addresses: quotas?.connections,
    tls: certificates && {
      credentials: certificates.credentials,
      maxConnectionAgeMs: config.GRPC_MAX_CONNECTION_AGE_MS,
    },
    ...(metrics && { observer: metrics }),
  });
  shutdown.defer('server', () =>
    server.close(Math.min(config.REKEY_SHUTDOWN_TIMEOUT_MS / 2, CALLS_MAY_TAKE_MS)),
  );
  boundGarbage(server.calls);
  waits.closeOnShutdown(shutdown);
  const health = await startHealth(
    { server, ledger: ledgerParts.ledger, redis, metrics },
    config,
    logger,
    shutdown,
  );

  await untilConnected(redis);
  announce(ledgerParts, seen, config, logger, shutdown);
  shutdown.defer('unreachable Redis connections', () => connections.closeUnresponsive());

  const port = await server.listen(config.GRPC_ADDRESS).catch(async (error: unknown) => {
    throw await listenFailure(error, { address: config.GRPC_ADDRESS, variable: 'GRPC_ADDRESS' });
  });
  logger.event('ready', {
    address: config.GRPC_ADDRESS.replace(/:\d+$/, `:${port}`),
    ...(health !== undefined && { health_address: health }),
  });
});
