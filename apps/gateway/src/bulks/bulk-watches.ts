import { setTimeout as sleep } from 'node:timers/promises';
import type { Bulks } from '@rekey/ledger';
import { RekeyError, isBulkEnded, type BulkRotation } from '@rekey/schema';
import type { WorkerLiveness } from '../health/worker-liveness.ts';
import { shareReads } from '../shared/share-reads.ts';

const READ_EVERY_MS = 1000;

/** Whether it needs an operator to continue. */
const isStopped = ({ state }: BulkRotation): boolean => state === 'PAUSED' || state === 'HALTED';

export interface BulkWatches {
  /**
   * Yields a bulk rotation in its current state, then after every change, at most once a second. Ends after
   * an end state, and after a stop if `untilStopped` is set; within a second after the signal aborts.
   * Throws BULK_NOT_FOUND, and SHUTTING_DOWN if the gateway ends first.
   */
  watch(id: string, options: { untilStopped: boolean; signal: AbortSignal }): AsyncIterable<BulkRotation>;
  close(): void;
}

/** Computed once for all watchers of a reading. */
const createTexts = (): ((bulk: BulkRotation) => string) => {
  const texts = new WeakMap<BulkRotation, string>();
  return (bulk) => {
    const text = texts.get(bulk) ?? JSON.stringify(bulk);
    texts.set(bulk, text);
    return text;
  };
};

/** Reads each watched bulk rotation once a second, for all its watchers together. */
export const createBulkWatches = ({
  bulks: ledgerBulks,
  liveness,
  readEveryMs = READ_EVERY_MS,
}: {
  bulks: Pick<Bulks, 'get'>;
  liveness?: WorkerLiveness;
  readEveryMs?: number;
}): BulkWatches => {
  // A change of worker liveness is reported like a change of the counts.
  const get = shareReads(async (id) => ({
    ...(await ledgerBulks.get(id)),
    ...((await liveness?.noLiveWorker()) && { noLiveWorker: true }),
  }));
  const textOf = createTexts();
  const closing = new AbortController();
  const readings = new Map<string, Promise<BulkRotation>>();

  const read = async (id: string): Promise<BulkRotation> => {
    await sleep(readEveryMs, undefined, { signal: closing.signal }).catch(() => {
      throw new RekeyError('SHUTTING_DOWN');
    });
    // A watcher that comes from now on shares the next reading: this one may have been answered already.
    readings.delete(id);
    return get(id);
  };

  const nextReading = (id: string): Promise<BulkRotation> => {
    const reading = readings.get(id) ?? read(id);
    readings.set(id, reading);
    return reading;
  };

  return {
    watch: async function* (id, { untilStopped, signal }) {
      let bulk: BulkRotation = await get(id);
      let yielded: string | undefined;
      while (!signal.aborted) {
        const text = textOf(bulk);
        if (text !== yielded) {
          yield bulk;
          yielded = text;
        }
        if (isBulkEnded(bulk.state) || (untilStopped && isStopped(bulk))) return;
        bulk = await nextReading(id);
      }
    },
    close: () => closing.abort(),
  };
};
