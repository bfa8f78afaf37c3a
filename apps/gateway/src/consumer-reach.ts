import type { ConsumerPositions, Consumers } from '@rekey/ledger';
import {
  RekeyError,
  isAcknowledged,
  mayRead,
  type BulkRotation,
  type AcknowledgementState,
  type Rotation,
} from '@rekey/schema';

export interface ConsumerReach {
  consumer: string;
  state: AcknowledgementState;
}

/** Which consumers have applied what is published. */
export interface ConsumersReach {
  /** Of all that may read its org. Empty where it has published nothing. */
  of(rotation: Rotation): Promise<ConsumerReach[]>;
  /**
   * Waits until consumers have applied it: those that are named, or all that are live, of which there must be
   * one. The answer is how far each has come then, or when the time is up. Throws CONSUMER_NOT_FOUND,
   * CONSUMER_MAY_NOT_READ, CONSUMERS_MISSING if no consumer may read the org, and SHUTTING_DOWN.
   */
  wait(rotation: Rotation, named: readonly string[], signal: AbortSignal): Promise<ConsumerReach[]>;
  /**
   * Of all that may read the org of a bulk rotation: whether they have applied all keys that it has replaced
   * until now.
   */
  ofBulk(bulk: BulkRotation): Promise<ConsumerReach[]>;
  /**
   * Throws CONSUMERS_MISSING where any of these is not live, or has not applied all that is published, within
   * some seconds.
   */
  demand(names: readonly string[], signal: AbortSignal): Promise<void>;
  close(): void;
}

const MAX_NAMED = 10;

/** Names the first few, each with how far it is, which says what to do about it. */
const consumersMissing = (missing: { name: string; state: string }[]): RekeyError => {
  const first = missing.slice(0, MAX_NAMED);
  const more = missing.length - first.length;
  return new RekeyError('CONSUMERS_MISSING', {
    which: `${first.map(({ name, state }) => `${name} (${state})`).join(', ')}${more > 0 ? `, and ${more} more` : ''}`,
    metadata: { consumers: first.map(({ name }) => name).join(','), consumer_count: String(missing.length) },
  });
};

/** How long consumers that are demanded may take to catch up. */
const CATCH_UP_MS = 5000;

/**
 * `begun` resolves when the acknowledgements of before are read: until then everybody would look as if they
 * were gone.
 */
export const createConsumersReach = ({
  consumers,
  positions,
  begun,
}: {
  consumers: Consumers;
  positions: ConsumerPositions;
  begun: Promise<void>;
}): ConsumersReach => {
  const closing = new AbortController();

  const readersOf = async (orgId: string): Promise<string[]> => {
    await begun;
    return (await consumers.list()).consumers
      .filter(({ consumer }) => mayRead(consumer, orgId))
      .map(({ consumer }) => consumer.name);
  };
  const reachOf = ({ entry, assistantId, version }: Rotation, names: readonly string[]): ConsumerReach[] =>
    entry === undefined || version === undefined
      ? []
      : names.map((consumer) => ({
          consumer,
          state: positions.reach(consumer, entry, { assistantId, version }),
        }));

  const check = async (orgId: string, named: readonly string[]): Promise<void> => {
    for (const name of named) {
      const seen = await consumers.get(name);
      if (!seen) throw new RekeyError('CONSUMER_NOT_FOUND', { which: name, metadata: { consumers: name } });
      if (!mayRead(seen.consumer, orgId))
        throw new RekeyError('CONSUMER_MAY_NOT_READ', { which: name, metadata: { consumers: name } });
    }
  };

  /** Resolves when it is so, or the signal aborts. Throws SHUTTING_DOWN. */
  const until = async (isSo: () => boolean, signal: AbortSignal): Promise<void> => {
    const over = AbortSignal.any([signal, closing.signal]);
    for (;;) {
      let wake = () => {};
      const changed = new Promise<void>((resolve) => (wake = resolve));
      const stop = positions.onChange(wake);
      over.addEventListener('abort', wake);
      try {
        const done = isSo();
        if (closing.signal.aborted) throw new RekeyError('SHUTTING_DOWN');
        if (done || signal.aborted) return;
        await changed;
      } finally {
        stop();
        over.removeEventListener('abort', wake);
      }
    }
  };

  return {
    of: async (rotation) =>
      rotation.entry === undefined ? [] : reachOf(rotation, await readersOf(rotation.orgId)),

    wait: async (rotation, named, signal) => {
      await check(rotation.orgId, named);
      const names = await readersOf(rotation.orgId);
      if (rotation.state === 'SUCCEEDED' && names.length === 0) throw new RekeyError('CONSUMERS_MISSING');
      let reach = reachOf(rotation, names);
      // It has published nothing, or not yet: there is nothing to acknowledge.
      if (reach.length === 0) return reach;
      await until(() => isAcknowledged((reach = reachOf(rotation, names)), named), signal);
      return reach;
    },

    ofBulk: async ({ orgId, entry }) =>
      entry === undefined
        ? []
        : (await readersOf(orgId)).map((consumer) => ({ consumer, state: positions.reach(consumer, entry) })),

    demand: async (names, signal) => {
      if (names.length === 0) return;
      await begun;
      const entry = await consumers.lastEntry();
      const haveAll = () => names.every((name) => positions.reach(name, entry) === 'ACKNOWLEDGED');
      await until(haveAll, AbortSignal.any([signal, AbortSignal.timeout(CATCH_UP_MS)]));
      if (haveAll()) return;
      const known = new Set((await consumers.list()).consumers.map(({ consumer }) => consumer.name));
      const missing = names.flatMap((name) => {
        const state = known.has(name) ? positions.reach(name, entry) : 'NOT_FOUND';
        return state === 'ACKNOWLEDGED' ? [] : [{ name, state }];
      });
      // All of them may have caught up since the time was up.
      if (missing.length > 0) throw consumersMissing(missing);
    },

    close: () => closing.abort(),
  };
};
