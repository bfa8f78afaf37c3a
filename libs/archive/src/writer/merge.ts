import { ArchiveError } from '../archive-error.ts';
import type { ArchiveFolder } from '../files/folder.ts';
import type { OpenSegment } from '../files/open-segment.ts';
import { readLine, type Control, type Header, type StreamStates } from '../format/line-kind.ts';
import { archivedStreams, type ArchivedStream, type OpenFile } from '../format/names.ts';
import { isPlaceAfter, type Place } from '../format/position.ts';
import { scanFile } from './recover.ts';

const BATCH_BYTES = 1024 * 1024;

/**
 * Copies to the segment of a new writer what earlier writers have left in open files: whole lines, each entry
 * once. A torn last line is left out, and so is a gap without an entry after it, which is found again.
 */
export const mergeOpenFiles = async (
  folder: ArchiveFolder,
  files: readonly OpenFile[],
  segment: OpenSegment,
): Promise<void> => {
  for (const { name } of files) await new Merge(name, segment).run(folder);
};

class Merge {
  readonly #name: string;
  readonly #segment: OpenSegment;
  /** Where the segment is, with what is collected. */
  readonly #taken: StreamStates;
  #ledger: string;
  /** The epochs of the file at the current line; undefined before its header. */
  #epochs: Record<ArchivedStream, number> | undefined;
  /** Gaps without an entry after them yet. */
  readonly #gaps = new Map<ArchivedStream, Buffer>();
  readonly #lines: Buffer[] = [];

  constructor(name: string, segment: OpenSegment) {
    this.#name = name;
    this.#segment = segment;
    this.#taken = structuredClone(segment.states);
    this.#ledger = segment.tally.ledger;
  }

  async run(folder: ArchiveFolder): Promise<void> {
    // Appending waits for the disk, and a scan does not wait: lines are collected first.
    await scanFile(folder, this.#name, (bytes, begin, end) => this.#take(bytes, begin, end));
    let [part, length] = [[] as Buffer[], 0];
    for (const line of this.#lines) {
      part.push(line);
      length += line.length;
      if (length < BATCH_BYTES) continue;
      await this.#segment.append(part, { isSynced: false });
      [part, length] = [[], 0];
    }
    await this.#segment.append(part);
  }

  /** Takes a line if it continues the segment; false if nothing that follows can. */
  #take(bytes: Buffer, begin: number, end: number): boolean {
    const line = readLine(bytes, begin, end);
    const text = () => Buffer.from(bytes.subarray(begin, end + 1));
    if (this.#epochs === undefined) {
      if (line.kind === 'header') this.#begin(line.header);
      return line.kind === 'header';
    }
    // What follows a damaged line is read from Redis again.
    if (line.kind === 'malformed' || line.kind === 'header') return false;
    if (line.kind === 'control') this.#takeControl(line.control, text());
    else this.#takeEntry(line.stream, { epoch: this.#epochs[line.stream], position: line.position }, text);
    return true;
  }

  #takeEntry(stream: ArchivedStream, place: Place, text: () => Buffer): void {
    if (!isPlaceAfter(place, this.#taken[stream])) return;
    const gap = this.#gaps.get(stream);
    if (gap) this.#lines.push(gap);
    this.#gaps.delete(stream);
    this.#taken[stream] = place;
    this.#lines.push(text());
  }

  #begin({ archive, prefix, streams }: Header): void {
    const { header } = this.#segment;
    if (archive !== header.archive || prefix !== header.prefix)
      throw new ArchiveError('refused', `${this.#name} is of another archive`);
    for (const stream of archivedStreams)
      if (isPlaceAfter(streams[stream], this.#taken[stream])) throw this.#incomplete();
    this.#epochs = { events: streams.events.epoch, activity: streams.activity.epoch };
  }

  #incomplete = () => new ArchiveError('refused', `entries before those in ${this.#name} are missing`);

  #takeControl(control: Control, text: Buffer): void {
    if (control.control === 'ledger') {
      if (control.from !== this.#ledger) return;
      this.#ledger = control.ledger;
      this.#lines.push(text);
      return;
    }
    const { stream } = control;
    const taken = this.#taken[stream];
    if (control.control === 'history') {
      this.#epochs![stream] = control.epoch;
      if (control.epoch <= taken.epoch) return;
      if (control.epoch !== taken.epoch + 1) throw this.#incomplete();
      // An earlier writer may have archived more that Redis has lost.
      const history = { ...control, lost_through: taken.position };
      this.#lines.push(Buffer.from(`${JSON.stringify(history)}\n`));
      this.#taken[stream] = { epoch: control.epoch, position: control.after };
      return;
    }
    const before = { epoch: this.#epochs![stream], position: control.before };
    const isOpen = before.epoch === taken.epoch && control.after === taken.position;
    if (isOpen && isPlaceAfter(before, taken)) this.#gaps.set(stream, text);
  }
}
