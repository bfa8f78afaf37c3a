import type { EventEntry, EventsMessage } from '@rekey/client';
import { createArrivals, isBefore } from '@rekey/schema';
import type { Place, StreamItem } from '../source/source.ts';
import { itemsOfEntry, skippedOf } from './stored-texts.ts';

/** What one watch has sent and the follower has not taken. */
export interface WatchedItems {
  /** The place that the follower has read to. */
  follow(place: Place): void;
  /** Takes everything that has arrived. */
  take(): StreamItem[];
  /** Takes word of entries that were skipped. The watch will tell of them too. */
  skip(entry: EventEntry): StreamItem[];
  /** Resolves when there is something to take, it has ended, or the time is over. */
  arrival(ms: number): Promise<void>;
  /** When something last arrived (`performance.now()`), or the watch began. */
  readonly arrivedMs: number;
  readonly size: number;
  /** Ends the watch. */
  stop(): void;
}

/** A watch is read no further while as much waits to be applied: the gateway then sends nothing. */
const MAX_WAITING_ITEMS = 1000;
const MAX_WAITING_CHARACTERS = 4 * 1024 * 1024;

/** The place after an entry that tells of skipped ones only. */
const placeAfter = (entry: EventEntry, before: Place): Place => {
  const last = skippedOf(entry).at(-1);
  return last ? { id: entry.id, seq: last.last, run: last.run ?? before.run } : { ...before, id: entry.id };
};

export const createWatchedItems = (
  begin: Place,
  open: (signal: AbortSignal) => AsyncIterable<EventsMessage>,
  onEnd: (fault: Error) => void,
): WatchedItems => {
  let waiting: EventEntry[] = [];
  let characters = 0;
  let arrivedMs = performance.now();
  const arrivals = createArrivals();
  let onRoom = (): void => {};
  /** The place up to which the watch has told everything that was taken. */
  let told = begin;
  let following = begin;
  /** Word of skipped entries has led the follower beyond that place. */
  let isAhead = false;
  const stopping = new AbortController();

  const isFull = (): boolean => waiting.length > MAX_WAITING_ITEMS || characters > MAX_WAITING_CHARACTERS;
  const run = async (): Promise<void> => {
    for await (const { entries } of open(stopping.signal)) {
      for (const entry of entries) {
        waiting.push(entry);
        characters += entry.event?.length ?? 0;
      }
      if (entries.length > 0) arrivedMs = performance.now();
      arrivals.arrived();
      while (isFull()) await new Promise<void>((resolve) => (onRoom = resolve));
    }
  };
  run().catch((error: Error) => {
    if (!stopping.signal.aborted) onEnd(error);
    arrivals.arrived();
  });

  /** The follower knows already of all that the entry tells of. */
  const isKnown = ({ id, event, withheld }: EventEntry): boolean =>
    isAhead && event === undefined && !withheld && !isBefore(following.id, id);

  return {
    get size() {
      return waiting.length;
    },
    stop: () => {
      stopping.abort();
      waiting = [];
      characters = 0;
      onRoom();
    },
    follow: (place) => {
      following = place;
      if (!isAhead) told = place;
    },
    take: () => {
      const entries = waiting;
      waiting = [];
      characters = 0;
      onRoom();
      const items: StreamItem[] = [];
      for (const entry of entries) {
        if (isKnown(entry)) {
          told = placeAfter(entry, told);
          continue;
        }
        const [first, ...others] = itemsOfEntry(entry);
        items.push(isAhead ? { ...first!, from: told } : first!, ...others);
        isAhead = false;
      }
      return items;
    },
    skip: (entry) => {
      isAhead = true;
      return itemsOfEntry(entry);
    },
    arrival: (ms) => (waiting.length > 0 ? Promise.resolve() : arrivals.within(ms)),
    get arrivedMs() {
      return arrivedMs;
    },
  };
};
