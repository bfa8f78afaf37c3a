import type { ConsumerPositions, Consumers, Reach } from '@rekey/ledger';
import { RekeyError, mayRead, type Rotation } from '@rekey/schema';

export interface ConsumerReach {
  consumer: string;
  state: Reach;
}

/** Which consumers have applied what a rotation has published. */
export interface RotationReach {
  /** Of all that may read its org. Empty where it has published nothing. */
  of(rotation: Rotation): Promise<ConsumerReach[]>;
  /**
   * Waits until consumers have applied it: those that are named, or all that are live. The answer is how far each has come then, or when the time is up. Throws
   * CONSUMER_NOT_FOUND and CONSUMER_MAY_NOT_READ, and SHUTTING_DOWN.
   */
  wait(rotation: Rotation, named: readonly string[], signal: AbortSignal): Promise<ConsumerReach[]>;
  close(): void;
}

export const createRotationReach = ({ consumers, positions }: { consumers: Consumers; positions: ConsumerPositions }): RotationReach => {
  const closing = new AbortController();

  const readersOf = async (orgId: string): Promise<string[]> => (await consumers.list()).consumers.filter(({ consumer }) => mayRead(consumer, orgId)).map(({ consumer }) => consumer.name);
  const reachOf = ({ entry, assistantId, version }: Rotation, names: readonly string[]): ConsumerReach[] =>
    entry === undefined || version === undefined ? [] : names.map((consumer) => ({ consumer, state: positions.reach(consumer, entry, { assistantId, version }) }));

  const check = async (orgId: string, named: readonly string[]): Promise<void> => {
    for (const name of named) {
      const seen = await consumers.get(name);
      if (!seen) throw new RekeyError('CONSUMER_NOT_FOUND');
      if (!mayRead(seen.consumer, orgId)) throw new RekeyError('CONSUMER_MAY_NOT_READ');
    }
  };

  return {
    of: async (rotation) => (rotation.entry === undefined ? [] : reachOf(rotation, await readersOf(rotation.orgId))),

    wait: async (rotation, named, signal) => {
      await check(rotation.orgId, named);
      const names = await readersOf(rotation.orgId);
      const isWaitedFor = ({ consumer, state }: ConsumerReach) => (named.length > 0 ? named.includes(consumer) && state !== 'ACKNOWLEDGED' : state === 'PENDING' || state === 'UNAPPLIED');
      const over = AbortSignal.any([signal, closing.signal]);
      for (;;) {
        let wake = () => {};
        const changed = new Promise<void>((resolve) => (wake = resolve));
        const stop = positions.onChange(wake);
        over.addEventListener('abort', wake);
        try {
          const reach = reachOf(rotation, names);
          if (closing.signal.aborted) throw new RekeyError('SHUTTING_DOWN');
          if (signal.aborted || !reach.some(isWaitedFor)) return reach;
          await changed;
        } finally {
          stop();
          over.removeEventListener('abort', wake);
        }
      }
    },

    close: () => closing.abort(),
  };
};
