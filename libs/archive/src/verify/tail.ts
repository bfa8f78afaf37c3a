import type { ArchiveFolder } from '../files/folder.ts';
import { readLine, type StreamStates } from '../format/line-kind.ts';
import { openName, segmentName, type ArchiveNames } from '../format/names.ts';
import { scanFile } from '../writer/recover.ts';
import type { Break } from './breaks.ts';
import { tallyFile, type LineWatch } from './verify-segment.ts';

/** What is archived and not signed yet. */
export interface Tail {
  file: string;
  entries: number;
  states: StreamStates;
}

/** The end of the signed chain. */
interface SignedEnd {
  number: number;
  sha256: string | undefined;
  archive: string | undefined;
  states: StreamStates;
}

/** Reads a file that follows the chain and is not signed. Nothing proves what is in it. */
const readTail = async (
  folder: ArchiveFolder,
  name: string,
  end: SignedEnd,
  watch: LineWatch,
): Promise<{ tail?: Tail; broken?: Break }> => {
  const file = await folder.openIfThere(name);
  if (!file) return {};
  const broken = (kind: Break['kind'], what: string) => ({
    broken: { kind, file: name, message: `${name}: ${what}` },
  });
  let isNext = true;
  await scanFile(folder, name, (bytes, begin, lineEnd) => {
    const line = readLine(bytes, begin, lineEnd);
    const header = line.kind === 'header' ? line.header : undefined;
    isNext =
      header !== undefined &&
      header.previous === (end.sha256 ?? null) &&
      header.number === end.number + 1 &&
      (end.archive === undefined || header.archive === end.archive);
    return false;
  });
  try {
    if (!isNext) return broken('segment-inserted', 'does not follow the last digest: it is of another chain');
    const { tally, disorderAt } = await tallyFile(file, name, end.states, watch);
    if (disorderAt !== undefined)
      return broken('line-changed', `line ${disorderAt} cannot follow the one before it`);
    const { events, activity } = tally.streams;
    return { tail: { file: name, entries: events.entries + activity.entries, states: tally.states } };
  } finally {
    await file.close();
  }
};

const sameBytes = async (folder: ArchiveFolder, name: string, other: string): Promise<boolean> => {
  const files = [await folder.openIfThere(name), await folder.openIfThere(other)] as const;
  const [file, whole] = files;
  try {
    if (!file || !whole) return false;
    const [a, b] = [Buffer.alloc(65_536), Buffer.alloc(65_536)];
    for (;;) {
      const { bytesRead } = await file.read(a, 0, a.length, null);
      if (bytesRead === 0) return true;
      for (let filled = 0; filled < bytesRead;) {
        const more = await whole.read(b, filled, bytesRead - filled, null);
        if (more.bytesRead === 0) return isTorn(a.subarray(filled, bytesRead));
        filled += more.bytesRead;
      }
      const at = firstDifference(a, b, bytesRead);
      // A line that was not written whole is in neither.
      if (at !== -1) return isTorn(a.subarray(at, bytesRead));
    }
  } finally {
    for (const one of files) await one?.close();
  }
};
const isTorn = (rest: Buffer): boolean => !rest.includes(0x0a);
const firstDifference = (a: Buffer, b: Buffer, length: number): number => {
  if (a.compare(b, 0, length, 0, length) === 0) return -1;
  let at = 0;
  while (a[at] === b[at]) at += 1;
  return at;
};

/**
 * Reads what is not signed: the open segment, or a closed one whose digest is missing because its writer
 * ended. An open file of a segment that is signed is left over if the segment begins with it.
 */
export const verifyTail = async (
  folder: ArchiveFolder,
  names: ArchiveNames,
  unsigned: number | undefined,
  end: SignedEnd,
  watch: LineWatch,
): Promise<{ tail: Tail | undefined; breaks: Break[] }> => {
  const breaks: Break[] = [];
  let tail: Tail | undefined;
  if (unsigned !== undefined) {
    const read = await readTail(folder, segmentName(unsigned), end, watch);
    if (read.broken) breaks.push(read.broken);
    tail = read.tail;
  }
  const closed = unsigned ?? end.number;
  for (const { number, writer } of names.open) {
    const name = openName(number, writer);
    if (number > closed) {
      // After a closed segment without a digest, what follows cannot be compared with one.
      if (unsigned !== undefined) continue;
      const read = await readTail(folder, name, end, watch);
      if (read.broken) breaks.push(read.broken);
      if (read.tail && read.tail.entries >= (tail?.entries ?? 0)) tail = read.tail;
    } else if (names.segments.includes(number) && !(await sameBytes(folder, name, segmentName(number)))) {
      breaks.push({
        kind: 'segment-inserted',
        file: name,
        message: `${name} is not signed, and ${segmentName(number)} does not begin with it`,
      });
    }
  }
  return { tail, breaks };
};
