import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ArchiveFolder } from '../files/folder.ts';
import { scanLines } from '../files/scan-lines.ts';
import { SegmentTally } from '../files/segment-tally.ts';
import type { Digest } from '../format/digest.ts';
import type { Control, StreamStates } from '../format/line-kind.ts';
import { segmentName, type ArchivedStream } from '../format/names.ts';
import type { Break } from './breaks.ts';
import { locateChange } from './locate.ts';

/** What a verification watches for in the lines. */
export interface LineWatch {
  onEntry?: ((stream: ArchivedStream, position: string) => void) | undefined;
  onControl(control: Control, file: string): void;
}

/** Reads a segment with a tally, and reports its lines. */
export const tallyFile = async (
  file: FileHandle,
  name: string,
  before: StreamStates,
  { onEntry, onControl }: LineWatch,
): Promise<{ tally: SegmentTally; sha256: string; torn: number; disorderAt: number | undefined }> => {
  const tally = new SegmentTally(before, { hashes: false });
  const hash = createHash('sha256');
  let disorderAt: number | undefined;
  const { torn } = await scanLines(file, {
    onBytes: (bytes) => void hash.update(bytes),
    onLine: (bytes, begin, end) => {
      if (tally.add(bytes, begin, end)) disorderAt ??= tally.lines;
      const line = tally.last!;
      if (line.kind === 'entry') onEntry?.(line.stream, line.position);
      else if (line.kind === 'control') onControl(line.control, name);
      return true;
    },
  });
  return { tally, sha256: hash.digest('hex'), torn, disorderAt };
};

/** Verifies that a closed segment is what its digest describes. */
export const verifySegment = async (
  folder: ArchiveFolder,
  digest: Digest,
  watch: LineWatch,
): Promise<{ broken: Break | undefined }> => {
  const name = segmentName(digest.number);
  const file = await folder.openIfThere(name);
  if (!file) {
    const broken: Break = { kind: 'segment-missing', file: name, message: `${name} is missing` };
    return { broken };
  }
  try {
    const { streams } = digest;
    const before = { events: streams.events.before, activity: streams.activity.before };
    const { tally, sha256, torn, disorderAt } = await tallyFile(file, name, before, watch);
    if (sha256 === digest.sha256) return { broken: compare(digest, tally, torn, disorderAt) };
  } finally {
    await file.close();
  }
  const again = (await folder.openIfThere(name))!;
  try {
    return { broken: await locateChange(again, name, digest) };
  } finally {
    await again.close();
  }
};

/** The bytes are as they were signed: everything else follows, unless Rekey has a defect. */
const compare = (
  digest: Digest,
  tally: SegmentTally,
  torn: number,
  disorderAt: number | undefined,
): Break | undefined => {
  const { lines, gaps, histories, unreadable, ledger, streams } = digest;
  const isSame =
    torn === 0 &&
    disorderAt === undefined &&
    lines === tally.lines &&
    gaps === tally.gaps &&
    histories === tally.histories &&
    unreadable === tally.unreadable &&
    ledger === tally.ledger &&
    isDeepStrictEqual(streams, tally.streamDigests());
  if (isSame) return undefined;
  const file = segmentName(digest.number);
  const where = disorderAt === undefined ? '' : `: line ${disorderAt} cannot follow the one before`;
  return { kind: 'inconsistent', file, message: `${file}: the signed digest does not describe it${where}` };
};
