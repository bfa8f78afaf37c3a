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
  readOrgName,
  startLedgerWatch,
  type Ledger,
  type LedgerClock,
  type System,
} from '@rekey/ledger';
import type { Logger, Shutdown } from '@rekey/runtime';
import type { GatewayEnvironment } from '../config.ts';
import type { RedisParts } from './redis.ts';

/** Work that the gateway accepts while the clock of Redis is wrong is still recorded under the right time. */
export const startLedgerClock = (
  { redis }: RedisParts,
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): LedgerClock => {
  const clock = createLedgerClock({
    redis,
    prefix: config.REKEY_PREFIX,
    name: `${hostname()}:${process.pid}`,
    notes: false,
  });
  const onError = (err: unknown) => logger.event('gateway_clock_check_failed', { err });
  clock.look().catch(onError);
  shutdown.defer('ledger clock', clock.start(onError));
  return clock;
};

/** The parts of the ledger that the services use, and their queues. */
export const openLedgerParts = (
  { connections, redis }: RedisParts,
  clock: LedgerClock,
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
) => {
  const prefix = config.REKEY_PREFIX;
  const ledger = createLedger({ redis, prefix });
  // The first command on each connection: otherwise a ledger that holds a request and has not begun would be
  // taken for one that vanished.
  redis.on(
    'ready',
    () =>
      void ledger
        .recognise({ mayBegin: config.REKEY_ALLOW_NEW_LEDGER })
        .catch((err: unknown) => logger.event('gateway_ledger_check_failed', { err })),
  );
  const queue = createRotationQueue(redis, ledger.keys);
  shutdown.defer('queue', () => queue.close());
  const policyQueue = createPolicyQueue(redis, ledger.keys);
  shutdown.defer('policy queue', () => policyQueue.close());
  const sweepQueue = createSweepQueue(redis, ledger.keys);
  shutdown.defer('sweep queue', () => sweepQueue.close());

  const blocking = connections.connect({ onDisconnect: 'retry', name: 'gateway-positions' });
  clock.watch(blocking);
  const positions = createConsumerPositions({
    blocking,
    prefix,
    onError: (err) => logger.event('gateway_positions_unreadable', { err }),
  });
  shutdown.defer('positions', () => positions.close());
  const positionsRead = positions.start();

  return {
    ledger,
    queue,
    policyQueue,
    sweepQueue,
    positions,
    positionsRead,
    bulks: createBulks({ redis, prefix }),
    processes: createProcesses({ redis, prefix }),
    policies: createPolicies({ redis, prefix }),
    sweeps: createSweeps({ redis, prefix }),
    consumers: createConsumers({ redis, prefix }),
    system: createSystem({ redis, prefix, positions: positionsRead.then(() => positions) }),
    budgetOf: (egress: string) => createRequestBudget({ redis, prefix, egress, requestsPerMinute: 1 }),
    readOrgName: () => readOrgName(redis, ledger.keys),
  };
};

/** Reports a ledger that vanishes, and one that is whole again. */
export const watchLedger = (
  { ledger, system }: { ledger: Ledger; system: System },
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): void => {
  const watch = startLedgerWatch({
    ledger,
    mayBegin: config.REKEY_ALLOW_NEW_LEDGER,
    holdings: system.holdings,
    onLost: ({ id }) => logger.event('gateway_ledger_lost', { ledger_id: id, code: 'LEDGER_LOST' }),
    onWhole: ({ id }) => logger.event('gateway_ledger_whole', { ledger_id: id }),
    onError: (err) => logger.event('gateway_ledger_check_failed', { err }),
  });
  shutdown.defer('ledger watch', () => watch.close());
};
