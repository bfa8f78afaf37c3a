import type { EventEntry } from '@rekey/rpc';
import { verdictOf, type ConsumerView } from './consumer-view.ts';
import type { EventFacts } from './event-facts.ts';
import type { SeenEvent } from './event-ring.ts';

interface Range {
  firstSeq: number;
  lastSeq: number;
  run: number;
}

/** The numbers of entries that follow each other and are not for a consumer. */
class SkippedNumbers {
  private ranges: Range[] = [];

  add({ seq, run = 0 }: Pick<EventFacts, 'seq' | 'run'>): void {
    if (seq === undefined) return;
    const last = this.ranges.at(-1);
    if (last !== undefined && last.run === run && seq === last.lastSeq + 1) last.lastSeq = seq;
    else this.ranges.push({ firstSeq: seq, lastSeq: seq, run });
  }

  get size(): number {
    return this.ranges.length;
  }

  take(): Range[] {
    const { ranges } = this;
    this.ranges = [];
    return ranges;
  }
}

/** The limit of ranges in a message. Only numbers that do not rise by one reach it. */
const MANY_RANGES = 1000;

/** Makes the entries of one watch: each tells what was skipped before it. */
export class EntryMessages {
  private readonly skipped = new SkippedNumbers();
  /** The last entry that was skipped and is not told yet. */
  private untold: string | undefined;

  /** The entry as the consumer receives it; undefined if it is skipped. */
  next(view: ConsumerView, { id, facts, text }: SeenEvent): EventEntry | undefined {
    const verdict = verdictOf(view, facts);
    if (verdict === 'skipped') {
      this.skipped.add(facts);
      this.untold = id;
      return undefined;
    }
    const entry = { id, skipped: this.skipped.take() };
    this.untold = undefined;
    if (verdict === 'whole') return { ...entry, event: text };
    const { subject, version, seq = 0, run = 0 } = facts;
    return { ...entry, withheld: { assistantId: subject, version, seq, run } };
  }

  /** What was skipped should be told, whether or not anything else is. */
  get areMany(): boolean {
    return this.skipped.size >= MANY_RANGES;
  }

  /** What was skipped after the last entry; undefined if nothing was. */
  rest(): EventEntry | undefined {
    const { untold } = this;
    this.untold = undefined;
    return untold === undefined ? undefined : { id: untold, skipped: this.skipped.take() };
  }
}

/** One entry without what was skipped before it. */
export const singleEntry = (view: ConsumerView, seen: SeenEvent): EventEntry => {
  const messages = new EntryMessages();
  return messages.next(view, seen) ?? messages.rest()!;
};
