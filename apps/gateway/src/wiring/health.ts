import { nextUlid, startHealthServer, type Logger, type Shutdown } from '@rekey/runtime';
import type { GatewayEnvironment } from '../config.ts';
import type { createMetrics } from '../health/metrics.ts';
import { watchServingStatus } from '../health/serving-status.ts';
import type { GatewayServer } from '../pipeline/server.ts';
import type { LedgerParts } from './ledger.ts';
import type { RedisParts } from './redis.ts';

interface HealthDeps {
  server: GatewayServer;
  ledger: LedgerParts['ledger'];
  redis: RedisParts['redis'];
  /** Undefined if no health address is set. */
  metrics: ReturnType<typeof createMetrics> | undefined;
}

/** Reports the health over gRPC, and over HTTP if an address is set for that. Resolves with that address. */
export const startHealth = async (
  { server, ledger: { keys }, redis, metrics }: HealthDeps,
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): Promise<string | undefined> => {
  const address = config.GATEWAY_HEALTH_ADDRESS;
  const http =
    address === undefined || metrics === undefined
      ? undefined
      : await startHealthServer({
          address,
          variable: 'GATEWAY_HEALTH_ADDRESS',
          metrics: metrics.render,
          logger,
        });
  const serving = watchServingStatus({
    health: server.health,
    services: server.services,
    redis,
    mark: keys.health(nextUlid()),
    logger,
    onProbed: (isServing) => http?.report(isServing),
  });
  shutdown.defer('serving status', () => serving.close());
  if (http) shutdown.defer('health server', () => http.close());
  return http?.address;
};
