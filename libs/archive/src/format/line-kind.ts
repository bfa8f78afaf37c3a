import { z } from 'zod';
import { archivedStreams, type ArchivedStream } from './names.ts';
import { isPosition } from './position.ts';

/** What is known of a stream at a place of the archive. */
interface StreamState {
  epoch: number;
  /** The last archived position of the epoch, or the one after which it began. */
  position: string;
}
export type StreamStates = Record<ArchivedStream, StreamState>;

const Position = z.string().refine(isPosition, 'is no position');
const Stream = z.enum(archivedStreams);
const Epoch = z.int().positive();
export const StateSchema = z.object({ epoch: Epoch, position: Position });
const StatesSchema = z.object({ events: StateSchema, activity: StateSchema });
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const Name = z.string().min(1).max(200);

/** The first line of a segment. It depends on what precedes it alone, so that two writers write the same. */
export const Header = z.strictObject({
  control: z.literal('segment'),
  format: z.literal(1),
  archive: Name,
  ledger: Name,
  prefix: Name,
  number: z.int().positive(),
  /** The SHA-256 of the digest file before it; null for the first segment. */
  previous: Sha256.nullable(),
  streams: StatesSchema,
});
export type Header = z.infer<typeof Header>;

/** Entries were trimmed from Redis before they were archived. */
const Gap = z.strictObject({
  control: z.literal('gap'),
  stream: Stream,
  /** Entries between these positions, which are not in the gap, may be missing. */
  after: Position,
  before: Position,
  /** How many are missing; null if nothing tells. */
  missing: z.int().nonnegative().nullable(),
  time: z.string().max(40),
});
/** Redis has another history: entries that are in the archive are not there any more. */
const History = z.strictObject({
  control: z.literal('history'),
  stream: Stream,
  epoch: Epoch,
  /** The last entry that archive and stream share: the epoch continues after it. */
  after: Position,
  /** The archive holds entries up to this position that Redis has lost. */
  lost_through: Position,
  /** False if the common entry was not found: entries that follow may be in the archive twice. */
  certain: z.boolean(),
  time: z.string().max(40),
});
/** The ledger was replaced by another. */
const LedgerChange = z.strictObject({
  control: z.literal('ledger'),
  from: Name,
  ledger: Name,
  time: z.string().max(40),
});
const Control = z.discriminatedUnion('control', [Gap, History, LedgerChange]);
export type Control = z.infer<typeof Control>;

export type Line =
  | { kind: 'entry'; stream: ArchivedStream; position: string; unreadable: boolean }
  | { kind: 'control'; control: Control }
  | { kind: 'header'; header: Header }
  /** No line of an archive. */
  | { kind: 'malformed' };

const heads = archivedStreams.map((stream) => ({ stream, head: `{"stream":"${stream}","position":"` }));
const LONGEST_HEAD = 100;
const ENTRY = '"entry":{';
const UNREADABLE = '"unreadable":{';
const MALFORMED: Line = { kind: 'malformed' };

/**
 * What a line of a buffer is. The text of an entry is not parsed: whoever needs it has its digest verified,
 * or compares the whole line.
 */
export const readLine = (bytes: Buffer, begin: number, end: number): Line => {
  const head = bytes.toString('latin1', begin, Math.min(begin + LONGEST_HEAD, end));
  for (const { stream, head: expected } of heads) {
    if (!head.startsWith(expected)) continue;
    const quote = head.indexOf('"', expected.length);
    const position = head.slice(expected.length, quote);
    const rest = quote + 2;
    const unreadable = head.startsWith(UNREADABLE, rest);
    const isWhole = head[quote + 1] === ',' && bytes[end - 1] === CLOSE && bytes[end - 2] === CLOSE;
    if (!isWhole || !isPosition(position) || !(unreadable || head.startsWith(ENTRY, rest))) return MALFORMED;
    return { kind: 'entry', stream, position, unreadable };
  }
  if (!head.startsWith('{"control":')) return MALFORMED;
  return readControl(bytes.toString('utf8', begin, end));
};
const CLOSE = 0x7d;

const readControl = (text: string): Line => {
  try {
    const json: unknown = JSON.parse(text);
    const header = Header.safeParse(json);
    if (header.success) return { kind: 'header', header: header.data };
    const control = Control.safeParse(json);
    return control.success ? { kind: 'control', control: control.data } : MALFORMED;
  } catch {
    return MALFORMED;
  }
};
