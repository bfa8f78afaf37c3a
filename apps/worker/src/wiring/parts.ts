import { slotKeepsMs, type ArchiveWatch, type LedgerClock } from '@rekey/ledger';
import type { MemoryWatch, RedisConnections } from '@rekey/runtime';
import type { Sealer } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import { measurePropagation, type Propagation } from '../consumers/propagation.ts';
import { createPublisher, type Publisher } from '../publishing/publisher.ts';
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
  archive: ArchiveWatch;
  status: Status;
  recipients: Recipients;
  upstream: Invent;
}

/** Publishes the signing key of this worker, and reads the consumers that records are sealed for. */
export const loadRecipients = async (
  { logger }: Pick<Base, 'logger'>,
  { ledger: { consumers, registry } }: Stores,
  sealer: Sealer,
): Promise<Recipients> => {
  await consumers.noteSigner(sealer.publicJwk);
  const recipients = createRecipients({ registry, sealer, logger });
  await recipients.refresh();
  return recipients;
};

/** What rotations, checks and sweeps share: they send requests to Invent and publish the results. */
export interface Work {
  common: ReturnType<typeof commonDeps>;
  publisher: Publisher;
  propagation: Propagation;
}

export const createWork = (parts: Parts): Work => {
  const { sealer, recipients, status, stores } = parts;
  const propagation = measurePropagation({ positions: stores.positions, recipients, meter: status.meter });
  const common = commonDeps(parts);
  const onPublished = propagation.published;
  const publisher = createPublisher({ ...common, sealer, recipients, onPublished });
  return { common, publisher, propagation };
};

const commonDeps = ({ logger, timing, stores, status, upstream }: Parts) => ({
  ledger: stores.ledger,
  invent: upstream.invent,
  answers: upstream.answers,
  logger,
  meter: status.meter,
  readLagMs: timing.rotation.readLagMs,
  clock: systemClock,
  pacer: createPacer({
    budget: stores.ledger.budget,
    clock: systemClock,
    slotKeepsMs: slotKeepsMs(stores.limit),
  }),
});
