import type { ConsumerPositions, Consumers } from '@rekey/ledger';
import {
  RekeyError,
  isAcknowledged,
  mayRead,
  type BulkRotation,
  type AcknowledgementState,
  type Consumer,
  type Rotation,
} from '@rekey/schema';
import { shareReads } from '../shared/share-reads.ts';
import { createPositionWaits } from './position-waits.ts';

/** Whether one consumer has applied what was published. */
interface Acknowledgement {
  consumer: string;
  state: AcknowledgementState;
}

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
  wait(rotation: Rotation, named: readonly string[], signal: AbortSignal): Promise<Acknowledgement[]>;
  /**
   * For every consumer that may read the org of a bulk rotation: whether it has applied all keys that the
   * bulk rotation has replaced so far.
   */
  ofBulk(bulk: BulkRotation): Promise<Acknowledgement[]>;
  /**
   * Throws CONSUMERS_MISSING unless each of these consumers is live and applies everything that is published
   * within a few seconds.
   */
  require(names: readonly string[], signal: AbortSignal): Promise<void>;
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

type Reader = Pick<Consumer, 'name' | 'grant_kid'>;

/** How long required consumers may take to catch up. */
const CATCH_UP_MS = 5000;

/** What is registered. Each read is shared by all calls that are answered at the same time. */
const createRegistry = (consumers: Pick<Consumers, 'get' | 'list'>) => {
  const list = shareReads(async () => (await consumers.list()).consumers);
  const get = shareReads((name) => consumers.get(name));
  return {
    all: async () => (await list('all')).map(({ consumer }) => consumer),
    readersOf: async (orgId: string): Promise<Reader[]> =>
      (await list('all')).map(({ consumer }) => consumer).filter((consumer) => mayRead(consumer, orgId)),
    checkNamed: async (orgId: string, named: readonly string[]): Promise<void> => {
      for (const name of named) {
        const seen = await get(name);
        const about = { which: name, metadata: { consumers: name } };
        if (!seen) throw new RekeyError('CONSUMER_NOT_FOUND', about);
        if (!mayRead(seen.consumer, orgId)) throw new RekeyError('CONSUMER_MAY_NOT_READ', about);
      }
    },
  };
};

/**
 * `positionsRead` resolves when earlier acknowledgements have been read: before that, every consumer would
 * look as if it were gone.
 */
export const createAcknowledgements = ({
  consumers,
  positions,
  positionsRead,
}: {
  consumers: Consumers;
  positions: ConsumerPositions;
  positionsRead: Promise<void>;
}): Acknowledgements => {
  const { until, waiting, close } = createPositionWaits(positions);
  const registry = createRegistry(consumers);

  const readersOf = async (orgId: string): Promise<Reader[]> => {
    await positionsRead;
    return registry.readersOf(orgId);
  };

  const statesOf = (
    { entry, assistantId, version }: Rotation,
    readers: readonly Reader[],
  ): Acknowledgement[] =>
    entry === undefined || version === undefined
      ? []
      : readers.map(({ name, grant_kid: kid }) => ({
          consumer: name,
          state: positions.reach(name, entry, { assistantId, version }, kid),
        }));

  const wait: Acknowledgements['wait'] = async (rotation, named, signal) => {
    await registry.checkNamed(rotation.orgId, named);
    const readers = await readersOf(rotation.orgId);
    if (rotation.state === 'SUCCEEDED' && readers.length === 0) throw new RekeyError('CONSUMERS_MISSING');
    let states = statesOf(rotation, readers);
    // Nothing is published, so there is nothing to acknowledge.
    if (states.length === 0) return states;
    await until(() => isAcknowledged((states = statesOf(rotation, readers)), named), signal);
    return states;
  };

  const require: Acknowledgements['require'] = async (names, signal) => {
    if (names.length === 0) return;
    await positionsRead;
    const entry = await consumers.lastEntry();
    const known = new Map((await registry.all()).map((consumer) => [consumer.name, consumer]));
    const stateOf = (name: string) => positions.reach(name, entry, undefined, known.get(name)?.grant_kid);
    const haveAll = () => names.every((name) => stateOf(name) === 'ACKNOWLEDGED');
    await until(haveAll, AbortSignal.any([signal, AbortSignal.timeout(CATCH_UP_MS)]));
    if (haveAll()) return;
    const missing = names.flatMap((name) => {
      const state = known.has(name) ? stateOf(name) : 'NOT_FOUND';
      return state === 'ACKNOWLEDGED' ? [] : [{ name, state }];
    });
    // All of them may have caught up since the time was up.
    if (missing.length > 0) throw consumersMissing(missing);
  };

  return {
    of: async (rotation) =>
      rotation.entry === undefined ? [] : statesOf(rotation, await readersOf(rotation.orgId)),
    ofBulk: async ({ orgId, entry }) =>
      entry === undefined
        ? []
        : (await readersOf(orgId)).map(({ name, grant_kid: kid }) => ({
            consumer: name,
            state: positions.reach(name, entry, undefined, kid),
          })),
    wait,
    require,
    waiting,
    close,
  };
};
