import { START, type Archive, type ArchivedStream } from '@rekey/archive';
import type { ArchiveReport } from '@rekey/schema';
import type { StreamFollower } from './stream-follower.ts';

/** An archive that is open, and what reads the streams for it: events, then activity. */
export interface Work {
  /** The ledger that it was opened for. */
  ledger: string;
  archive: Archive;
  followers: StreamFollower[];
}

interface ReporterOptions {
  by: string;
  maxBehind: number;
  ledgerId: () => string | undefined;
}

/** The id in the report of a worker that could not open its archive. */
const NO_ARCHIVE = 'none';

/** What a worker that archives reports. What was reported before it took over counts on. */
export class ArchiveReporter {
  readonly #options: ReporterOptions;
  /** Of the streams, when they were last read. */
  readonly lengths: Record<ArchivedStream, number> = { events: 0, activity: 0 };
  #problem: ArchiveReport['problem'];
  #gap: ArchiveReport['gap'];
  #last: ArchiveReport | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** What another process, or this one, reported last. */
  noteLast(last: ArchiveReport | undefined): void {
    this.#last = last;
  }

  /** The last report, if it is of another archive. Gaps are of one archive. */
  otherThan(archive: string): ArchiveReport | undefined {
    if (this.#last && this.#last.archive !== NO_ARCHIVE && this.#last.archive !== archive) return this.#last;
    this.#gap = this.#last?.gap;
    return undefined;
  }

  noteGap(gap: NonNullable<ArchiveReport['gap']>): void {
    this.#gap = gap;
  }

  /** Returns whether there was none before. */
  noteProblem(problem: NonNullable<ArchiveReport['problem']>): boolean {
    const before = this.#problem;
    this.#problem = { ...problem, since: before?.since ?? problem.since };
    return before === undefined;
  }

  get hasProblem(): boolean {
    return this.#problem !== undefined;
  }

  /** Returns whether there was one. */
  endProblem(): boolean {
    const had = this.hasProblem;
    this.#problem = undefined;
    return had;
  }

  /** The report of this moment. Without an open archive, what was archived last stays. */
  report(work: Work | undefined, nowMs: number): ArchiveReport {
    const report = work ? this.#reportOf(work, nowMs) : (this.#last ?? this.#nothing(nowMs));
    const { problem: _, ...rest } = { ...report, by: this.#options.by };
    this.#last = this.#problem ? { ...rest, problem: this.#problem } : rest;
    return this.#last;
  }

  #reportOf({ archive, followers }: Work, nowMs: number): ArchiveReport {
    const [events, activity] = followers as [StreamFollower, StreamFollower];
    const { number, sha256 } = archive.lastDigest;
    return {
      ledger: this.#options.ledgerId() ?? '',
      archive: archive.id,
      at: nowMs,
      by: this.#options.by,
      positions: { events: events.position, activity: activity.position },
      behind: {
        events: events.behind(this.lengths.events),
        activity: activity.behind(this.lengths.activity),
      },
      lengths: { ...this.lengths },
      max_behind: this.#options.maxBehind,
      number,
      ...(sha256 !== undefined && { digest: sha256 }),
      ...(this.#gap && { gap: this.#gap }),
    };
  }

  /** Nothing was ever archived. */
  #nothing(nowMs: number): ArchiveReport {
    return {
      ledger: this.#options.ledgerId() ?? '',
      archive: NO_ARCHIVE,
      at: nowMs,
      by: this.#options.by,
      positions: { events: START, activity: START },
      behind: { events: 0, activity: 0 },
      lengths: { events: 0, activity: 0 },
      max_behind: this.#options.maxBehind,
      number: 0,
    };
  }
}
