import type { BulkRange, BulkWork } from '@rekey/ledger';
import { CLAIM_SIZE } from './runner-options.ts';

/** A range that was drawn, and what of it is still to be claimed. */
export interface DrawnRange {
  range: BulkRange;
  /** The order of its bulk rotation; lower goes first. */
  place: number;
  /** Some of it was claimed, or did not have to be. */
  progressed: boolean;
}

/**
 * How many ranges are drawn at the same time, so that a bulk rotation that is blocked does not stop the
 * others. One more is drawn for a bulk rotation that goes before the last of them. If even that is one too
 * many, the last one is dropped.
 */
const MAX_RANGES = 3;
/** One bulk rotation may have its next range drawn beside the one that ends. */
const MAX_RANGES_OF_BULK = 2;

/** The ranges that this worker has drawn, in the order of their bulk rotations. */
export interface Ranges {
  add(drawn: DrawnRange): Promise<void>;
  drop(drawn: DrawnRange): Promise<void>;
  find(matches: (drawn: DrawnRange) => boolean): DrawnRange | undefined;
  isEmpty(): boolean;
  /** If no further range may be drawn: the place before which one may. */
  before(): number | undefined;
  /** Bulk rotations whose next assistants are drawn already. */
  suppliedBulks(): string[];
  renew(leaseMs: number): Promise<unknown>[];
  close(): Promise<void>;
}

export const createRanges = (work: Pick<BulkWork, 'dropRange' | 'renew'>, token: string): Ranges => {
  /** In the order of places: the later ones are used only if the earlier ones cannot use the room. */
  const ranges: DrawnRange[] = [];

  const drop = async (drawn: DrawnRange): Promise<void> => {
    ranges.splice(ranges.indexOf(drawn), 1);
    await work.dropRange(drawn.range, token);
  };
  const isSupplied = (bulkId: string): boolean => {
    const own = ranges.filter(({ range }) => range.bulkId === bulkId);
    return (
      own.length >= MAX_RANGES_OF_BULK ||
      own.reduce((sum, { range }) => sum + range.waiting.length, 0) > 2 * CLAIM_SIZE
    );
  };

  return {
    add: async (drawn) => {
      const after = ranges.findIndex(({ place }) => place > drawn.place);
      ranges.splice(after === -1 ? ranges.length : after, 0, drawn);
      if (ranges.length > MAX_RANGES + 1) await drop(ranges.at(-1)!);
    },
    drop,
    find: (matches) => ranges.find(matches),
    isEmpty: () => ranges.length === 0,
    before: () => (ranges.length >= MAX_RANGES ? ranges.at(-1)!.place : undefined),
    suppliedBulks: () => [...new Set(ranges.map(({ range }) => range.bulkId).filter(isSupplied))],
    renew: (leaseMs) => ranges.map(({ range }) => work.renew(range.bulkId, token, leaseMs, range)),
    close: async () => {
      await Promise.allSettled(ranges.splice(0).map(({ range }) => work.dropRange(range, token)));
    },
  };
};
