import { setTimeout as sleep } from 'node:timers/promises';
import type { EventEntry } from '@rekey/rpc';
import { EntryMessages } from './entry-messages.ts';
import type { EventHub } from './event-hub.ts';

interface Message {
  entries: EventEntry[];
  after: string;
}

/** What arrives within this time after a message goes into the next one together. */
const TOGETHER_MS = 5;
/** A message ends after the entry that exceeds this. */
const MESSAGE_CHARACTERS = 1024 * 1024;

/** Sends what is for a consumer at the pace of its reader: what it does not take stays in Redis. */
export async function* watchEvents(
  hub: Pick<EventHub, 'watch'>,
  { consumer, after }: { consumer: string; after: string },
  signal: AbortSignal,
): AsyncGenerator<Message> {
  const watch = await hub.watch(consumer);
  try {
    yield { entries: [], after };
    const messages = new EntryMessages();
    /** Everything up to here is told; and everything up to there is read. */
    let [told, read] = [after, after];
    let sentMs = -Infinity;
    let isToTell = true;
    while (!signal.aborted) {
      const seen = await watch.read(read);
      const view = watch.view();
      const entries: EventEntry[] = [];
      let characters = 0;
      for (const one of seen) {
        read = one.id;
        const entry = messages.next(view, one);
        if (entry === undefined) continue;
        entries.push(entry);
        characters += one.text.length;
        if (characters >= MESSAGE_CHARACTERS) break;
      }
      if (seen.length === 0 && isToTell) {
        const rest = messages.rest();
        if (rest) entries.push(rest);
      }
      if (entries.length > 0) {
        yield { entries, after: told };
        told = entries.at(-1)!.id!;
        isToTell = false;
        const restMs = TOGETHER_MS - (performance.now() - sentMs);
        if (restMs > 0) await sleep(restMs, undefined, { signal }).catch(() => {});
        sentMs = performance.now();
      } else if (seen.length === 0) {
        await watch.next(signal);
        isToTell = true;
      }
    }
  } finally {
    watch.end();
  }
}
