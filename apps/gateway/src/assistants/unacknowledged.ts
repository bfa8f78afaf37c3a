import type { ConsumerPositions, ListedAssistant, Registry } from '@rekey/ledger';
import { RekeyError, mayRead } from '@rekey/schema';

interface UnacknowledgedDeps {
  registry: Pick<Registry, 'look' | 'requireTrusted' | 'get'>;
  positions: Pick<ConsumerPositions, 'reach' | 'slowest'>;
  positionsRead: Promise<void>;
}

/** What a consumer has not acknowledged. */
interface Unacknowledged {
  mayRead(orgId: string): boolean;
  matches(assistant: ListedAssistant): boolean;
  /** It has acknowledged all that was published before this moment; undefined if nothing is sure. */
  fromMs: number | undefined;
}

/** Before every entry of the stream. */
const FIRST_ENTRY = '0-1';

/**
 * What a consumer has not acknowledged. Throws CONSUMER_NOT_FOUND if there is none, or none that the caller
 * may see, and a RekeyError if the registry is not trusted.
 */
export const unacknowledgedBy = async (
  { registry, positions, positionsRead }: UnacknowledgedDeps,
  name: string,
  isVisible: (orgId: string) => boolean,
): Promise<Unacknowledged> => {
  await positionsRead;
  await registry.look();
  registry.requireTrusted();
  const seen = registry.get(name);
  if (!seen || !seen.consumer.orgs.every(isVisible))
    throw new RekeyError('CONSUMER_NOT_FOUND', { which: name, metadata: { consumers: name } });
  const slowest = positions.slowest(name);
  // Not if it lacks single versions, or acts by another entry: these can be of any time.
  const isSure = positions.reach(name, FIRST_ENTRY, undefined, seen) === 'ACKNOWLEDGED';
  return {
    mayRead: (orgId) => mayRead(seen.consumer, orgId),
    matches: ({ entry, assistantId, version }) =>
      positions.reach(name, entry, { assistantId, version }, seen) !== 'ACKNOWLEDGED',
    fromMs: isSure && slowest ? Number(slowest.position.split('-')[0]) : undefined,
  };
};
