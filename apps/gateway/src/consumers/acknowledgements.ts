import type { ConsumerPositions, Consumers, Registry } from '@rekey/ledger';
import { isEntryOlderThan } from '@rekey/runtime';
import {
  RekeyError,
  isAcknowledged,
  mayRead,
  type BulkRotation,
  type AcknowledgementState,
  type Consumer,
  type Rotation,
} from '@rekey/schema';
import { createPositionWaits } from './position-waits.ts';

/** Whether one consumer has applied what was published. */
interface Acknowledgement {
  consumer: string;
  state: AcknowledgementState;
}

/** Whether a caller may know of a consumer that it names: if not, it does not exist for the caller. */
type IsVisible = (consumer: Consumer) => boolean;
const VISIBLE: IsVisible = () => true;

/** Which consumers have applied what is published. */
export interface Acknowledgements {
  /**
   * The acknowledgements of every consumer that may read the org. Empty if the rotation published nothing.
   */
  of(rotation: Rotation): Promise<Acknowledgement[]>;
  /**
   * Waits until the named consumers have applied the rotation's version; if none is named, all live ones, of
   * which there must be at least one. Resolves with the acknowledgements at that time, or when the signal
   * aborts.
   * Throws CONSUMER_NOT_FOUND, CONSUMER_MAY_NOT_READ, CONSUMERS_MISSING if no consumer may read the org, and
   * SHUTTING_DOWN.
   */
  wait(
    rotation: Rotation,
    named: readonly string[],
    signal: AbortSignal,
    isVisible?: IsVisible,
  ): Promise<Acknowledgement[]>;
  /**
   * For every consumer that may read the org of a bulk rotation: whether it has applied all keys that the
   * bulk rotation has replaced so far.
   */
  ofBulk(bulk: BulkRotation): Promise<Acknowledgement[]>;
  /**
   * Throws CONSUMERS_MISSING unless each of these consumers is live and applies everything that is published
   * within a few seconds.
   */
  require(names: readonly string[], signal: AbortSignal, isVisible?: IsVisible): Promise<void>;
  /** The number of calls that wait. */
  waiting(): number;
  close(): void;
}

const MAX_NAMED = 10;

/** Names the first consumers with their states, which tell an operator what to do. */
const consumersMissing = (missing: { name: string; state: string }[]): RekeyError => {
  const first = missing.slice(0, MAX_NAMED);
  const names = first.map(({ name, state }) => `${name} (${state})`).join(', ');
  const more = missing.length - first.length;
  return new RekeyError('CONSUMERS_MISSING', {
    which: more > 0 ? `${names}, and ${more} more` : names,
    metadata: { consumers: first.map(({ name }) => name).join(','), consumer_count: String(missing.length) },
  });
};

/** How long required consumers may take to catch up. */
const CATCH_UP_MS = 5000;

type PublishedVersion = Pick<Rotation, 'assistantId'> & { version: number };

/** For how long an answer about lost entries is used again: thousands of waits ask at the same moment. */
const LOST_FOR_MS = 100;

type ProvedConsumers = Pick<Registry, 'look' | 'untrusted' | 'requireTrusted' | 'list' | 'get' | 'lost'>;

/** Who may read what, as the registry proves it. */
const createReaders = (registry: ProvedConsumers) => {
  let lost: ReadonlySet<string> = new Set();
  let lostUntilMs = 0;
  /** Whether nobody knows what the consumer may read: its entry is not as the registry proves it. */
  const isLost = (name: string): boolean => {
    if (registry.untrusted() !== undefined) return true;
    if (performance.now() >= lostUntilMs) {
      lost = new Set(registry.lost());
      lostUntilMs = performance.now() + LOST_FOR_MS;
    }
    return lost.has(name);
  };
  return {
    isLost,
    isKnown: (name: string, isVisible: IsVisible): boolean => {
      const seen = registry.get(name);
      return seen === undefined ? isLost(name) : isVisible(seen.consumer);
    },
    /** Consumers whose entry is lost may read any org. */
    readersOf: (orgId: string): string[] => [
      ...registry
        .list()
        .consumers.filter(({ consumer }) => mayRead(consumer, orgId))
        .map(({ consumer }) => consumer.name),
      ...registry.lost(),
    ],
    checkNamed: (orgId: string, named: readonly string[], isVisible: IsVisible): void => {
      for (const name of named) {
        const seen = registry.get(name);
        const about = { which: name, metadata: { consumers: name } };
        if (seen ? mayRead(seen.consumer, orgId) : isLost(name)) continue;
        const isKnown = seen !== undefined && isVisible(seen.consumer);
        throw new RekeyError(isKnown ? 'CONSUMER_MAY_NOT_READ' : 'CONSUMER_NOT_FOUND', about);
      }
    },
  };
};

/**
 * `positionsRead` resolves when earlier acknowledgements have been read: before that, every consumer would
 * look as if it were gone.
 */
export const createAcknowledgements = ({
  registry,
  consumers,
  positions,
  positionsRead,
}: {
  registry: ProvedConsumers;
  consumers: Pick<Consumers, 'lastEntry'>;
  positions: ConsumerPositions;
  positionsRead: Promise<void>;
}): Acknowledgements => {
  const { until, waiting, close } = createPositionWaits(positions);
  const readers = createReaders(registry);

  const ready = async (): Promise<void> => {
    await positionsRead;
    await registry.look();
  };

  const reach = (name: string, entry: string, version?: PublishedVersion, id = ''): AcknowledgementState =>
    readers.isLost(name) || isEntryOlderThan(id, entry)
      ? 'UNAPPLIED'
      : positions.reach(name, entry, version, registry.get(name));

  const statesOf = ({ id, entry, assistantId, version }: Rotation, names: readonly string[]) =>
    entry === undefined || version === undefined
      ? []
      : names.map((consumer) => ({ consumer, state: reach(consumer, entry, { assistantId, version }, id) }));

  const wait: Acknowledgements['wait'] = async (rotation, named, signal, isVisible = VISIBLE) => {
    await ready();
    readers.checkNamed(rotation.orgId, named, isVisible);
    // Who may read the org is unknown: named consumers count as UNAPPLIED, and there are no others.
    // A gateway without a key file will never know.
    if (named.length === 0 || registry.untrusted() === 'REGISTRY_KEY_MISSING') registry.requireTrusted();
    const names = registry.untrusted() === undefined ? readers.readersOf(rotation.orgId) : [...named];
    if (rotation.state === 'SUCCEEDED' && names.length === 0) throw new RekeyError('CONSUMERS_MISSING');
    let states = statesOf(rotation, names);
    // Nothing is published, so there is nothing to acknowledge.
    if (states.length === 0) return states;
    await until(() => isAcknowledged((states = statesOf(rotation, names)), named), signal);
    return states;
  };

  const require: Acknowledgements['require'] = async (names, signal, isVisible = VISIBLE) => {
    if (names.length === 0) return;
    await ready();
    const entry = await consumers.lastEntry();
    const stateOf = (name: string) => (readers.isKnown(name, isVisible) ? reach(name, entry) : 'NOT_FOUND');
    const haveAll = () => names.every((name) => stateOf(name) === 'ACKNOWLEDGED');
    await until(haveAll, AbortSignal.any([signal, AbortSignal.timeout(CATCH_UP_MS)]));
    await registry.look();
    const missing = names
      .map((name) => ({ name, state: stateOf(name) }))
      .filter(({ state }) => state !== 'ACKNOWLEDGED');
    if (missing.length > 0) throw consumersMissing(missing);
  };

  return {
    of: async (rotation) => {
      if (rotation.entry === undefined) return [];
      await ready();
      return statesOf(rotation, readers.readersOf(rotation.orgId));
    },
    ofBulk: async ({ id, orgId, entry }) => {
      if (entry === undefined) return [];
      await ready();
      const stateOf = (consumer: string) => reach(consumer, entry, undefined, id);
      return readers.readersOf(orgId).map((consumer) => ({ consumer, state: stateOf(consumer) }));
    },
    wait,
    require,
    waiting,
    close,
  };
};
