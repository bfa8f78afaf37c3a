import type { FileHandle } from 'node:fs/promises';
import { ArchiveError } from '../archive-error.ts';
import type { Header, StreamStates } from '../format/line-kind.ts';
import { openName } from '../format/names.ts';
import { asArchiveError, type ArchiveFolder } from './folder.ts';
import { SegmentTally } from './segment-tally.ts';

/** The file that a writer appends to. After an error it is not to be used any more. */
export class OpenSegment {
  readonly name: string;
  readonly header: Header;
  readonly tally: SegmentTally;
  readonly #file: FileHandle;
  #broken = false;

  private constructor(name: string, header: Header, file: FileHandle) {
    this.name = name;
    this.header = header;
    this.tally = new SegmentTally(header.streams, { hashes: true });
    this.#file = file;
  }

  /** Creates the file of a writer, with its header. Throws `superseded` if another writer has that number. */
  static async create(folder: ArchiveFolder, header: Header, writer: number): Promise<OpenSegment> {
    const name = openName(header.number, writer);
    const file = await folder.create(name);
    if (!file) throw new ArchiveError('superseded', `${name} belongs to another writer`);
    const segment = new OpenSegment(name, header, file);
    try {
      await segment.append([Buffer.from(`${JSON.stringify(header)}\n`)]);
      await folder.sync();
    } catch (error) {
      await segment.discard(folder);
      throw error;
    }
    return segment;
  }

  get states(): StreamStates {
    return this.tally.states;
  }

  /** Appends lines with their line feeds. They are on the disk when this resolves, if it `isSynced`. */
  async append(lines: readonly Buffer[], { isSynced = true } = {}): Promise<void> {
    const bytes = lines.length === 1 ? lines[0]! : Buffer.concat(lines);
    if (this.#broken) throw new ArchiveError('superseded', `${this.name} has failed before`);
    this.#broken = true;
    const at = this.tally.bytes;
    this.#count(bytes);
    try {
      await writeAll(this.#file, bytes, at);
      if (isSynced) await this.#file.datasync();
    } catch (error) {
      throw asArchiveError(error, 'write', this.name);
    }
    this.#broken = false;
  }

  #count(bytes: Buffer): void {
    for (let begin = 0; begin < bytes.length;) {
      const end = bytes.indexOf(0x0a, begin);
      const disorder = this.tally.add(bytes, begin, end);
      // A defect of Rekey, which an operator must hear of: no other writer is the cause.
      if (disorder) throw new ArchiveError('failed', `a line for ${this.name} is ${disorder}`);
      begin = end + 1;
    }
  }

  /** Removes a file that holds nothing but what is elsewhere too: a full disk needs the room. */
  async discard(folder: ArchiveFolder): Promise<void> {
    await this.close();
    await folder.remove(this.name).catch(() => {});
  }

  async close(): Promise<void> {
    await this.#file.close().catch(() => {});
  }
}

const writeAll = async (file: FileHandle, bytes: Buffer, at: number): Promise<void> => {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
};
