/** Below the 4 MiB that gRPC clients take by default, also with one more item of the largest kind. */
const PAGE_BYTES = 1024 * 1024;

export interface PageOfItems<T> {
  items: T[];
  /** The place of the last one; set if more follow. */
  next?: string;
}

/**
 * A page of what was read as a whole, in its order. `placeOf` names an item's place, `isAfter` tells whether
 * one place follows another. A page ends early when its items are large.
 */
export const pageOf = async <T, Shown>(
  all: readonly T[],
  {
    size,
    after,
    placeOf,
    isAfter,
    show,
  }: {
    size: number;
    after: string | undefined;
    placeOf: (item: T) => string;
    isAfter: (place: string, other: string) => boolean;
    show: (item: T) => Shown | Promise<Shown>;
  },
): Promise<PageOfItems<Shown>> => {
  const rest = after === undefined ? all : all.filter((item) => isAfter(placeOf(item), after));
  const items: Shown[] = [];
  let bytes = 0;
  for (const item of rest.slice(0, size)) {
    if (bytes >= PAGE_BYTES) break;
    const shown = await show(item);
    items.push(shown);
    bytes += Buffer.byteLength(JSON.stringify(shown));
  }
  return { items, ...(rest.length > items.length && { next: placeOf(rest[items.length - 1]!) }) };
};
