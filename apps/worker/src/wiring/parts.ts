import { slotKeepsMs, type LedgerClock } from '@rekey/ledger';
import type { MemoryWatch, RedisConnections } from '@rekey/runtime';
import type { Sealer } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import { measurePropagation } from '../consumers/propagation.ts';
import { createPublisher } from '../publishing/publisher.ts';
import { createRecipients, type Recipients } from '../publishing/recipients.ts';
import { systemClock } from '../shared/clock.ts';
import { createPacer } from '../shared/pacer.ts';
import type { Base } from './base.ts';
import type { Invent } from './invent.ts';
import type { Stores } from './ledger.ts';
import type { Status } from './status.ts';

/** What the loops of the worker share. */
export interface Parts extends Base {
  redis: Redis;
  connections: RedisConnections;
  sealer: Sealer;
  stores: Stores;
  clock: LedgerClock;
  memory: MemoryWatch;
  status: Status;
  recipients: Recipients;
  upstream: Invent;
}

/** Publishes the signing key of this worker, and reads the consumers that records are sealed for. */
export const loadRecipients = async (
  { logger }: Pick<Base, 'logger'>,
  { consumers }: Stores,
  sealer: Sealer,
): Promise<Recipients> => {
  await consumers.noteSigner(sealer.publicJwk);
  const recipients = createRecipients({ consumers, sealer, logger });
  await recipients.refresh();
  return recipients;
};

export type Work = ReturnType<typeof createWork>;

/** What sends a request to Invent and publishes the result works with these. */
export const createWork = (parts: Parts) => {
  const { logger, timing, sealer, recipients, stores, status, upstream } = parts;
  const propagation = measurePropagation({ positions: status.positions, recipients, meter: status.meter });
  const common = {
    ledger: stores.ledger,
    invent: upstream.invent,
    answers: upstream.answers,
    logger,
    meter: status.meter,
    readLagMs: timing.rotation.readLagMs,
    clock: systemClock,
    pacer: createPacer({
      budget: stores.budget,
      clock: systemClock,
      slotKeepsMs: slotKeepsMs(stores.limit),
    }),
  };
  const publisher = createPublisher({ ...common, sealer, recipients, onPublished: propagation.published });
  return { common, publisher, propagation };
};
