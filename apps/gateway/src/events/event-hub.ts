import { setTimeout as sleep } from 'node:timers/promises';
import type { EventsEnd, StreamEntry } from '@rekey/ledger';
import { RekeyError, ReplyTooLarge, createArrivals, isBefore } from '@rekey/schema';
import { shareReadsInTurns } from '../shared/fair-turns.ts';
import { verdictOf, type ConsumerView } from './consumer-view.ts';
import type { ConsumerViews } from './consumer-views.ts';
import { SharedSteps } from './entry-messages.ts';
import { EventRing, seenOf, type SeenEvent } from './event-ring.ts';
import { Waiter, WatchRounds } from './watch-rounds.ts';

/** The reads of one who follows the stream, on a connection that may block. */
interface FollowedStream {
  wait(id: string, ms: number): Promise<StreamEntry | undefined>;
  after(id: string): Promise<EventsEnd & { entries: StreamEntry[]; more: boolean }>;
  end(): Promise<EventsEnd>;
  onLost(listener: () => void): void;
}

interface EventHubOptions {
  views: ConsumerViews;
  /** For watchers that are behind. */
  readAfter(id: string): Promise<{ entries: StreamEntry[] }>;
  /** Opens the stream on a connection of its own. Called for the first caller. */
  follow(): FollowedStream & { disconnect(): void };
  onError(error: unknown): void;
}

/** One watch of a consumer. */
export interface EventWatch {
  /** The consumer, as it is believed now. Throws if it is not served any more. */
  view(): ConsumerView;
  /** The next entries after a position; none at the end of the stream. */
  read(position: string): Promise<readonly SeenEvent[]>;
  /** Makes the messages, for all watches of the consumer. */
  steps: Pick<SharedSteps, 'next'>;
  /**
   * Resolves when there may be something for the consumer after the last read, or to tell what is not: with
   * the next round of messages. `position`: how far the watch has come with the message that it has sent.
   */
  next(signal: AbortSignal, position?: string): Promise<void>;
  end(): void;
}

/** Reads the stream once for all watchers: each entry is parsed once, and judged once for each consumer. */
export interface EventHub {
  /** Watches that are behind take turns by `party`. */
  watch(consumer: string, party: string): Promise<EventWatch>;
  /** The entries between two positions, as far as they are in memory. */
  between(after: string, through: string): Promise<readonly SeenEvent[] | undefined>;
  close(): Promise<void>;
}

const BLOCK_MS = 1000;
const PAUSE_AFTER_ERROR_MS = 500;
/** Watchers are told of entries that were skipped after this number, or share of what is kept in memory. */
const TELL_AFTER_ENTRIES = 500;
const TELL_AFTER_CHARACTERS = 4 * 1024 * 1024;
const ENTRIES_A_READ = 200;
const READS_AT_ONCE = 8;
/** Between two messages of a watch that is behind. */
const BEHIND_PAUSE_MS = 5;
const REACHES_WITHIN_MS = 500;

/** The watchers of one consumer that wait. */
interface Group {
  view: ConsumerView;
  watches: number;
  waiting: Set<() => void>;
  steps: SharedSteps;
}

class Groups {
  private readonly byName = new Map<string, Group>();
  private readonly views: ConsumerViews;
  readonly rounds = new WatchRounds();
  private version = -1;
  private untoldEntries = 0;
  private untoldCharacters = 0;

  constructor(views: ConsumerViews) {
    this.views = views;
  }

  join(view: ConsumerView): Group {
    const group = this.byName.get(view.name) ?? {
      view,
      watches: 0,
      waiting: new Set(),
      steps: new SharedSteps(),
    };
    group.watches += 1;
    group.view = view;
    this.byName.set(view.name, group);
    return group;
  }

  leave(group: Group): void {
    group.watches -= 1;
    if (group.watches === 0) this.byName.delete(group.view.name);
  }

  wake({ waiting }: Group): void {
    this.rounds.add(waiting);
    waiting.clear();
  }

  wakeAll(): void {
    this.untoldEntries = 0;
    this.untoldCharacters = 0;
    for (const group of this.byName.values()) this.wake(group);
  }

  /** Wakes the watches that wait for one of these entries. */
  announce(entries: readonly SeenEvent[]): void {
    if (this.version !== this.views.version()) {
      this.version = this.views.version();
      // Each watcher looks at its consumer again.
      return this.wakeAll();
    }
    for (const { text } of entries) this.untoldCharacters += text.length;
    this.untoldEntries += entries.length;
    if (this.untoldEntries >= TELL_AFTER_ENTRIES || this.untoldCharacters >= TELL_AFTER_CHARACTERS)
      return this.wakeAll();
    for (const group of this.byName.values())
      if (group.waiting.size > 0 && entries.some(({ facts }) => verdictOf(group.view, facts) !== 'skipped'))
        this.wake(group);
  }
}

/** The first entry after `head`; a text that is too long for the connection is read without it. */
const waitForEntry = (
  from: ReturnType<EventHubOptions['follow']>,
  head: string,
): Promise<StreamEntry | undefined> =>
  from.wait(head, BLOCK_MS).catch((error: unknown) => {
    if (error instanceof ReplyTooLarge) return undefined;
    throw error;
  });

/** Follows the stream from the first caller on. */
const createFollowing = ({ views, follow, onError }: EventHubOptions, groups: Groups) => {
  const closing = new AbortController();
  const { arrived, within: arrival } = createArrivals();
  let stream: ReturnType<EventHubOptions['follow']> | undefined;
  let running: Promise<void> | undefined;
  /** Another one when the stream has begun anew; none while it may have. */
  let ring: EventRing | undefined;
  let losses = 0;

  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: closing.signal }).catch(() => {});
  /** The next answers may be of another Redis than what the ring holds: one that has lost some of it. */
  const lose = (): void => {
    losses += 1;
    ring = undefined;
    groups.wakeAll();
  };
  const add = async (own: EventRing, entries: StreamEntry[]): Promise<void> => {
    const seen = entries.map(seenOf);
    // What follows is judged by what the change has made of the consumer.
    if (seen.some(({ facts }) => facts.kind === 'consumer')) await views.look().catch(onError);
    if (ring !== own) return;
    own.add(seen);
    groups.announce(seen);
    arrived();
  };
  const begin = async (from: NonNullable<typeof stream>): Promise<void> => {
    const lossesBefore = losses;
    const { lastEntryId } = await from.end();
    // What follows is judged by all changes of consumers before it.
    await views.look().catch(onError);
    if (losses !== lossesBefore) return;
    ring = new EventRing(lastEntryId);
    groups.wakeAll();
    arrived();
  };
  const look = async (from: NonNullable<typeof stream>): Promise<void> => {
    const own = ring;
    if (!own) return begin(from);
    const entry = await waitForEntry(from, own.head);
    if (entry) await add(own, [entry]);
    const isCurrent = () => ring === own;
    while (isCurrent()) {
      const { entries, more, lastEntryId } = await from.after(own.head);
      // The stream has begun anew, or another Redis answers.
      if (entries.length === 0 && isBefore(lastEntryId, own.head)) return begin(from);
      if (entries.length > 0) await add(own, entries);
      if (!more) return;
    }
  };
  const run = async (from: NonNullable<typeof stream>): Promise<void> => {
    while (!closing.signal.aborted)
      await look(from).catch(async (error: unknown) => {
        if (closing.signal.aborted) return;
        onError(error);
        await pause(PAUSE_AFTER_ERROR_MS);
      });
  };

  return {
    closing: closing.signal,
    ring: () => ring,
    start: (): void => {
      if (closing.signal.aborted) throw new RekeyError('SHUTTING_DOWN');
      if (stream) return;
      stream = follow();
      stream.onLost(lose);
      running = run(stream);
    },
    arrival,
    close: async (): Promise<void> => {
      closing.abort();
      stream?.disconnect();
      groups.wakeAll();
      groups.rounds.flush();
      arrived();
      await running;
    },
  };
};

export const createEventHub = (options: EventHubOptions): EventHub => {
  const { views, readAfter } = options;
  const groups = new Groups(views);
  const following = createFollowing(options, groups);
  const readBehind = shareReadsInTurns(
    async (id) => (await readAfter(id)).entries.map(seenOf),
    READS_AT_ONCE,
  );

  /** The ring, once there is one. */
  const begun = async (): Promise<EventRing | undefined> => {
    following.start();
    const untilMs = performance.now() + REACHES_WITHIN_MS;
    while (!following.ring() && performance.now() < untilMs && !following.closing.aborted)
      await following.arrival(REACHES_WITHIN_MS);
    return following.ring();
  };

  return {
    watch: async (consumer, party) => {
      let view = await views.load(consumer);
      await begun();
      const group = groups.join(view);
      const waiter = new Waiter();
      let own = following.ring();
      let headBefore: string | undefined;
      return {
        view: () => {
          if (following.closing.aborted) throw new RekeyError('SHUTTING_DOWN');
          view = views.known(view);
          group.view = view;
          return view;
        },
        read: async (position) => {
          const ring = following.ring();
          // The numbers of what was skipped before say nothing of a stream that has begun anew.
          if (own && ring !== own) throw new RekeyError('REDIS_UNAVAILABLE');
          own = ring;
          headBefore = ring?.head;
          if (ring?.holdsAfter(position)) return ring.after(position, ENTRIES_A_READ);
          return readBehind(party, position);
        },
        steps: group.steps,
        next: async (signal, position) => {
          if (following.closing.aborted) return;
          // More was there to be read.
          if (position !== undefined && (headBefore === undefined || isBefore(position, headBefore))) {
            await sleep(BEHIND_PAUSE_MS, undefined, { signal }).catch(() => {});
            return;
          }
          const woken = waiter.until(signal);
          if (following.ring()?.head === headBefore) group.waiting.add(waiter.wake);
          // Something arrived while it was read.
          else groups.rounds.add([waiter.wake]);
          await woken;
          group.waiting.delete(waiter.wake);
          groups.rounds.remove(waiter.wake);
        },
        end: () => {
          waiter.end();
          groups.leave(group);
        },
      };
    },

    between: async (after, through) => {
      const ring = await begun();
      if (!ring?.holdsAfter(after)) return undefined;
      if (isBefore(ring.head, through)) await following.arrival(REACHES_WITHIN_MS);
      const current = following.ring();
      if (current !== ring || isBefore(ring.head, through) || !ring.holdsAfter(after)) return undefined;
      return ring.after(after, ENTRIES_A_READ).filter(({ id }) => !isBefore(through, id));
    },

    close: following.close,
  };
};
