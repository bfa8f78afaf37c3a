import type { ConsumerPositions } from '@rekey/ledger';
import { isBefore } from '@rekey/schema';
import type { Meter } from '../metrics/meter.ts';
import type { Recipients } from '../publishing/recipients.ts';

/** Measures how long consumers take to acknowledge the versions that this worker publishes. */
export interface Propagation {
  /** A key was published that upstream had answered this long ago. */
  published(version: { orgId: string; entry: string; answeredAgoMs: number }): void;
  close(): void;
}

/** Of one consumer: the propagation of further versions is not measured. */
const MAX_PENDING = 20_000;

export const measurePropagation = ({
  positions,
  recipients,
  meter,
}: {
  positions: ConsumerPositions;
  recipients: Recipients;
  meter: Pick<Meter, 'propagated'>;
}): Propagation => {
  /** By consumer: published versions that it has not acknowledged, in the order of the stream. */
  const pending = new Map<string, { entry: string; answeredAt: number }[]>();
  const stopListening = positions.onChange(() => {
    for (const [consumer, versions] of pending) {
      const slowest = positions.slowest(consumer);
      if (!slowest) {
        // It has no live instance. When it returns, it takes the snapshot.
        pending.delete(consumer);
        continue;
      }
      const reached = versions.findIndex(({ entry }) => isBefore(slowest.position, entry));
      for (const { answeredAt } of versions.splice(0, reached < 0 ? versions.length : reached))
        meter.propagated(consumer, performance.now() - answeredAt);
    }
  });
  return {
    published: ({ orgId, entry, answeredAgoMs }) => {
      const answeredAt = performance.now() - answeredAgoMs;
      for (const name of recipients.of(orgId).names) {
        if (!positions.slowest(name)) continue;
        const versions = pending.get(name) ?? [];
        pending.set(name, versions);
        versions.push({ entry, answeredAt });
        if (versions.length > MAX_PENDING) versions.shift();
      }
    },
    close: stopListening,
  };
};
