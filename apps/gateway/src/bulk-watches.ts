import { setTimeout as sleep } from 'node:timers/promises';
import type { Bulks } from '@rekey/ledger';
import { RekeyError, isBulkEnded, type BulkRotation } from '@rekey/schema';
import type { Liveness } from './liveness.ts';

const READ_EVERY_MS = 1000;

/** Where it waits for somebody. */
const isStopped = ({ state }: BulkRotation): boolean => state === 'PAUSED' || state === 'HALTED';

export interface BulkWatches {
  /**
   * A bulk as it is now, and again whenever it has changed, at most once a second; ends after an end state,
   * or where it has stopped.
   * Throws BULK_NOT_FOUND, and SHUTTING_DOWN where the gateway ends first. Ends within a second of the
   * signal.
   */
  watch(id: string, options: { untilStopped: boolean; signal: AbortSignal }): AsyncIterable<BulkRotation>;
  close(): void;
}

/** However many watch a bulk, it is read once a second. */
export const createBulkWatches = ({
  bulks: ledgerBulks,
  liveness,
  readEveryMs = READ_EVERY_MS,
}: {
  bulks: Pick<Bulks, 'get'>;
  liveness?: Liveness;
  readEveryMs?: number;
}): BulkWatches => {
  // Whether a worker is live is news as much as a count is.
  const bulks: Pick<Bulks, 'get'> = {
    get: async (id) => ({
      ...(await ledgerBulks.get(id)),
      ...((await liveness?.noLiveWorker()) && { noLiveWorker: true }),
    }),
  };
  const closing = new AbortController();
  const readings = new Map<string, Promise<BulkRotation>>();

  const read = async (id: string): Promise<BulkRotation> => {
    await sleep(readEveryMs, undefined, { signal: closing.signal }).catch(() => {
      throw new RekeyError('SHUTTING_DOWN');
    });
    // Who comes from now on waits for the next one: this may be answered already.
    readings.delete(id);
    return bulks.get(id);
  };

  const nextReading = (id: string): Promise<BulkRotation> => {
    const reading = readings.get(id) ?? read(id);
    readings.set(id, reading);
    return reading;
  };

  return {
    watch: async function* (id, { untilStopped, signal }) {
      let bulk = await bulks.get(id);
      let told: string | undefined;
      while (!signal.aborted) {
        const text = JSON.stringify(bulk);
        if (text !== told) {
          yield bulk;
          told = text;
        }
        if (isBulkEnded(bulk.state) || (untilStopped && isStopped(bulk))) return;
        bulk = await nextReading(id);
      }
    },
    close: () => closing.abort(),
  };
};
