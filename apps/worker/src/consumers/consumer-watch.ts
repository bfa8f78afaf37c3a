import type { BulkWork, ConsumerPositions, Consumers, Registry } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { Sealer } from '@rekey/sealing';
import type { ConsumerProgress, Meter } from '../metrics/meter.ts';
import { every } from '../shared/every.ts';
import { keepAcknowledgements } from './acknowledgement-upkeep.ts';
import type { EventRetention } from './event-retention.ts';
import type { RefusedAcknowledgements } from './refused-acknowledgements.ts';
import { releaseCanaries } from './release-canaries.ts';

interface ConsumerWatchOptions {
  consumers: Pick<Consumers, 'list' | 'lagOf' | 'write' | 'trimAcknowledgements'>;
  registry: Pick<Registry, 'lost'>;
  positions: ConsumerPositions;
  work: Pick<BulkWork, 'awaiting' | 'acknowledged' | 'read'>;
  retention: EventRetention;
  meter: Pick<Meter, 'consumers' | 'refusedAcknowledgements'>;
  sealer: Pick<Sealer, 'openOwn'>;
  refused: RefusedAcknowledgements;
  logger: Logger;
}

const LAG_EVERY_MS = 2000;
const UPKEEP_EVERY_MS = 2000;
const CANARY_EVERY_MS = 300;

/**
 * Follows the positions of consumers: for metrics, for the length of the stream, and for canaries; and keeps
 * the streams of acknowledgements.
 */
export const startConsumerWatch = (options: ConsumerWatchOptions): { close(): Promise<void> } => {
  const { retention, logger } = options;
  const measureLag = async () => retention.setLargestLag(await reportLag(options));
  const chores = [
    every(LAG_EVERY_MS, measureLag, (err) => logger.event('consumer_lag_unreadable', { err })),
    every(
      CANARY_EVERY_MS,
      () => releaseCanaries(options),
      (err) => logger.event('canary_check_failed', { err }),
    ),
    every(UPKEEP_EVERY_MS, keepAcknowledgements(options), (err) =>
      logger.event('acknowledgement_upkeep_failed', { err }),
    ),
  ];
  return {
    close: async () => {
      await Promise.all(chores.map((chore) => chore.close()));
    },
  };
};

/** Reports the lag of all consumers. Returns the largest one, in events. */
const reportLag = async ({ consumers, positions, meter }: ConsumerWatchOptions): Promise<number> => {
  const all: ConsumerProgress[] = [];
  for (const { consumer } of (await consumers.list()).consumers) {
    const slowest = positions.slowest(consumer.name);
    const lag = slowest && (await consumers.lagOf(slowest.position, slowest.seq));
    const live = positions.instancesOf(consumer.name).filter((one) => one.live);
    const unapplied = live.reduce((sum, one) => sum + one.unapplied.count, 0);
    const refused = live.reduce((sum, one) => sum + (one.refused?.count ?? 0), 0);
    all.push({ consumer: consumer.name, lag, unapplied, refused });
  }
  meter.consumers(all);
  return Math.max(0, ...all.map(({ lag }) => lag?.events ?? 0));
};
