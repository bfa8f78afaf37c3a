import type { ledgerKeys } from '@rekey/ledger';
import { createReplicaConfirmation, nextUlid, type Shutdown } from '@rekey/runtime';
import type { GatewayEnvironment } from '../config.ts';
import type { RedisParts } from './redis.ts';

/** Resolves with true when as many replicas as configured have confirmed everything written so far. */
export const confirmWithReplicas = (
  { redis, connections }: RedisParts,
  keys: Pick<ReturnType<typeof ledgerKeys>, 'replicated'>,
  config: GatewayEnvironment,
  shutdown: Shutdown,
): (() => Promise<boolean>) => {
  const replicas = createReplicaConfirmation(redis, {
    replicas: config.REKEY_WAIT_REPLICAS,
    withinMs: config.REKEY_WAIT_REPLICAS_MS,
    connect: () => connections.connect({ onDisconnect: 'fail', name: 'gateway-replicas' }),
    mark: keys.replicated(nextUlid()),
  });
  shutdown.defer('replicas', () => replicas.close());
  return replicas.confirm;
};
