import type { BulkWork, ConsumerPositions, Consumers } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { isAcknowledged, isBefore, mayRead } from '@rekey/schema';
import { every } from '../shared/every.ts';
import type { Meter } from '../shared/meter.ts';
import type { Readers } from '../publishing/readers.ts';

export interface ConsumerWatchOptions {
  consumers: Pick<Consumers, 'list' | 'lagOf'>;
  positions: ConsumerPositions;
  readers: Readers;
  work: Pick<BulkWork, 'awaiting' | 'acknowledged' | 'read'>;
  meter: Pick<Meter, 'propagated' | 'lag'>;
  logger: Logger;
  /** About how many events the stream is to keep where no consumer needs more. */
  keepEvents: number;
}

/** What becomes of a key version after it is published. */
export interface ConsumerWatch {
  /** A key is published that upstream has answered so long ago. */
  published(version: { orgId: string; entry: string; answeredAgoMs: number }): void;
  /** How many events the stream is to keep for those who still need them. */
  keepEvents(): number;
  close(): Promise<void>;
}

const LAG_EVERY_MS = 2000;
const CANARY_EVERY_MS = 300;
/** Of one consumer: what is beyond it is not measured. */
const MOST_PENDING = 20_000;
/** Where a live consumer needs them, the stream keeps so many times as many. */
const MOST_TIMES_KEPT = 10;

/**
 * Follows how far consumers have come: for metrics, for canaries that wait for them, and for what the stream
 * has to keep.
 */
export const startConsumerWatch = ({
  consumers,
  positions,
  readers,
  work,
  meter,
  logger,
  keepEvents,
}: ConsumerWatchOptions): ConsumerWatch => {
  /**
   * Of each consumer what this worker has published and it has not acknowledged, in the order of the stream.
   */
  const pending = new Map<string, { entry: string; answeredAt: number }[]>();
  let needed = keepEvents;

  const stopListening = positions.onChange(() => {
    for (const [consumer, versions] of pending) {
      const slowest = positions.slowest(consumer);
      if (!slowest) {
        // It is gone: when it is back it takes the snapshot.
        pending.delete(consumer);
        continue;
      }
      const reached = versions.findIndex(({ entry }) => isBefore(slowest.position, entry));
      for (const { answeredAt } of versions.splice(0, reached < 0 ? versions.length : reached))
        meter.propagated(consumer, performance.now() - answeredAt);
    }
  });

  const measureLag = async (): Promise<void> => {
    let most = 0;
    for (const { consumer } of (await consumers.list()).consumers) {
      const slowest = positions.slowest(consumer.name);
      const lag = slowest && (await consumers.lagOf(slowest.position, slowest.seq));
      const live = positions.instancesOf(consumer.name).filter((one) => one.live);
      const unapplied = live.reduce((sum, one) => sum + one.unapplied.count, 0);
      const refused = live.reduce((sum, one) => sum + (one.refused?.count ?? 0), 0);
      meter.lag(consumer.name, lag, { unapplied, refused });
      most = Math.max(most, lag?.events ?? 0);
    }
    // Half as many again: until it is looked at next time others are added.
    needed = Math.min(Math.max(keepEvents, Math.ceil(most * 1.5)), keepEvents * MOST_TIMES_KEPT);
  };

  const letCanariesGoOn = async (): Promise<void> => {
    for (const bulkId of await work.awaiting()) {
      const bulk = await work.read(bulkId);
      const { entry } = bulk ?? {};
      const names = bulk
        ? (await consumers.list()).consumers
            .filter(({ consumer }) => mayRead(consumer, bulk.orgId))
            .map(({ consumer }) => consumer.name)
        : [];
      const reach =
        entry === undefined
          ? []
          : names.map((consumer) => ({ consumer, state: positions.reach(consumer, entry) }));
      // Nobody's acknowledgement is none: with no live consumer the canary waits for one, or for an operator.
      if (entry !== undefined && !isAcknowledged(reach)) continue;
      if (await work.acknowledged(bulkId))
        logger.info(
          { bulk_id: bulkId },
          'all live consumers have applied the keys of a canary: the bulk rotation goes on',
        );
    }
  };

  const chores = [
    every(LAG_EVERY_MS, measureLag, (err) =>
      logger.warn({ err }, 'how far consumers are behind cannot be read'),
    ),
    every(CANARY_EVERY_MS, letCanariesGoOn, (err) =>
      logger.warn({ err }, 'canaries that wait for consumers cannot be looked at'),
    ),
  ];

  return {
    published: ({ orgId, entry, answeredAgoMs }) => {
      const answeredAt = performance.now() - answeredAgoMs;
      for (const name of readers.of(orgId).names) {
        if (!positions.slowest(name)) continue;
        const versions = pending.get(name) ?? [];
        pending.set(name, versions);
        versions.push({ entry, answeredAt });
        if (versions.length > MOST_PENDING) versions.shift();
      }
    },
    keepEvents: () => needed,
    close: async () => {
      stopListening();
      await Promise.all(chores.map((chore) => chore.close()));
    },
  };
};
