import { ActivityRecord, activityFields } from '@rekey/schema';

/** A record of activity as it stands in the stream. */
export interface ActivityEntry {
  /** The id of the stream entry, which orders records. */
  position: string;
  /** By the clock of Redis. */
  timeMs: number;
  record: ActivityRecord;
  /** Names and values of the fields that this version does not know. */
  others: readonly (readonly [name: string, value: string])[];
}

/** An entry that no version of Rekey writes. */
interface UnreadableEntry {
  position: string;
  record: undefined;
}

export type SeenEntry = ActivityEntry | UnreadableEntry;

/** The end of the year 9999: no timestamp is later, and ids of other clients may be. */
const MAX_TIME_MS = 253_402_300_799_999;

const known: ReadonlySet<string> = new Set(activityFields);

/** Parses the texts of one entry: names and values in turn. Anybody may have written them. */
export const parseActivityEntry = (position: string, texts: readonly string[]): SeenEntry => {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < texts.length; i += 2) fields.set(texts[i]!, texts[i + 1]!);
  const own = Object.fromEntries([...fields].filter(([name]) => known.has(name)));
  const { data: record } = ActivityRecord.safeParse(own);
  // A name that stands twice is nobody's record: which of the values counts?
  if (record === undefined || texts.length !== 2 * fields.size) return { position, record: undefined };
  const others = [...fields].filter(([name]) => !known.has(name));
  return { position, timeMs: Math.min(Number(position.split('-')[0]), MAX_TIME_MS), record, others };
};
