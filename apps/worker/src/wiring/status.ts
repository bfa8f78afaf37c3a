import {
  createConsumerPositions,
  createSystem,
  startLedgerWatch,
  type ConsumerPositions,
  type LedgerClock,
  type LedgerWatch,
  type System,
} from '@rekey/ledger';
import { droppedLogLines, type RedisConnections } from '@rekey/runtime';
import type { Sealer } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import type { Base } from './base.ts';
import type { Stores } from './ledger.ts';

export interface Status {
  positions: ConsumerPositions;
  system: System;
  meter: Metrics;
  ledgerWatch: LedgerWatch;
}

/** Follows consumers and the ledger itself, for the status, the metrics, and the hold-back. */
export const followStatus = (
  { config, logger, shutdown }: Base,
  { redis, connections, clock }: { redis: Redis; connections: RedisConnections; clock: LedgerClock },
  { ledger, prefix }: Stores,
  sealer: Sealer,
): Status => {
  const blocking = connections.connect({ onDisconnect: 'retry', name: 'worker-positions' });
  clock.watch(blocking);
  const positions = createConsumerPositions({
    blocking,
    prefix,
    onError: (err) => logger.event('consumer_positions_unreadable', { err }),
  });
  shutdown.defer('positions', () => positions.close());
  const system = createSystem({ redis, prefix, positions: positions.start().then(() => positions) });
  const meter = createMetrics({
    status: system.status,
    clockOffsetMs: () => clock.doubt()?.offsetMs,
    droppedLogLines,
  });
  const ledgerWatch = startLedgerWatch({
    ledger,
    fingerprintKeyId: sealer.fingerprintKeyId,
    mayBegin: config.REKEY_ALLOW_NEW_LEDGER,
    holdings: system.holdings,
    onLost: ({ id }) => logger.event('ledger_lost', { ledger_id: id, code: 'LEDGER_LOST' }),
    onWhole: ({ id }) => logger.event('ledger_recovered', { ledger_id: id }),
    onError: (err) => logger.event('ledger_watch_failed', { err }),
  });
  shutdown.defer('ledger watch', () => ledgerWatch.close());
  return { positions, system, meter, ledgerWatch };
};
