import {
  START,
  entryLine,
  isMisread,
  lastLine,
  newestArchived,
  numberInLine,
  type Archive,
  type ArchiveItem,
  type ArchivedStream,
  type ArchiveVerifier,
  type Control,
  type EventNumber,
  type StreamEntry,
} from '@rekey/archive';
import type { ArchiveFeed } from '@rekey/ledger';

/** Another worker has the lock. */
export class LockLostError extends Error {
  constructor() {
    super('another worker archives');
    this.name = 'LockLostError';
  }
}

interface FollowerDeps {
  feed: Pick<ArchiveFeed, 'read'>;
  token: string;
  archive: Archive;
  verifier: ArchiveVerifier;
}

/** The last archived entry, which must still be in Redis. */
interface Anchor {
  position: string;
  /** Its line in the archive; undefined if it was not found, or if its entry is too long to compare. */
  line: string | undefined;
  number: EventNumber | undefined;
  /** Its length in Redis; undefined if it is not known yet. */
  bytes: number | undefined;
}

/** What is to be archived next, and how the follower is once that is on the disk. */
export interface Batch {
  items: ArchiveItem[];
  entries: number;
  /** There is more in the stream. */
  more: boolean;
  length: number;
  nowMs: number;
  commit(): void;
}

/** How far a search for the entry that Redis and the archive share goes back. */
const MAX_PAGES_BACK = 20;
/** The last entry is read again each time, and compared; a longer one when the stream has changed, or… */
const LONGEST_COMPARED = 64 * 1024;
/** … after this time: reading it costs Redis, and whoever can write there chooses its length. */
const COMPARE_LONG_EVERY_MS = 10_000;
/** The beginning of the line of an entry that is archived by its length and digest alone. */
const UNREADABLE = /^\{"stream":"\w+","position":"[\d-]+","unreadable":\{"why":"([\w-]+)","bytes":(\d+)/;

/** Reads one stream from where the archive ends, and notices what is missing or different in Redis. */
export class StreamFollower {
  readonly #deps: FollowerDeps;
  readonly stream: ArchivedStream;
  #anchor: Anchor;
  #epoch: number;
  /** How many archived entries the stream holds, as far as it is known. */
  #archivedHere = 0;
  /** When an anchor that is long was compared, and how many entries the stream had. */
  #compared = { atMs: -Infinity, length: -1 };

  private constructor(deps: FollowerDeps, stream: ArchivedStream, anchor: Anchor) {
    this.#deps = deps;
    this.stream = stream;
    this.#anchor = anchor;
    this.#epoch = deps.archive.states[stream].epoch;
  }

  /** Continues where the files of the archive end. */
  static async open(deps: FollowerDeps, stream: ArchivedStream): Promise<StreamFollower> {
    const { position } = deps.archive.states[stream];
    const line = position === START ? undefined : await lastLine(deps.archive, stream, deps.verifier);
    return new StreamFollower(deps, stream, {
      position,
      line,
      number: line === undefined || UNREADABLE.test(line) ? undefined : numberInLine(line),
      bytes: lengthInLine(line),
    });
  }

  get position(): string {
    return this.#anchor.position;
  }

  /** How many entries of a stream of this length are not archived; too many rather than too few. */
  behind(length: number): number {
    return Math.max(length - this.#archivedHere, 0);
  }

  noteTrimmed(removed: number): void {
    this.#archivedHere = Math.max(this.#archivedHere - removed, 0);
  }

  async read(): Promise<Batch> {
    const { position, bytes = 0 } = this.#anchor;
    if (position === START) {
      const page = await this.#page('-');
      return this.#batch(page, page.entries, []);
    }
    if (bytes > LONGEST_COMPARED) return this.#readAfterLong();
    const page = await this.#page(position);
    const [first, ...rest] = page.entries;
    return (await this.#isAnchor(first)) ? this.#batch(page, rest, []) : this.#reconcile();
  }

  /** The anchor is compared apart, and not each time. */
  async #readAfterLong(): Promise<Batch> {
    const { position, line } = this.#anchor;
    const page = await this.#page(`(${position}`);
    const atMs = performance.now();
    const isSame = page.entries.length === 0 && page.length === this.#compared.length;
    if (isSame && atMs - this.#compared.atMs < COMPARE_LONG_EVERY_MS) return this.#batch(page, [], []);
    this.#compared = { atMs, length: page.length };
    const isTooLong = line !== undefined && UNREADABLE.exec(line)?.[1] === 'too-long';
    const { entries } = await this.#page(position, { count: 1, ...(isTooLong && { longest: 0 }) });
    return (await this.#isAnchor(entries[0])) ? this.#batch(page, page.entries, []) : this.#reconcile();
  }

  /** Whether an entry of Redis is the last that was archived. */
  async #isAnchor(entry: StreamEntry | undefined): Promise<boolean> {
    const { position, line } = this.#anchor;
    if (entry?.position !== position) return false;
    this.#anchor.bytes = entry.bytes;
    return line === undefined || (await this.#line(entry)).line === line;
  }

  async #page(from: string, more: { back?: boolean; count?: number; longest?: number } = {}) {
    const page = await this.#deps.feed.read(this.stream, { token: this.#deps.token, from, ...more });
    if (page === 'lost') throw new LockLostError();
    return page;
  }

  /** The line of an entry. One that is no UTF-8 is asked for its digest alone. */
  async #line(entry: StreamEntry): Promise<ReturnType<typeof entryLine>> {
    if (!isMisread(entry)) return entryLine(this.stream, entry);
    const page = await this.#page(entry.position, { count: 1, longest: 0 });
    const sha1 = page.entries[0]?.unread?.sha1 ?? '';
    return entryLine(this.stream, { ...entry, unread: { why: 'not-utf-8', sha1 } });
  }

  async #batch(
    page: { length: number; nowMs: number; more: boolean },
    entries: readonly StreamEntry[],
    items: ArchiveItem[],
    start: { anchor: Anchor; epoch: number } = { anchor: this.#anchor, epoch: this.#epoch },
  ): Promise<Batch> {
    let { anchor } = start;
    for (const entry of entries) {
      const { line, number } = await this.#line(entry);
      const missing = missingBetween(anchor.number, number);
      const isNoted = items.length > 0 && typeof items.at(-1) !== 'string';
      if (missing && !isNoted) items.push(this.#gap(anchor.position, entry.position, missing));
      items.push(line);
      anchor = { position: entry.position, line, number, bytes: entry.bytes };
    }
    const { length, nowMs, more } = page;
    const commit = () => {
      this.#anchor = anchor;
      this.#epoch = start.epoch;
      const here = more ? this.#archivedHere + entries.length : length;
      this.#archivedHere = Math.min(here, length);
    };
    return { items, entries: entries.length, more, length, nowMs, commit };
  }

  #gap(after: string, before: string, missing: number | null): Control {
    return { control: 'gap', stream: this.stream, after, before, missing, time: new Date().toISOString() };
  }

  /** The anchor is not in Redis as it was archived: entries were trimmed, or Redis has another history. */
  async #reconcile(): Promise<Batch> {
    const { position, number } = this.#anchor;
    const { common, certain, isEmpty } = await this.#newestCommon();
    if (isEmpty) {
      const page = await this.#page(`(${position}`);
      const [first] = page.entries;
      const items: ArchiveItem[] = [];
      if (first) {
        const next = (await this.#line(first)).number;
        // A number that goes back tells nothing.
        const isSameRun = next && number?.run === next.run && next.seq > number.seq;
        const missing = isSameRun ? next.seq - number.seq - 1 : null;
        if (missing !== 0) items.push(this.#gap(position, first.position, missing));
      }
      return this.#batch(page, page.entries, items);
    }
    const after = common?.position ?? START;
    const epoch = this.#epoch + 1;
    const history: Control = {
      control: 'history',
      stream: this.stream,
      epoch,
      after,
      lost_through: position,
      certain,
      time: new Date().toISOString(),
    };
    const page = await this.#page(after === START ? '-' : `(${after}`);
    // Another history has other numbers.
    const anchor: Anchor = { position: after, line: common?.line, number: undefined, bytes: undefined };
    return this.#batch(page, page.entries, [history], { anchor, epoch });
  }

  /** The newest entry up to the anchor that Redis and the archive share. */
  async #newestCommon(): Promise<{
    common: { position: string; line: string } | undefined;
    certain: boolean;
    isEmpty: boolean;
  }> {
    const { archive, verifier } = this.#deps;
    let from = this.#anchor.position;
    for (let pages = 0; pages < MAX_PAGES_BACK; pages += 1) {
      const page = await this.#page(from, { back: true });
      if (page.entries.length === 0) return { common: undefined, certain: true, isEmpty: pages === 0 };
      const sought = [];
      for (const entry of page.entries)
        sought.push({ position: entry.position, line: (await this.#line(entry)).line });
      const { found, certain } = await newestArchived(archive, this.stream, sought, verifier);
      if (found || !certain) return { common: found, certain, isEmpty: false };
      from = `(${sought.at(-1)!.position}`;
    }
    return { common: undefined, certain: false, isEmpty: false };
  }
}

/** The length in Redis of an entry that is not in the archive itself. */
const lengthInLine = (line = ''): number | undefined => {
  const bytes = UNREADABLE.exec(line)?.[2];
  return bytes === undefined ? undefined : Number(bytes);
};

/** How many events are missing between two of the same run; undefined if none are, or nothing tells. */
const missingBetween = (
  before: EventNumber | undefined,
  after: EventNumber | undefined,
): number | undefined => {
  if (!before || before.run !== after?.run) return undefined;
  const missing = after.seq - before.seq - 1;
  return missing > 0 ? missing : undefined;
};
