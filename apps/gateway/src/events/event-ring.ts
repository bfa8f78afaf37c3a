import type { StreamEntry } from '@rekey/ledger';
import { isBefore } from '@rekey/schema';
import { factsOf, reduceMalformed, type EventFacts } from './event-facts.ts';

/** An entry of the stream, read once for all watchers. */
export interface SeenEvent {
  id: string;
  facts: EventFacts;
  /** What consumers receive of it. */
  text: string;
}

export const seenOf = ({ id, text }: StreamEntry): SeenEvent => {
  const facts = factsOf(text);
  return { id, facts, text: facts.kind === 'malformed' ? reduceMalformed(text) : (text ?? '') };
};

const MAX_ENTRIES = 10_000;
const MAX_CHARACTERS = 16 * 1024 * 1024;

/** The newest entries of the stream of events, without a gap. */
export class EventRing {
  /** It holds every entry after this position. */
  start: string;
  private entries: SeenEvent[] = [];
  private characters = 0;
  /** The last answer of `after`: watches that have come as far ask the same. */
  private last: { position: string; most: number; entries: readonly SeenEvent[] } | undefined;

  constructor(start: string) {
    this.start = start;
  }

  /** The position of the newest entry. */
  get head(): string {
    return this.entries.at(-1)?.id ?? this.start;
  }

  add(entries: readonly SeenEvent[]): void {
    for (const entry of entries) {
      this.entries.push(entry);
      this.characters += entry.text.length;
    }
    let gone = 0;
    const isFull = () => this.entries.length - gone > MAX_ENTRIES || this.characters > MAX_CHARACTERS;
    while (gone < this.entries.length && isFull()) {
      const { id, text } = this.entries[gone]!;
      this.characters -= text.length;
      this.start = id;
      gone += 1;
    }
    if (gone > 0) this.entries.splice(0, gone);
    this.last = undefined;
  }

  /** Whether it holds everything after a position. */
  holdsAfter(position: string): boolean {
    return !isBefore(position, this.start);
  }

  /** The next entries after a position that is not before `start`. */
  after(position: string, most: number): readonly SeenEvent[] {
    const { last } = this;
    if (last?.position === position && last.most === most) return last.entries;
    let [first, end] = [0, this.entries.length];
    while (first < end) {
      const middle = (first + end) >> 1;
      if (isBefore(position, this.entries[middle]!.id)) end = middle;
      else first = middle + 1;
    }
    const entries = this.entries.slice(first, first + most);
    this.last = { position, most, entries };
    return entries;
  }
}
