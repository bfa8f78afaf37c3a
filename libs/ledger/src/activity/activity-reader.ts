import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../connection.ts';
import { createTurns } from '../turns.ts';
import { activityCommands } from './commands.generated.ts';
import { parseActivityEntry, type SeenEntry } from './activity-entry.ts';
import { LongEntries } from './long-entries.ts';

interface ActivityRange {
  /** An id, `(` and an id for what comes after it, `-` or `+`. */
  from: string;
  to: string;
  newestFirst: boolean;
  /** How many entries to look at, at most. */
  count?: number;
}

interface ReadActivity {
  /** In their order, and also what is no record. */
  entries: SeenEntry[];
  /** Whether none remain. */
  ended: boolean;
  nowMs: number;
}

export type ReadActivityRange = (range: ActivityRange) => Promise<ReadActivity>;

/** One script call looks at no more: a millisecond of Redis. */
const ENTRIES_A_READ = 100;
const LONGEST_REST_MS = 50;
const BYTES_A_READ = 256 * 1024;
/** A record of Rekey is shorter: a reason has 1 KiB, names and states have a few. */
const LONGEST_RECORD_BYTES = 32 * 1024;

/**
 * Reads a bounded part of the stream of activity, one call at a time. Those who read the whole stream take no
 * more than half of the time, however many they are. Rejects with LEDGER_CORRUPT if the key is no stream.
 */
export const createActivityReader = (
  { run }: Pick<Connection, 'run'>,
  long = new LongEntries(),
): ReadActivityRange => {
  const commands = activityCommands(run);
  const inTurn = createTurns();

  const entriesIn = (texts: readonly string[]): SeenEntry[] => {
    const entries: SeenEntry[] = [];
    for (let i = 0; i < texts.length;) {
      const shown = Number(texts[i + 1]);
      const end = i + 2 + Math.max(shown, 0);
      if (shown < 0) long.add(texts[i]!);
      entries.push(parseActivityEntry(texts[i]!, texts.slice(i + 2, end)));
      i = end;
    }
    return entries;
  };

  const read: ReadActivityRange = async ({ from, to, newestFirst, count = ENTRIES_A_READ }) => {
    const passedOver = long.firstIn({ from, to, newestFirst });
    const reply = await commands.activityRead({
      from,
      to: passedOver === undefined ? to : `(${passedOver}`,
      newestFirst,
      count: Math.min(count, ENTRIES_A_READ),
      chars: BYTES_A_READ,
      longest: LONGEST_RECORD_BYTES,
    });
    const entries = entriesIn(reply.entries);
    if (passedOver === undefined || !reply.ended) return { ...reply, entries };
    return { ...reply, entries: [...entries, { position: passedOver, record: undefined }], ended: false };
  };
  let restMs = 0;
  const timed = async (range: ActivityRange): Promise<ReadActivity> => {
    const beganAt = performance.now();
    const result = await read(range);
    restMs = result.ended ? 0 : Math.min(performance.now() - beganAt, LONGEST_REST_MS);
    return result;
  };
  return (range) => {
    const result = inTurn(() => timed(range));
    void inTurn(() => (restMs > 0 ? sleep(restMs) : Promise.resolve()));
    return result;
  };
};
