import { setTimeout as sleep } from 'node:timers/promises';
import type { EventEntry } from '@rekey/rpc';
import type { ConsumerView } from './consumer-view.ts';
import { EntryMessages } from './entry-messages.ts';
import type { EventHub, EventWatch } from './event-hub.ts';

interface Message {
  entries: EventEntry[];
  after: string;
}

/** What arrives within this time after a message goes into the next one together. */
const TOGETHER_MS = 5;
/** A message ends after the entry that exceeds this. */
const MESSAGE_CHARACTERS = 1024 * 1024;
/** A watch that is behind tells as often how far it has come: its caller counts on the end otherwise. */
const TELL_EVERY_MS = 250;

interface ReadEntries {
  entries: EventEntry[];
  /** The id up to which the stream is read. */
  read: string;
  isAtEnd: boolean;
}

/** Keeps nothing of what it has read and does not send: the caller may take no message for long. */
const readEntries = async (
  watch: Pick<EventWatch, 'read' | 'view'>,
  messages: EntryMessages,
  after: string,
  { check, isDue }: { check: (view: ConsumerView) => void; isDue: () => boolean },
): Promise<ReadEntries> => {
  const seen = await watch.read(after);
  const view = watch.view();
  check(view);
  const entries: EventEntry[] = [];
  let [read, characters] = [after, 0];
  for (const one of seen) {
    read = one.id;
    const entry = messages.next(view, one);
    if (entry === undefined) continue;
    entries.push(entry);
    characters += one.text.length;
    if (characters >= MESSAGE_CHARACTERS) break;
  }
  if (entries.length === 0 && (seen.length === 0 || messages.areMany || isDue())) {
    const rest = messages.rest();
    if (rest) entries.push(rest);
  }
  return { entries, read, isAtEnd: seen.length === 0 };
};

/** Calls `check` for each view that is another one than before. */
const onceForEach = (check: (view: ConsumerView) => void): ((view: ConsumerView) => void) => {
  let checked: ConsumerView | undefined;
  return (view) => {
    if (view !== checked) check(view);
    checked = view;
  };
};

/**
 * Sends what is for a consumer at the pace of its reader: what it does not take stays in Redis.
 * Long reads take turns by `party`.
 * `requireRights` throws if the caller may no longer follow the consumer, whose orgs may have changed.
 */
export async function* watchEvents(
  hub: Pick<EventHub, 'watch'>,
  { consumer, after, party = consumer }: { consumer: string; after: string; party?: string },
  signal: AbortSignal,
  requireRights: (view: ConsumerView) => void = () => {},
): AsyncGenerator<Message> {
  const watch = await hub.watch(consumer, party);
  try {
    yield { entries: [], after };
    const messages = new EntryMessages();
    /** Everything up to here is told; and everything up to there is read. */
    let [told, read] = [after, after];
    let sentMs = -Infinity;
    const isDue = () => performance.now() - sentMs > TELL_EVERY_MS;
    const check = onceForEach(requireRights);
    while (!signal.aborted) {
      const { entries, isAtEnd, ...next } = await readEntries(watch, messages, read, { check, isDue });
      read = next.read;
      if (entries.length > 0) {
        yield { entries, after: told };
        told = entries.at(-1)!.id!;
        const restMs = TOGETHER_MS - (performance.now() - sentMs);
        if (restMs > 0) await sleep(restMs, undefined, { signal }).catch(() => {});
        sentMs = performance.now();
      } else if (isAtEnd) {
        await watch.next(signal);
      }
    }
  } finally {
    watch.end();
  }
}
