import { hostname } from 'node:os';
import {
  createConsumerPositions,
  createLedgerClock,
  createPolicyQueue,
  createRotationQueue,
  createSweepQueue,
  openLedger,
  readRegistered,
  startLedgerWatch,
  type ConsumerPositions,
  type Ledger,
  type LedgerClock,
  type PolicyQueue,
  type RequestBudget,
  type RotationQueue,
  type SweepQueue,
} from '@rekey/ledger';
import type { Logger, Shutdown } from '@rekey/runtime';
import type { GatewayKeyFile } from '@rekey/sealing';
import { createAcknowledgementVerifier, createArchiveReportReader } from '@rekey/sealing';
import type { GatewayEnvironment } from '../config.ts';
import type { RedisParts } from './redis.ts';
import { createReadOrgName, followRegistry, registryOptions } from './registry.ts';

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

/** The ledger as a whole and by its parts, and what the services use beside it. */
export interface LedgerParts extends Ledger {
  ledger: Ledger;
  queue: RotationQueue;
  policyQueue: PolicyQueue;
  sweepQueue: SweepQueue;
  positions: ConsumerPositions;
  positionsRead: Promise<void>;
  budgetOf(egress: string): RequestBudget;
  readOrgName(): Promise<string>;
  /** From the key file; undefined without one. */
  publicJwk: object | undefined;
  remembersRegistry(): boolean;
}

export const openLedgerParts = (
  { connections, redis, subscriber }: RedisParts,
  clock: LedgerClock,
  keyFile: GatewayKeyFile | undefined,
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): LedgerParts => {
  const prefix = config.REKEY_PREFIX;
  const blocking = connections.connect({ onDisconnect: 'retry', name: 'gateway-positions' });
  clock.watch(blocking);
  const { promise: positionsRead, resolve: markRead } = Promise.withResolvers<void>();
  const ledger = openLedger(redis, {
    prefix,
    positions: positionsRead.then(() => positions),
    maxOpenRotations: {
      inAll: config.REKEY_MAX_OPEN_ROTATIONS,
      ofOrg: config.REKEY_MAX_OPEN_ROTATIONS_OF_ORG,
    },
    registry: registryOptions(keyFile, config, logger),
    readArchiveReport: keyFile && createArchiveReportReader(keyFile.publicJwk),
  });
  const positions = createConsumerPositions({
    blocking,
    prefix,
    registered: readRegistered(ledger.registry),
    verify: createAcknowledgementVerifier(),
    onError: (err) => logger.event('gateway_positions_unreadable', { err }),
  });
  shutdown.defer('positions', () => positions.close());
  // The first command on each connection: otherwise a ledger that holds a request and has not begun would be
  // taken for one that vanished.
  redis.on(
    'ready',
    () =>
      void ledger.system
        .recognise({ mayBegin: config.REKEY_ALLOW_NEW_LEDGER })
        .catch((err: unknown) => logger.event('gateway_ledger_check_failed', { err })),
  );
  followRegistry(ledger, subscriber, logger, shutdown);
  const readPositions = (): void => void positions.start().then(markRead);
  if (redis.status === 'ready') readPositions();
  else redis.once('ready', readPositions);
  const queue = createRotationQueue(redis, ledger.keys);
  shutdown.defer('queue', () => queue.close());
  const policyQueue = createPolicyQueue(redis, ledger.keys);
  shutdown.defer('policy queue', () => policyQueue.close());
  const sweepQueue = createSweepQueue(redis, ledger.keys);
  shutdown.defer('sweep queue', () => sweepQueue.close());

  return {
    ledger,
    queue,
    policyQueue,
    sweepQueue,
    positions,
    positionsRead,
    ...ledger,
    budgetOf: (egress) => openLedger(redis, { prefix, budget: { egress, requestsPerMinute: 1 } }).budget,
    readOrgName: createReadOrgName(ledger, redis),
    publicJwk: keyFile?.publicJwk,
    remembersRegistry: ledger.registry.isRemembered,
  };
};

/** Reports a ledger that vanishes, and one that is whole again. */
export const watchLedger = (
  { ledger: { system } }: { ledger: Ledger },
  config: GatewayEnvironment,
  logger: Logger,
  shutdown: Shutdown,
): void => {
  const watch = startLedgerWatch({
    ledger: system,
    mayBegin: config.REKEY_ALLOW_NEW_LEDGER,
    holdings: system.holdings,
    onLost: ({ id }) => logger.event('gateway_ledger_lost', { ledger_id: id, code: 'LEDGER_LOST' }),
    onWhole: ({ id }) => logger.event('gateway_ledger_whole', { ledger_id: id }),
    onError: (err) => logger.event('gateway_ledger_check_failed', { err }),
  });
  shutdown.defer('ledger watch', () => watch.close());
};
