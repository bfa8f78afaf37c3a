import { prepare, type EventEntry, type WatchEventsResponse } from '@rekey/rpc';
import { verdictOf, type ConsumerView } from './consumer-view.ts';
import type { EventFacts } from './event-facts.ts';
import type { SeenEvent } from './event-ring.ts';

interface Range {
  firstSeq: number;
  lastSeq: number;
  run: number;
}

/** The limit of ranges in a message. Only numbers that do not rise by one reach it. */
const MANY_RANGES = 1000;

/** Makes the entries of one watch: each tells what was skipped before it. */
export class EntryMessages {
  /** The numbers of the entries that were skipped and are not told yet. */
  private ranges: Range[] = [];
  /** The last entry that was skipped and is not told yet. */
  private untold: string | undefined;

  /** The entry as the consumer receives it; undefined if it is skipped. */
  next(view: ConsumerView, { id, facts, text }: SeenEvent): EventEntry | undefined {
    const verdict = verdictOf(view, facts);
    if (verdict === 'skipped') {
      this.skip(facts);
      this.untold = id;
      return undefined;
    }
    const entry = { id, skipped: this.take() };
    this.untold = undefined;
    if (verdict === 'whole') return { ...entry, event: text };
    const { subject, version, seq = 0, run = 0 } = facts;
    return { ...entry, withheld: { assistantId: subject, version, seq, run } };
  }

  /** What was skipped should be told, whether or not anything else is. */
  get areMany(): boolean {
    return this.ranges.length >= MANY_RANGES;
  }

  /** Nothing was skipped that is not told. */
  get isClean(): boolean {
    return this.untold === undefined;
  }

  /** What was skipped after the last entry; undefined if nothing was. */
  rest(): EventEntry | undefined {
    const { untold } = this;
    this.untold = undefined;
    return untold === undefined ? undefined : { id: untold, skipped: this.take() };
  }

  copy(): EntryMessages {
    const copy = new EntryMessages();
    copy.ranges = this.ranges.map((range) => ({ ...range }));
    copy.untold = this.untold;
    return copy;
  }

  private skip({ seq, run = 0 }: Pick<EventFacts, 'seq' | 'run'>): void {
    if (seq === undefined) return;
    const last = this.ranges.at(-1);
    if (last !== undefined && last.run === run && seq === last.lastSeq + 1) last.lastSeq = seq;
    else this.ranges.push({ firstSeq: seq, lastSeq: seq, run });
  }

  private take(): Range[] {
    const { ranges } = this;
    this.ranges = [];
    return ranges;
  }
}

/** One entry without what was skipped before it. */
export const singleEntry = (view: ConsumerView, seen: SeenEvent): EventEntry => {
  const messages = new EntryMessages();
  return messages.next(view, seen) ?? messages.rest()!;
};

/** How far a watch has come. Never changes: watches of one consumer share it. */
export interface WatchPlace {
  /** Everything up to here is told. */
  readonly told: string;
  /** Everything up to here is read. */
  readonly read: string;
  /** What was skipped between the two. */
  readonly messages: EntryMessages;
}

export const beginAt = (after: string): WatchPlace => ({
  told: after,
  read: after,
  messages: new EntryMessages(),
});

/** What a watch sends next, and its place after that. */
export interface WatchStep {
  /** Undefined if there is nothing to send. */
  readonly message: WatchEventsResponse | undefined;
  readonly place: WatchPlace;
  readonly characters: number;
}

/** A message ends after the entry that exceeds this. */
const MESSAGE_CHARACTERS = 1024 * 1024;
/** A longer message, which has a long event, is not kept for other watches. */
const MAX_SHARED_CHARACTERS = 2 * MESSAGE_CHARACTERS;

/** Keeps nothing of what was read and is not sent: the caller may take no message for long. */
const stepOver = (view: ConsumerView, place: WatchPlace, seen: readonly SeenEvent[]): WatchStep => {
  const messages = place.messages.copy();
  const entries: EventEntry[] = [];
  let [read, characters] = [place.read, 0];
  for (const one of seen) {
    read = one.id;
    const entry = messages.next(view, one);
    if (entry === undefined) continue;
    entries.push(entry);
    characters += one.text.length;
    if (characters >= MESSAGE_CHARACTERS) break;
  }
  // A message that is sent anyway tells everything that was read.
  const rest = entries.length > 0 ? messages.rest() : undefined;
  if (rest) entries.push(rest);
  return {
    message: entries.length > 0 ? prepare<WatchEventsResponse>({ entries, after: place.told }) : undefined,
    place: { told: entries.at(-1)?.id ?? place.told, read, messages },
    characters,
  };
};

/** Tells what was skipped, without another entry. */
const stepToRest = (place: WatchPlace): WatchStep => {
  const messages = place.messages.copy();
  const rest = messages.rest();
  if (rest === undefined) return { message: undefined, place, characters: 0 };
  return {
    message: prepare<WatchEventsResponse>({ entries: [rest], after: place.told }),
    place: { told: rest.id!, read: place.read, messages },
    characters: 0,
  };
};

interface KnownStep {
  view: ConsumerView;
  from: WatchPlace;
  first: SeenEvent | undefined;
  last: SeenEvent | undefined;
  count: number;
  step: WatchStep;
}

/** Nothing but the position decides what follows. */
const isSamePlace = (one: WatchPlace, other: WatchPlace): boolean =>
  one === other ||
  (one.messages.isClean && other.messages.isClean && one.told === other.told && one.read === other.read);

/**
 * The last step of any watch of one consumer. Watches that have come as far, and read the same entries, send
 * the same message, which is made and encoded once.
 */
export class SharedSteps {
  /** Weak: a consumer to which nothing is sent for long keeps no message in memory. */
  private last: WeakRef<KnownStep> | undefined;

  /** With no entries, tells what was skipped. */
  next(view: ConsumerView, from: WatchPlace, seen: readonly SeenEvent[]): WatchStep {
    const known = this.last?.deref();
    const [first, last, count] = [seen[0], seen.at(-1), seen.length];
    const isKnown =
      known !== undefined &&
      known.view === view &&
      known.count === count &&
      known.first === first &&
      known.last === last &&
      isSamePlace(known.from, from);
    if (isKnown) return known.step;
    const step = count > 0 ? stepOver(view, from, seen) : stepToRest(from);
    const isWorthIt = count > 0 || step.message !== undefined;
    if (isWorthIt && step.characters <= MAX_SHARED_CHARACTERS)
      this.last = new WeakRef({ view, from, first, last, count, step });
    return step;
  }
}
