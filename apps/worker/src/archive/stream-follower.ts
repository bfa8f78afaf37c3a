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
/** The last entry is read again each time, and compared, unless it is longer. */
const LONGEST_COMPARED = 1024 * 1024;
/** An anchor that is not compared. */
const UNREADABLE = '"unreadable":';

/** Reads one stream from where the archive ends, and notices what is missing or different in Redis. */
export class StreamFollower {
  readonly #deps: FollowerDeps;
  readonly stream: ArchivedStream;
  #anchor: Anchor;
  #epoch: number;
  /** How many archived entries the stream holds, as far as it is known. */
  #archivedHere = 0;

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
      number: line === undefined || line.includes(UNREADABLE) ? undefined : numberInLine(line),
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
    const { position, line } = this.#anchor;
    const isCompared = position !== START && (line?.length ?? 0) < LONGEST_COMPARED && !this.#isHuge();
    const from = position === START ? '-' : isCompared ? position : `(${position}`;
    const page = await this.#page(from);
    if (!isCompared) return this.#batch(page, page.entries, []);
    const [first, ...rest] = page.entries;
    if (first?.position === position && (line === undefined || (await this.#line(first)).line === line))
      return this.#batch(page, rest, []);
    return this.#reconcile();
  }

  /** The anchor was too long to be read. */
  #isHuge(): boolean {
    return this.#anchor.line?.includes('"unreadable":{"why":"too-long"') ?? false;
  }

  async #page(from: string, back = false) {
    const page = await this.#deps.feed.read(this.stream, { token: this.#deps.token, from, back });
    if (page === 'lost') throw new LockLostError();
    return page;
  }

  /** The line of an entry. One that is no UTF-8 is asked for its digest alone. */
  async #line(entry: StreamEntry): Promise<ReturnType<typeof entryLine>> {
    if (!isMisread(entry)) return entryLine(this.stream, entry);
    const { feed, token } = this.#deps;
    const page = await feed.read(this.stream, { token, from: entry.position, count: 1, longest: 0 });
    if (page === 'lost') throw new LockLostError();
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
      anchor = { position: entry.position, line, number };
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
        const missing = next && number?.run === next.run ? next.seq - number.seq - 1 : null;
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
    const anchor: Anchor = { position: after, line: common?.line, number: undefined };
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
      const page = await this.#page(from, true);
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

/** How many events are missing between two of the same run; undefined if none are, or nothing tells. */
const missingBetween = (
  before: EventNumber | undefined,
  after: EventNumber | undefined,
): number | undefined => {
  if (!before || before.run !== after?.run) return undefined;
  const missing = after.seq - before.seq - 1;
  return missing > 0 ? missing : undefined;
};
