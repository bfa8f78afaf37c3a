import { randomBytes } from 'node:crypto';

/** The streams of a ledger that are archived, by the end of their keys. */
export const archivedStreams = ['events', 'activity'] as const;
export type ArchivedStream = (typeof archivedStreams)[number];

/** The file names of an archive. Names of another form belong to others, and are left alone. */
const SEGMENT = /^(\d{10})\.jsonl$/;
const OPEN = /^(\d{10})-(\d{9})\.open\.jsonl$/;
const DIGEST = /^(\d{10})\.digest\.json$/;
const DRAFT = /^(\d{9})-[0-9a-f]{16}\.draft$/;

const MAX_NUMBER = 9_999_999_999;
/** The largest number of a writer: one is drawn at each start. */
export const MAX_WRITER = 999_999_999;

/** A closed segment: nothing is appended to a file that has ever had this name. */
export const segmentName = (number: number): string => `${padded(number, 10)}.jsonl`;
/** A segment that a writer appends to. */
export const openName = (number: number, writer: number): string =>
  `${padded(number, 10)}-${padded(writer, 9)}.open.jsonl`;
export const digestName = (number: number): string => `${padded(number, 10)}.digest.json`;
/** What a writer has not committed yet: another name each time, so that nobody links half of a file. */
export const draftName = (writer: number): string =>
  `${padded(writer, 9)}-${randomBytes(8).toString('hex')}.draft`;

const padded = (number: number, length: number): string => {
  if (!Number.isSafeInteger(number) || number < 0 || number > MAX_NUMBER) throw new Error('out of range');
  return String(number).padStart(length, '0');
};

export interface OpenFile {
  name: string;
  number: number;
  writer: number;
}

export interface ArchiveNames {
  /** The numbers of closed segments, and of digests, ascending. */
  segments: number[];
  digests: number[];
  /** Ascending by number, then by writer. */
  open: OpenFile[];
  drafts: { name: string; writer: number }[];
}

/** The names of an archive among those of a folder. */
export const parseNames = (names: readonly string[]): ArchiveNames => {
  const found: ArchiveNames = { segments: [], digests: [], open: [], drafts: [] };
  for (const name of names.toSorted()) {
    const segment = SEGMENT.exec(name);
    if (segment) found.segments.push(Number(segment[1]));
    const open = OPEN.exec(name);
    if (open) found.open.push({ name, number: Number(open[1]), writer: Number(open[2]) });
    const digest = DIGEST.exec(name);
    if (digest) found.digests.push(Number(digest[1]));
    const draft = DRAFT.exec(name);
    if (draft) found.drafts.push({ name, writer: Number(draft[1]) });
  }
  return found;
};
