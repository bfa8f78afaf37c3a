import { createHash } from 'node:crypto';
import { parseJson } from '@rekey/schema';
import type { ArchivedStream } from './names.ts';

/** An entry of a stream, as it was read: field, value, … */
export interface StreamEntry {
  position: string;
  fields: string[];
  /** The length of all fields and values in bytes, as Redis has them. */
  bytes: number;
  /** Of an entry that was not read: why not, and the digest that Redis computes (`digestOfFields`). */
  unread?: { why: 'too-long' | 'not-utf-8'; sha1: string };
}

/** Whether the bytes of an entry are no UTF-8: its fields are not what Redis has. */
export const isMisread = ({ fields, bytes, unread }: StreamEntry): boolean =>
  !unread && fields.reduce((sum, field) => sum + Buffer.byteLength(field), 0) !== bytes;

/** Why an entry is archived by its length and digest alone. */
type Unreadable = 'too-long' | 'not-utf-8' | 'no-event';

/** The longest text of an entry in the archive, without `sealed`. */
export const MAX_LINE_BYTES = 256 * 1024;

/** The SHA-1 of the hexadecimal SHA-1s of each field and value, which Redis can compute. */
const digestOfFields = (fields: readonly string[]): string =>
  sha1(fields.map((field) => sha1(field)).join(''));
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

/** Which event of which history an entry is: a number that is left out is an event that is missing. */
export interface EventNumber {
  seq: number;
  run: number;
}

interface EntryText {
  line: string;
  /** Of an event that has it. */
  number?: EventNumber;
}

/**
 * The line of an entry, without its line feed. It is a function of the entry alone, so that an entry that is
 * still in Redis can be compared with its line.
 */
export const entryLine = (stream: ArchivedStream, entry: StreamEntry): EntryText => {
  const head = `{"stream":"${stream}","position":"${entry.position}",`;
  const { fields, unread } = entry;
  const unreadable = (why: Unreadable, digest = digestOfFields(fields)): EntryText => ({
    line: `${head}"unreadable":{"why":"${why}","bytes":${entry.bytes},"sha1":"${digest}"}}`,
  });
  if (unread) return unreadable(unread.why, unread.sha1);
  const event = stream === 'events' ? withoutRecord(fields) : undefined;
  const text = stream === 'events' ? event?.text : objectText(fields);
  if (text === undefined) return unreadable('no-event');
  const line = `${head}"entry":${text}}`;
  if (line.length > MAX_LINE_BYTES || Buffer.byteLength(line) > MAX_LINE_BYTES) return unreadable('too-long');
  return event?.number ? { line, number: event.number } : { line };
};

/** The event without its sealed record; undefined if the entry is not one event. */
const withoutRecord = ([name, text = '', ...more]: readonly string[]):
  { text: string; number: EventNumber | undefined } | undefined => {
  if (name !== 'event' || more.length > 0) return undefined;
  const event = parseJson(text);
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return undefined;
  const { data } = event as { data?: unknown };
  if (typeof data === 'object' && data !== null) delete (data as { sealed?: unknown }).sealed;
  try {
    return { text: JSON.stringify(event), number: numberOf(data) };
  } catch {
    // It is nested too deeply.
    return undefined;
  }
};

const numberOf = (data: unknown): EventNumber | undefined => {
  const { seq, run } = (data ?? {}) as { seq?: unknown; run?: unknown };
  return isCount(seq) && isCount(run) ? { seq, run } : undefined;
};

/** Another client can have written any number: differences of these are exact. */
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The number of the event in a line of the archive. */
export const numberInLine = (line: string): EventNumber | undefined => {
  const { entry } = JSON.parse(line) as { entry?: { data?: unknown } };
  return numberOf(entry?.data);
};

/** Made as text: an object would reorder fields that look like numbers, and lose `__proto__`. */
const objectText = (fields: readonly string[]): string | undefined => {
  const parts: string[] = [];
  const names = new Set<string>();
  for (let i = 0; i < fields.length; i += 2) {
    if (names.has(fields[i]!)) return undefined;
    names.add(fields[i]!);
    parts.push(`${JSON.stringify(fields[i])}:${JSON.stringify(fields[i + 1] ?? null)}`);
  }
  return `{${parts.join(',')}}`;
};
