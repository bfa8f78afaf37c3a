import type { ConsumerPositions, ListedAssistant, PastVersion, Registry } from '@rekey/ledger';
import { mayRead, type AcknowledgementState } from '@rekey/schema';

export interface HolderDeps {
  registry: Pick<Registry, 'look' | 'untrusted' | 'list'>;
  positions: Pick<ConsumerPositions, 'reach' | 'slowest'>;
  positionsRead: Promise<void>;
}

/** What a consumer holds of an assistant. */
interface KeyHolder {
  consumer: string;
  state: AcknowledgementState;
  /** Undefined if that is unknown. */
  version?: number;
}

/**
 * The version that was the last before a position, as far as the history goes back. A version of the same
 * millisecond may be of after it.
 */
const versionAt = (position: string, history: readonly PastVersion[]): number | undefined => {
  const positionMs = Number(position.split('-')[0]);
  return history.find(({ publishedMs }) => publishedMs < positionMs)?.version;
};

/** Which version each consumer holds that may read the org; none if the registry is not trusted. */
export const holdersOf = async (
  { registry, positions, positionsRead }: HolderDeps,
  { assistantId, orgId, version, entry }: ListedAssistant,
  history: readonly PastVersion[],
): Promise<KeyHolder[]> => {
  await positionsRead;
  await registry.look();
  if (registry.untrusted() !== undefined) return [];
  return registry
    .list()
    .consumers.filter(({ consumer }) => mayRead(consumer, orgId))
    .map((seen) => {
      const { name } = seen.consumer;
      const state = positions.reach(name, entry, { assistantId, version }, seen);
      const slowest = positions.slowest(name);
      const held =
        state === 'ACKNOWLEDGED'
          ? version
          : state === 'PENDING' && slowest
            ? versionAt(slowest.position, history)
            : undefined;
      return { consumer: name, state, ...(held !== undefined && { version: held }) };
    });
};
