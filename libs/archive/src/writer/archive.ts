import { ArchiveError } from '../archive-error.ts';
import { ArchiveFolder, type FileSystem } from '../files/folder.ts';
import { OpenSegment } from '../files/open-segment.ts';
import {
  digestText,
  sha256,
  type ArchiveSigner,
  type ArchiveVerifier,
  type Digest,
} from '../format/digest.ts';
import type { Control, StreamStates } from '../format/line-kind.ts';
import {
  MAX_WRITER,
  digestName,
  draftName,
  segmentName,
  type ArchiveNames,
  type OpenFile,
} from '../format/names.ts';
import { mergeOpenFiles } from './merge.ts';
import {
  digestOf,
  digestUnsigned,
  headerOf,
  readChainEnd,
  type ArchiveIdentity,
  type ChainEnd,
} from './recover.ts';

export interface ArchiveOptions {
  path: string;
  identity: ArchiveIdentity;
  signer: ArchiveSigner;
  verifier: ArchiveVerifier;
  /** Who writes, for the digests. */
  by: string;
  /** A segment is closed when it has this length. */
  segmentBytes: number;
  /** Or this age. */
  segmentMs: number;
  files?: FileSystem;
  /** A clock that never jumps. */
  elapsedMs?: () => number;
}

/** A line of an entry, or what is to be said between entries. */
export type ArchiveItem = string | Control;

/**
 * The files of an archive, opened to write. After an ArchiveError it is to be closed and opened anew: the
 * files say what is archived.
 */
export class Archive {
  readonly #options: ArchiveOptions;
  readonly folder: ArchiveFolder;
  readonly #writer: number;
  #end: ChainEnd;
  #segment: OpenSegment;
  #openedAtMs: number;

  private constructor(
    options: ArchiveOptions,
    folder: ArchiveFolder,
    { writer, end, segment }: { writer: number; end: ChainEnd; segment: OpenSegment },
  ) {
    this.#options = options;
    this.folder = folder;
    this.#writer = writer;
    this.#end = end;
    this.#segment = segment;
    this.#openedAtMs = this.#elapsedMs();
  }

  /**
   * Reads where the archive ends, signs what is closed, takes over what earlier writers have left, and begins
   * a file of its own. Throws ArchiveError.
   */
  static async open(options: ArchiveOptions): Promise<Archive> {
    if (!isName(options.identity.ledger))
      throw new ArchiveError('refused', 'the id of the ledger is no id that Rekey makes');
    const folder = new ArchiveFolder(options.path, options.files);
    await folder.prepare();
    const names = await folder.names();
    const writer = nextWriter(names);
    const end = await closeUnsigned(folder, names, writer, options);
    const left = names.open.filter((file) => file.writer < writer);
    const beyond = left.filter(({ number }) => number > end.number);
    const first = await firstHeaderOf(folder, beyond);
    const ledger = first?.ledger ?? end.ledger ?? options.identity.ledger;
    const segment = await OpenSegment.create(folder, headerFor(end, options.identity, ledger), writer);
    const archive = new Archive(options, folder, { writer, end, segment });
    try {
      // Until the file existed, another writer could close a segment.
      const { segments } = await folder.names();
      if (segments.some((number) => number > end.number))
        throw new ArchiveError('superseded', 'another writer has closed a segment');
      await mergeOpenFiles(folder, left, segment);
      await archive.#noteLedger();
    } catch (error) {
      await segment.discard(folder);
      throw error;
    }
    // What an earlier writer has left is signed at once.
    if (segment.tally.lines > 1) archive.#openedAtMs = -Infinity;
    try {
      for (const { name } of [...left, ...names.drafts]) await folder.remove(name);
      await folder.sync();
    } catch (error) {
      await segment.close();
      throw error;
    }
    return archive;
  }

  #elapsedMs(): number {
    return (this.#options.elapsedMs ?? performance.now.bind(performance))();
  }

  async #noteLedger(): Promise<void> {
    const { ledger } = this.#options.identity;
    const from = this.#segment.tally.ledger;
    if (from === ledger) return;
    await this.append([{ control: 'ledger', from, ledger, time: new Date().toISOString() }]);
  }

  get id(): string {
    return this.#end.archive;
  }

  /** The last closed segment, 0 if there is none, and the SHA-256 of its digest file. */
  get lastDigest(): { number: number; sha256: string | undefined } {
    return { number: this.#end.number, sha256: this.#end.previous ?? undefined };
  }

  /** Up to where each stream is archived for good. */
  get states(): Readonly<StreamStates> {
    return this.#segment.states;
  }

  /** How many gaps and other histories the open segment says. */
  get noted(): { gaps: number; histories: number; unreadable: number } {
    const { gaps, histories, unreadable } = this.#segment.tally;
    return { gaps, histories, unreadable };
  }

  /** The name of the open segment. */
  get openFile(): string {
    return this.#segment.name;
  }

  /** Appends; everything is on the disk when this resolves. */
  async append(items: readonly ArchiveItem[]): Promise<void> {
    if (items.length === 0) return;
    const lines = items.map((item) => `${typeof item === 'string' ? item : JSON.stringify(item)}\n`);
    await this.#segment.append([Buffer.from(lines.join(''))]);
  }

  /** Closes the segment if it is large or old enough. Returns whether it was closed. */
  async closeIfDue(): Promise<boolean> {
    const { segmentBytes, segmentMs } = this.#options;
    const { bytes, lines } = this.#segment.tally;
    const isDue = bytes >= segmentBytes || this.#elapsedMs() - this.#openedAtMs >= segmentMs;
    if (!isDue || lines === 1) return false;
    await this.closeSegment();
    return true;
  }

  /** Closes the segment, with its digest, and begins the next one. One without lines stays open. */
  async closeSegment(): Promise<void> {
    const segment = this.#segment;
    if (segment.tally.lines === 1) return;
    const { number } = segment.header;
    const linked = await this.folder.link(segment.name, segmentName(number));
    if (linked !== 'linked')
      throw new ArchiveError('superseded', `another writer has closed ${segmentName(number)}`);
    const digest = digestOf(segment.header, segment.tally, this.#options.by);
    this.#end = await commitDigest(this.folder, digest, this.#writer, this.#options);
    await segment.close();
    const { identity } = this.#options;
    this.#segment = await OpenSegment.create(
      this.folder,
      headerFor(this.#end, identity, digest.ledger),
      this.#writer,
    );
    this.#openedAtMs = this.#elapsedMs();
    await this.folder.remove(segment.name);
  }

  /** Leaves the segment open for the next writer. */
  async close(): Promise<void> {
    await this.#segment.close();
  }
}

/** Of the characters of a digest, which is ASCII. Another client can have written any id. */
const isName = (text: string): boolean => /^[!-~]{1,100}$/.test(text);

const nextWriter = ({ open, drafts }: ArchiveNames): number => {
  const writer = [...open, ...drafts].reduce((highest, file) => Math.max(highest, file.writer), 0) + 1;
  if (writer > MAX_WRITER) throw new ArchiveError('refused', 'the number of the last writer is out of range');
  return writer;
};

const headerFor = (end: ChainEnd, { prefix }: ArchiveIdentity, ledger: string): OpenSegment['header'] => ({
  control: 'segment',
  format: 1,
  archive: end.archive,
  ledger,
  prefix,
  number: end.number + 1,
  previous: end.previous,
  streams: structuredClone(end.states),
});

const firstHeaderOf = async (folder: ArchiveFolder, [first]: readonly OpenFile[]) =>
  first && (await headerOf(folder, first.name));

/** Signs the digest of a closed segment whose writer has ended before. Returns where the chain ends. */
const closeUnsigned = async (
  folder: ArchiveFolder,
  names: ArchiveNames,
  writer: number,
  options: ArchiveOptions,
): Promise<ChainEnd> => {
  const { identity, verifier, by } = options;
  const end = await readChainEnd(folder, names, identity, [verifier]);
  const beyond = names.segments.filter((number) => number > end.number);
  if (beyond.length === 0) return end;
  if (beyond.length > 1 || beyond[0] !== end.number + 1)
    throw new ArchiveError('refused', `the digest of ${segmentName(beyond[0]!)} is missing`);
  return commitDigest(folder, await digestUnsigned(folder, end, identity, by), writer, options);
};

const commitDigest = async (
  folder: ArchiveFolder,
  digest: Digest,
  writer: number,
  { signer }: Pick<ArchiveOptions, 'signer'>,
): Promise<ChainEnd> => {
  const { archive, number, ledger, streams } = digest;
  const text = digestText(digest, signer);
  if (!(await folder.commit(digestName(number), text, draftName(writer))))
    throw new ArchiveError('superseded', `another writer has signed ${digestName(number)}`);
  return {
    archive,
    number,
    ledger,
    previous: sha256(Buffer.from(text)),
    states: { events: streams.events.after, activity: streams.activity.after },
  };
};
