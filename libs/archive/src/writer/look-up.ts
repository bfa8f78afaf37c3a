import { readDigest, type ArchiveVerifier, type Digest } from '../format/digest.ts';
import { readLine } from '../format/line-kind.ts';
import { digestName, segmentName, type ArchivedStream } from '../format/names.ts';
import { isAfter } from '../format/position.ts';
import type { Archive } from './archive.ts';
import { scanFile } from './recover.ts';

/** How many closed segments a search reads, and how many digests it looks at. */
const MAX_SEGMENTS = 200;
const MAX_DIGESTS = 100_000;

/** An entry of a stream, as the line that the archive would have of it. */
interface Sought {
  position: string;
  line: string;
}

const digestAt = async (
  { folder }: Archive,
  number: number,
  verifier: ArchiveVerifier,
): Promise<Digest | undefined> => {
  const text = await folder.readDigest(digestName(number));
  const read = text === undefined ? undefined : readDigest(text, [verifier]);
  return read && 'digest' in read ? read.digest : undefined;
};

/** The files that may hold an entry of the stream between two positions, newest first. */
const filesWith = async function* (
  archive: Archive,
  stream: ArchivedStream,
  { oldest, newest }: { oldest: string; newest: string },
  verifier: ArchiveVerifier,
): AsyncGenerator<string> {
  yield archive.openFile;
  const last = archive.lastDigest.number;
  for (let number = last; number > 0 && number > last - MAX_DIGESTS; number -= 1) {
    const digest = await digestAt(archive, number, verifier);
    if (!digest) return;
    const { first, last: end } = digest.streams[stream];
    if (first === undefined || end === undefined) continue;
    const isElsewhere = isAfter(first, newest) || isAfter(oldest, end);
    // If positions went back within a segment, its ends say nothing.
    if (!isElsewhere || digest.histories > 0) yield segmentName(number);
  }
};

/**
 * The line of the last archived entry of a stream; undefined if it is not found, as at the beginning of an
 * epoch.
 */
export const lastLine = async (
  archive: Archive,
  stream: ArchivedStream,
  verifier: ArchiveVerifier,
): Promise<string | undefined> => {
  const { position } = archive.states[stream];
  const range = { oldest: position, newest: position };
  let found: string | undefined;
  for await (const name of filesWith(archive, stream, range, verifier)) {
    await scanFile(archive.folder, name, (bytes, begin, end) => {
      const line = readLine(bytes, begin, end);
      if (line.kind === 'entry' && line.stream === stream && line.position === position)
        found = bytes.toString('utf8', begin, end);
      return true;
    });
    if (found !== undefined) return found;
  }
  return undefined;
};

/**
 * The newest of these entries that the archive has, exactly so. `certain`: everything that could hold one was
 * read.
 */
export const newestArchived = async (
  archive: Archive,
  stream: ArchivedStream,
  newestFirst: readonly Sought[],
  verifier: ArchiveVerifier,
): Promise<{ found: Sought | undefined; certain: boolean }> => {
  const sought = new Map(newestFirst.map((entry, i) => [entry.position, { ...entry, i }]));
  const range = { newest: newestFirst[0]!.position, oldest: newestFirst.at(-1)!.position };
  let [best, scanned] = [newestFirst.length, 0];
  for await (const name of filesWith(archive, stream, range, verifier)) {
    if (scanned > MAX_SEGMENTS) return { found: newestFirst[best], certain: false };
    scanned += 1;
    await scanFile(archive.folder, name, (bytes, begin, end) => {
      const line = readLine(bytes, begin, end);
      if (line.kind !== 'entry' || line.stream !== stream) return true;
      const entry = sought.get(line.position);
      if (entry && entry.i < best && bytes.toString('utf8', begin, end) === entry.line) best = entry.i;
      return true;
    });
    if (best === 0) break;
  }
  return { found: newestFirst[best], certain: true };
};
