import { randomBytes } from 'node:crypto';
import { ArchiveError } from '../archive-error.ts';
import { asArchiveError, type ArchiveFolder } from '../files/folder.ts';
import { scanLines } from '../files/scan-lines.ts';
import { SegmentTally } from '../files/segment-tally.ts';
import { readDigest, sha256, type ArchiveVerifier, type Digest } from '../format/digest.ts';
import { readLine, type Header, type StreamStates } from '../format/line-kind.ts';
import { digestName, segmentName, type ArchiveNames } from '../format/names.ts';
import { START } from '../format/position.ts';

/** What an archive belongs to. */
export interface ArchiveIdentity {
  prefix: string;
  /** The id of the ledger at present. */
  ledger: string;
}

/** Where the closed segments of an archive end. */
export interface ChainEnd {
  archive: string;
  /** The last closed segment; 0 if there is none. */
  number: number;
  /** The SHA-256 of its digest file. */
  previous: string | null;
  states: StreamStates;
  /** Of the last line that names one; undefined if there is none. */
  ledger: string | undefined;
}

const emptyStates = (): StreamStates => ({
  events: { epoch: 1, position: START },
  activity: { epoch: 1, position: START },
});

/** Reads where the chain ends: the last digest. Throws `refused` if that is not of this archive. */
export const readChainEnd = async (
  folder: ArchiveFolder,
  names: ArchiveNames,
  { prefix }: ArchiveIdentity,
  verifiers: readonly ArchiveVerifier[],
): Promise<ChainEnd> => {
  const number = names.digests.at(-1);
  if (number === undefined) {
    const archive = (await firstHeader(folder, names))?.archive ?? randomBytes(12).toString('base64url');
    return { archive, number: 0, previous: null, states: emptyStates(), ledger: undefined };
  }
  const text = (await folder.readDigest(digestName(number))) ?? '';
  const read = readDigest(text, verifiers);
  if ('why' in read)
    throw new ArchiveError('refused', `${digestName(number)} is not signed with this key file (${read.why})`);
  const { digest } = read;
  if (digest.number !== number) throw new ArchiveError('refused', `${digestName(number)} has another number`);
  if (digest.prefix !== prefix) throw new ArchiveError('refused', 'the archive is of another prefix');
  const { archive, streams, ledger } = digest;
  const states = { events: streams.events.after, activity: streams.activity.after };
  return { archive, number, previous: sha256(Buffer.from(text, 'latin1')), states, ledger };
};

/** The header of the first segment that has no digest, closed or open. */
const firstHeader = async (folder: ArchiveFolder, names: ArchiveNames): Promise<Header | undefined> => {
  const candidates = [...names.segments.map(segmentName), ...names.open.map(({ name }) => name)];
  for (const name of candidates) {
    const header = await headerOf(folder, name);
    if (header) return header;
  }
  return undefined;
};

export const headerOf = async (folder: ArchiveFolder, name: string): Promise<Header | undefined> => {
  let found: Header | undefined;
  await scanFile(folder, name, (bytes, begin, end) => {
    const line = readLine(bytes, begin, end);
    if (line.kind === 'header') found = line.header;
    return false;
  });
  return found;
};

/** Scans a file by lines; a file that is gone has none. */
export const scanFile = async (
  folder: ArchiveFolder,
  name: string,
  onLine: (bytes: Buffer, begin: number, end: number) => boolean,
): Promise<void> => {
  const file = await folder.openIfThere(name);
  if (!file) return;
  try {
    await scanLines(file, { onLine });
  } catch (error) {
    throw asArchiveError(error, 'read', name);
  } finally {
    await file.close();
  }
};

/**
 * The digest of a closed segment whose writer has ended before it signed one. Throws `refused` if the segment
 * does not continue the chain.
 */
export const digestUnsigned = async (
  folder: ArchiveFolder,
  end: ChainEnd,
  { prefix }: ArchiveIdentity,
  closedBy: string,
): Promise<Digest> => {
  const name = segmentName(end.number + 1);
  const header = await headerOf(folder, name);
  const isNext =
    header?.archive === end.archive &&
    header.prefix === prefix &&
    header.number === end.number + 1 &&
    header.previous === end.previous &&
    JSON.stringify(header.streams) === JSON.stringify(end.states);
  if (!isNext) throw new ArchiveError('refused', `${name} does not continue the archive`);
  const tally = new SegmentTally(end.states, { hashes: true });
  let disorder: string | undefined;
  await scanFile(folder, name, (bytes, begin, lineEnd) => {
    disorder = tally.add(bytes, begin, lineEnd);
    return disorder === undefined;
  });
  if (disorder) throw new ArchiveError('refused', `${name} is damaged: line ${tally.lines} is ${disorder}`);
  return digestOf(header, tally, closedBy);
};

/** What is signed of a segment, from its header and its lines. */
export const digestOf = (header: Header, tally: SegmentTally, closedBy: string): Digest => {
  const { archive, prefix, number, previous } = header;
  const { gaps, histories, unreadable, lines, bytes, ledger } = tally;
  const hashes = tally.hashes();
  return {
    format: 1,
    archive,
    ledger,
    prefix,
    number,
    segment: segmentName(number),
    bytes,
    lines,
    sha256: hashes.sha256,
    previous,
    streams: tally.streamDigests(),
    gaps,
    histories,
    unreadable,
    closed_at: new Date().toISOString(),
    closed_by: closedBy,
    blocks: hashes.blocks,
  };
};
