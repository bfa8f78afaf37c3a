import type { BulkWork, ConsumerPositions, Consumers, Registry } from '@rekey/ledger';
import { isEntryOlderThan, type Logger } from '@rekey/runtime';
import { isAcknowledged, mayRead, type AcknowledgementState, type BulkRotation } from '@rekey/schema';

interface ReleaseCanariesDeps {
  consumers: Pick<Consumers, 'list'>;
  registry: Pick<Registry, 'lost'>;
  positions: Pick<ConsumerPositions, 'reach'>;
  work: Pick<BulkWork, 'awaiting' | 'acknowledged' | 'read'>;
  logger: Logger;
}

/** Lets bulk rotations continue whose canary keys all live consumers have applied. */
export const releaseCanaries = async (deps: ReleaseCanariesDeps): Promise<void> => {
  const { work, logger } = deps;
  for (const bulkId of await work.awaiting()) {
    try {
      const bulk = await work.read(bulkId);
      if (bulk && !(await isApplied(deps, bulk))) continue;
      if (await work.acknowledged(bulkId)) logger.event('bulk_canary_acknowledged', { bulk_id: bulkId });
    } catch (err) {
      // Others may still continue.
      logger.event('canary_check_failed', { err, bulk_id: bulkId });
    }
  }
};

/** Without a live consumer nothing is applied: the canary waits for one, or for an operator. */
const isApplied = async (
  { consumers, registry, positions }: ReleaseCanariesDeps,
  { id, orgId, entry }: BulkRotation,
): Promise<boolean> => {
  // The keys of the canary were replaced by other rotations.
  if (entry === undefined) return true;
  if (isEntryOlderThan(id, entry)) return false;
  const all = (await consumers.list()).consumers;
  const states = all
    .filter(({ consumer }) => mayRead(consumer, orgId))
    .map((seen) => ({
      consumer: seen.consumer.name,
      state: positions.reach(seen.consumer.name, entry, undefined, seen),
    }));
  // Consumers whose entry is lost may read any org.
  const lost = registry.lost().map((consumer) => ({ consumer, state: 'UNAPPLIED' as AcknowledgementState }));
  return isAcknowledged([...states, ...lost]);
};
