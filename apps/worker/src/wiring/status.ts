import { startLedgerWatch, type LedgerClock, type LedgerWatch } from '@rekey/ledger';
import { droppedLogLines } from '@rekey/runtime';
import type { Sealer } from '@rekey/sealing';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import type { Base } from './base.ts';
import type { Stores } from './ledger.ts';

export interface Status {
  meter: Metrics;
  ledgerWatch: LedgerWatch;
}

/** Follows the ledger itself, for the metrics and the hold-back. */
export const followStatus = (
  { config, logger, shutdown }: Base,
  clock: LedgerClock,
  { ledger: { system, registry } }: Stores,
  sealer: Sealer,
): Status => {
  const meter = createMetrics({
    status: system.status,
    clockOffsetMs: () => clock.doubt()?.offsetMs,
    registryProblems: () => registry.problems(),
    droppedLogLines,
  });
  const ledgerWatch = startLedgerWatch({
    ledger: system,
    fingerprintKeyId: sealer.fingerprintKeyId,
    mayBegin: config.REKEY_ALLOW_NEW_LEDGER,
    holdings: system.holdings,
    onLost: ({ id }) => logger.event('ledger_lost', { ledger_id: id, code: 'LEDGER_LOST' }),
    onWhole: ({ id }) => logger.event('ledger_recovered', { ledger_id: id }),
    onError: (err) => logger.event('ledger_watch_failed', { err }),
  });
  shutdown.defer('ledger watch', () => ledgerWatch.close());
  return { meter, ledgerWatch };
};
