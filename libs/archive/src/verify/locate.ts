import type { FileHandle } from 'node:fs/promises';
import { scanLines } from '../files/scan-lines.ts';
import { SegmentTally, type Disorder } from '../files/segment-tally.ts';
import { LINES_A_BLOCK, type Digest } from '../format/digest.ts';
import { archivedStreams } from '../format/names.ts';
import { START } from '../format/position.ts';
import type { Break, BreakKind } from './breaks.ts';

const CHARS_A_BLOCK = 16;
/** What was inserted is not read further: anyone may have written any number of lines. */
const MAX_INSERTED = 100_000;

interface Found {
  tally: SegmentTally;
  torn: number;
  /** The first line that cannot follow the one before it. */
  disorder: { line: number; why: Disorder } | undefined;
  /** The last positions before each block. */
  places: string[];
}

const read = async (file: FileHandle, { streams, lines }: Digest): Promise<Found> => {
  const before = { events: streams.events.before, activity: streams.activity.before };
  const tally = new SegmentTally(before, { hashes: true });
  let disorder: Found['disorder'];
  const places: string[] = [];
  const { torn } = await scanLines(file, {
    onLine: (bytes, begin, end) => {
      if (tally.lines % LINES_A_BLOCK === 0) places.push(placeOf(tally));
      const why = tally.add(bytes, begin, end);
      if (why) disorder ??= { line: tally.lines, why };
      return tally.lines <= lines + MAX_INSERTED;
    },
  });
  return { tally, torn, disorder, places };
};

const placeOf = ({ states }: SegmentTally): string =>
  archivedStreams
    .filter((stream) => states[stream].position !== START)
    .map((stream) => `${stream} ${states[stream].position}`)
    .join(', ');

const words: Partial<Record<BreakKind, string>> = {
  'line-missing': 'are missing',
  'line-inserted': 'were inserted',
};

/** Where a segment that is not as it was signed differs first, and how. The file is read from its start. */
export const locateChange = async (file: FileHandle, name: string, digest: Digest): Promise<Break> => {
  const { tally, torn, disorder, places } = await read(file, digest);
  const { blocks } = tally.hashes();
  let block = 0;
  const same = (at: number) =>
    blocks.slice(at * CHARS_A_BLOCK, (at + 1) * CHARS_A_BLOCK) ===
    digest.blocks.slice(at * CHARS_A_BLOCK, (at + 1) * CHARS_A_BLOCK);
  while ((block + 1) * CHARS_A_BLOCK < digest.blocks.length && same(block)) block += 1;
  const more = tally.lines + (torn > 0 ? 1 : 0) - digest.lines;
  const isSwap = tally.bytes === digest.bytes && disorder?.why === 'out-of-order';
  const kind =
    more < 0 ? 'line-missing' : more > 0 ? 'line-inserted' : isSwap ? 'lines-reordered' : 'line-changed';
  const from = block * LINES_A_BLOCK + 1;
  const lines = { from, to: Math.max(Math.min(from + LINES_A_BLOCK - 1, tally.lines), from) };
  const isNamed = disorder && disorder.line >= lines.from && disorder.line <= lines.to;
  const place = isNamed ? `line ${disorder.line}` : `lines ${lines.from} to ${lines.to}`;
  const after = places[block] ? `, after ${places[block]}` : '';
  const count = `${more > MAX_INSERTED ? 'at least ' : ''}${Math.abs(more)}`;
  const what =
    kind === 'lines-reordered'
      ? 'lines were reordered at'
      : more === 0
        ? 'bytes were changed in'
        : `${count} line${Math.abs(more) === 1 ? '' : 's'} ${words[kind]}, first in`;
  return { kind, file: name, lines, message: `${name}: ${what} ${place}${after}` };
};
