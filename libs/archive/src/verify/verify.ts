import { ArchiveFolder } from '../files/folder.ts';
import type { ArchiveVerifier, Digest } from '../format/digest.ts';
import type { Control, StreamStates } from '../format/line-kind.ts';
import { archivedStreams, digestName, segmentName, type ArchivedStream } from '../format/names.ts';
import { START, isAfter } from '../format/position.ts';
import type { Break } from './breaks.ts';
import { Chain, chainNumbers, type ChainLink } from './chain.ts';
import { verifyTail, type Tail } from './tail.ts';
import { verifySegment, type LineWatch } from './verify-segment.ts';

export interface VerifyOptions {
  path: string;
  verifiers: readonly ArchiveVerifier[];
  /** The first segment that is there: those before it were moved away. Its beginning is not proved. */
  first?: number;
  /** Entries that must be in the archive. */
  positions?: readonly { stream: ArchivedStream; position: string }[];
  /** SHA-256 of digest files that must be in the chain. */
  digests?: readonly string[];
  onProgress?: (done: { segments: number; of: number; entries: number }) => void;
  /** What the archive itself says of gaps and of other histories of Redis. */
  onControl?: (control: Control, file: string) => void;
}

interface StreamReport {
  first: string | undefined;
  last: string | undefined;
  entries: number;
}

export interface VerifyReport {
  /** In the order in which they were found: the first is the first place. At most MAX_BREAKS. */
  breaks: Break[];
  archive: string | undefined;
  ledger: string | undefined;
  prefix: string | undefined;
  segments: number;
  bytes: number;
  /** Of what is signed. */
  streams: Record<ArchivedStream, StreamReport>;
  gaps: number;
  histories: number;
  unreadable: number;
  lastDigest: { number: number; sha256: string; closedAt: string } | undefined;
  /** What is archived and not signed yet. */
  tail: Tail | undefined;
}

export const MAX_BREAKS = 100;

/** Proves an archive by its files and the public key alone. Rejects with ArchiveError. */
export const verifyArchive = async (options: VerifyOptions): Promise<VerifyReport> => {
  const folder = new ArchiveFolder(options.path);
  const names = await folder.names();
  const first = options.first ?? 1;
  const { last, unsigned } = chainNumbers(names, first);
  const run = new Verification(folder, options);
  const chain = new Chain(folder, options.verifiers, first);
  const missing = runsOf(names, first, last);
  for (let number = first; number <= last; number += 1) {
    const until = missing.get(number);
    const link = await chain.read(number);
    if (until === undefined) {
      await run.take(link);
      continue;
    }
    run.break(missingRun(number, until));
    number = until;
    await chain.read(number);
  }
  await run.finish(chain, names, unsigned, last);
  return run.report;
};

/** First → last number of each run of which neither segment nor digest is there. */
const runsOf = (
  { segments, digests }: { segments: number[]; digests: number[] },
  first: number,
  last: number,
): Map<number, number> => {
  const runs = new Map<number, number>();
  const there = [...new Set([...segments, ...digests])].filter((number) => number >= first);
  let expected = first;
  for (const number of [...there.toSorted((a, b) => a - b), last + 1]) {
    if (number > expected) runs.set(expected, number - 1);
    expected = number + 1;
  }
  return runs;
};

const missingRun = (from: number, to: number): Break => ({
  kind: 'segment-missing',
  file: segmentName(from),
  message:
    from === to
      ? `segment ${from} and its digest are missing`
      : `segments ${from} to ${to} and their digests are missing`,
});

class Verification {
  readonly report: VerifyReport;
  readonly #folder: ArchiveFolder;
  readonly #options: VerifyOptions;
  readonly #watch: LineWatch;
  readonly #wanted: Map<string, { stream: ArchivedStream; position: string }>;
  readonly #wantedDigests: Set<string>;
  #states: StreamStates = {
    events: { epoch: 1, position: START },
    activity: { epoch: 1, position: START },
  };
  /** The largest position of each stream. */
  readonly #reach: Record<ArchivedStream, string> = { events: START, activity: START };

  constructor(folder: ArchiveFolder, options: VerifyOptions) {
    this.#folder = folder;
    this.#options = options;
    const none = { first: undefined, last: undefined, entries: 0 };
    this.report = {
      breaks: [],
      archive: undefined,
      ledger: undefined,
      prefix: undefined,
      segments: 0,
      bytes: 0,
      streams: { events: { ...none }, activity: { ...none } },
      gaps: 0,
      histories: 0,
      unreadable: 0,
      lastDigest: undefined,
      tail: undefined,
    };
    this.#wanted = new Map(
      (options.positions ?? []).map((wanted) => [`${wanted.stream} ${wanted.position}`, wanted]),
    );
    this.#wantedDigests = new Set(options.digests);
    const found = (stream: ArchivedStream, position: string) =>
      void this.#wanted.delete(`${stream} ${position}`);
    this.#watch = {
      onEntry: this.#wanted.size > 0 ? found : undefined,
      onControl: (control, file) => options.onControl?.(control, file),
    };
  }

  break(broken: Break): void {
    if (this.report.breaks.length < MAX_BREAKS) this.report.breaks.push(broken);
  }

  async take(link: ChainLink): Promise<void> {
    link.breaks.forEach((broken) => this.break(broken));
    if (link.sha256 !== undefined) this.#wantedDigests.delete(link.sha256);
    const { digest } = link;
    if (!digest) return;
    const { broken } = await verifySegment(this.#folder, digest, this.#watch);
    if (broken) this.break(broken);
    this.#count(digest, link.sha256!);
  }

  #count(digest: Digest, sha256: string): void {
    const { report } = this;
    report.archive ??= digest.archive;
    report.ledger = digest.ledger;
    report.prefix = digest.prefix;
    report.segments += 1;
    report.bytes += digest.bytes;
    report.gaps += digest.gaps;
    report.histories += digest.histories;
    report.unreadable += digest.unreadable;
    report.lastDigest = { number: digest.number, sha256, closedAt: digest.closed_at };
    for (const stream of archivedStreams) {
      const { first, last, entries, after } = digest.streams[stream];
      const total = report.streams[stream];
      total.first ??= first;
      total.last = last ?? total.last;
      total.entries += entries;
      this.#states[stream] = after;
      this.#extend(stream, after.position);
      this.#extend(stream, last ?? START);
    }
    this.#options.onProgress?.({
      segments: report.segments,
      of: digest.number,
      entries: report.streams.events.entries + report.streams.activity.entries,
    });
  }

  #extend(stream: ArchivedStream, position: string): void {
    if (isAfter(position, this.#reach[stream])) this.#reach[stream] = position;
  }

  /** What is not signed yet, and whether what must be in the archive was found. */
  async finish(
    chain: Chain,
    names: Awaited<ReturnType<ArchiveFolder['names']>>,
    unsigned: number | undefined,
    last: number,
  ): Promise<void> {
    const { lastDigest } = this.report;
    // Without the last digest, what follows it cannot be compared with it.
    if (last === 0 || lastDigest?.number === last) {
      const end = { number: last, sha256: lastDigest?.sha256, archive: chain.archive, states: this.#states };
      const { tail, breaks } = await verifyTail(this.#folder, names, unsigned, end, this.#watch);
      breaks.forEach((broken) => this.break(broken));
      this.report.tail = tail;
      for (const stream of archivedStreams) this.#extend(stream, tail?.states[stream].position ?? START);
    }
    for (const { stream, position } of this.#wanted.values()) this.#lacks(stream, position);
    for (const sha256 of this.#wantedDigests) {
      const message = `no digest has the SHA-256 ${sha256}: the archive ends before it, or is another one`;
      this.break({ kind: 'cut-end', file: '', message });
    }
    if (last === 0 && !this.report.tail && this.report.breaks.length === 0)
      this.break({ kind: 'empty', file: '', message: `the folder holds no ${digestName(1)}: no archive` });
  }

  #lacks(stream: ArchivedStream, position: string): void {
    const reach = this.#reach[stream];
    const isCut = isAfter(position, reach);
    const message = isCut
      ? `the archive of ${stream} ends at ${reach}, before ${position}`
      : `the archive of ${stream} has no entry ${position}`;
    this.break({ kind: isCut ? 'cut-end' : 'position-missing', file: '', message });
  }
}
