import { isBefore } from '@rekey/schema';

const MAX_KNOWN = 1000;
/** An entry may be gone by then. */
const KNOWN_FOR_MS = 600_000;

interface Bounds {
  /** An id, `(` and an id for what comes after it, `-` or `+`. */
  from: string;
  to: string;
  newestFirst: boolean;
}

/** Whether an id lies on the inner side of a bound. */
const isAfter = (id: string, bound: string): boolean => {
  if (bound === '-') return true;
  return bound.startsWith('(') ? isBefore(bound.slice(1), id) : !isBefore(id, bound);
};
const isUpTo = (id: string, bound: string): boolean => {
  if (bound === '+') return true;
  return bound.startsWith('(') ? isBefore(id, bound.slice(1)) : !isBefore(bound, id);
};

/**
 * The entries that were found too long to be records. Redis copies an entry that a script looks at: one of
 * 100 MB holds up Redis for tenths of a second, and so is looked at once, and not by every reader.
 */
export class LongEntries {
  /** When each was found, by `performance.now()`. */
  private readonly foundAt = new Map<string, number>();

  add(id: string): void {
    this.foundAt.set(id, performance.now());
    if (this.foundAt.size > MAX_KNOWN) this.foundAt.delete(this.foundAt.keys().next().value!);
  }

  /** The first one in a range, in the direction of reading. */
  firstIn({ from, to, newestFirst }: Bounds): string | undefined {
    let first: string | undefined;
    for (const [id, atMs] of this.foundAt) {
      if (performance.now() - atMs > KNOWN_FOR_MS) this.foundAt.delete(id);
      else if (newestFirst ? isUpTo(id, from) && isAfter(id, to) : isAfter(id, from) && isUpTo(id, to))
        if (first === undefined || isBefore(id, first) !== newestFirst) first = id;
    }
    return first;
  }
}
