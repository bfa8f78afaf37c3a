import { isBefore } from '@rekey/schema';
import type { SeenEntry } from './activity-entry.ts';

/** What is kept in memory for all watchers. One that is further behind reads by itself. */
const MAX_ENTRIES = 1000;
const MAX_BYTES = 4 * 1024 * 1024;
/** A watcher that does not read its batch keeps it in memory. */
const BATCH_ENTRIES = 50;

const bytesOf = (entry: SeenEntry): number =>
  entry.record === undefined
    ? 0
    : 2 * (JSON.stringify(entry.record).length + JSON.stringify(entry.others).length);

/** The newest entries of the stream of activity, without a gap. */
export class ActivityTail {
  /** It holds every entry after this position. */
  start: string;
  private entries: { entry: SeenEntry; bytes: number }[] = [];
  private bytes = 0;

  constructor(start: string) {
    this.start = start;
  }

  /** The position of the newest entry. */
  get head(): string {
    return this.entries.at(-1)?.entry.position ?? this.start;
  }

  add(entries: readonly SeenEntry[]): void {
    for (const entry of entries) {
      const bytes = bytesOf(entry);
      this.entries.push({ entry, bytes });
      this.bytes += bytes;
    }
    let gone = 0;
    while (this.entries.length - gone > MAX_ENTRIES || this.bytes > MAX_BYTES) {
      const { entry, bytes } = this.entries[gone]!;
      this.bytes -= bytes;
      this.start = entry.position;
      gone += 1;
    }
    this.entries.splice(0, gone);
  }

  /** The next entries after a position that is not before `start`. */
  after(position: string): SeenEntry[] {
    let [first, end] = [0, this.entries.length];
    while (first < end) {
      const middle = (first + end) >> 1;
      if (isBefore(position, this.entries[middle]!.entry.position)) end = middle;
      else first = middle + 1;
    }
    return this.entries.slice(first, first + BATCH_ENTRIES).map(({ entry }) => entry);
  }
}
