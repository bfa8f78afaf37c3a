import {
  Archive,
  ArchiveError,
  archivedStreams,
  type ArchiveOptions,
  type ArchivedStream,
  type Control,
} from '@rekey/archive';
import type { ArchiveFeed } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { ArchiveReport } from '@rekey/schema';
import { every } from '../shared/every.ts';
import { ArchiveReporter, type Work } from './archive-reporter.ts';
import { LockLostError, StreamFollower, type Batch } from './stream-follower.ts';

export interface ArchiverOptions {
  feed: ArchiveFeed;
  /** Without the id of the ledger, which is asked at each opening. */
  files: Omit<ArchiveOptions, 'identity'> & { prefix: string };
  /** The id of the ledger, once it is known. */
  ledgerId: () => string | undefined;
  /** Reads the last report, if Rekey signed it and it is of this ledger. */
  readReport: (signed: string) => ArchiveReport | undefined;
  sign: (report: ArchiveReport) => string;
  /** About how many entries each stream keeps. */
  keep: Record<ArchivedStream, () => number>;
  maxBehind: number;
  /** The id of this process. */
  by: string;
  /** Unique to this process. */
  token: string;
  logger: Logger;
  /** For how long the lock lasts without renewal. */
  leaseMs?: number;
  onArchived?: (entries: number) => void;
}

const IDLE_MS = 200;
/** The lock is renewed every second. Losing it costs nothing: the files do not depend on it. */
const LEASE_MS = 5000;
const REPORT_EVERY_MS = 1000;
/** Another archive was reported on within this time: its worker may come back. */
const OTHER_ARCHIVE_MS = 60_000;
const [RETRY_MS, LONGEST_RETRY_MS] = [1000, 10_000];
/** Reads and writes without a pause, at most; then other work gets a turn. */
const ROUNDS_AT_ONCE = 50;

/**
 * Archives both streams while this worker holds the lock. The files say up to where; see decision 26. Closing
 * it signs what is archived.
 */
export const startArchiver = (options: ArchiverOptions): { close(): Promise<void> } => {
  const archiver = new Archiver(options);
  const rounds = every(
    IDLE_MS,
    () => archiver.run(),
    (err) => options.logger.event('archive_waits', { err }),
  );
  return {
    close: async () => {
      await rounds.close();
      await archiver.run();
      await archiver.close();
    },
  };
};

/** The steps of `startArchiver`, for a loop or a spec to call. */
export class Archiver {
  readonly #options: ArchiverOptions;
  readonly #leaseMs: number;
  #work: Work | undefined;
  #isHolding = false;
  #reportedAtMs = -Infinity;
  #notBeforeMs = -Infinity;
  #retryMs = RETRY_MS;
  #nowMs = 0;
  readonly #reporter: ArchiveReporter;

  constructor(options: ArchiverOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    this.#reporter = new ArchiveReporter(options);
  }

  /** Archives until nothing is left, or for a while. */
  async run(): Promise<void> {
    if (performance.now() < this.#notBeforeMs) return;
    const { feed, token } = this.#options;
    // A search in the files of years, or of a slow disk, takes longer than the lock lasts.
    const renewal = setInterval(() => {
      if (this.#isHolding) feed.hold(token, this.#leaseMs).catch(() => {});
    }, this.#leaseMs / 3);
    try {
      for (let round = 0; round < ROUNDS_AT_ONCE; round += 1) {
        if (!(await this.#hold())) return;
        this.#work ??= await this.#open();
        if (!this.#work || !(await this.#archiveOnce(this.#work))) return;
      }
    } catch (error) {
      await this.#fail(error);
    } finally {
      clearInterval(renewal);
    }
  }

  /** Whether this worker archives; renews the lock, and reports, about every second. */
  async #hold(): Promise<boolean> {
    const isDue = performance.now() - this.#reportedAtMs >= REPORT_EVERY_MS;
    // The archive says that another ledger is in Redis when it is opened.
    if (isDue && this.#work && this.#work.ledger !== this.#options.ledgerId()) await this.#leaveFiles();
    if (this.#isHolding && !isDue) return true;
    const { feed, token } = this.#options;
    if (!this.#isHolding) await this.#lookBefore();
    // Before the report: a stream that is shorter than reported was trimmed by others.
    else if (this.#work) await this.#trim(this.#work);
    const isHolding = await feed.hold(token, this.#leaseMs, this.#isHolding ? this.#report() : undefined);
    this.#reportedAtMs = performance.now();
    if (this.#isHolding && !isHolding) throw new LockLostError();
    this.#isHolding = isHolding;
    return isHolding;
  }

  /** What was reported last, before this worker takes over. */
  async #lookBefore(): Promise<void> {
    const { report, nowMs } = await this.#options.feed.look();
    this.#nowMs = nowMs;
    this.#reporter.noteLast(report === undefined ? undefined : this.#options.readReport(report));
  }

  async #open(): Promise<Work | undefined> {
    const { files, ledgerId, feed, token, logger } = this.#options;
    const ledger = ledgerId();
    if (ledger === undefined) return undefined;
    const { prefix, ...rest } = files;
    const archive = await Archive.open({ ...rest, identity: { prefix, ledger } });
    const other = this.#reporter.otherThan(archive.id);
    if (other && other.problem === undefined && this.#nowMs - other.at < OTHER_ARCHIVE_MS) {
      await archive.close();
      await this.#letGo();
      this.#pause(RETRY_MS);
      return undefined;
    }
    if (other) logger.event('archive_continues_another', { archive: archive.id, before: other.archive });
    try {
      const followers: StreamFollower[] = [];
      for (const stream of archivedStreams)
        followers.push(await StreamFollower.open({ feed, token, archive, verifier: files.verifier }, stream));
      logger.event('archive_opened', { archive: archive.id, segments: archive.lastDigest.number });
      return { ledger, archive, followers };
    } catch (error) {
      await archive.close();
      throw error;
    }
  }

  /** Archives what can be read at once; returns whether there is more. */
  async #archiveOnce({ archive, followers }: Work): Promise<boolean> {
    const batches: Batch[] = [];
    let unreadable: unknown;
    for (const follower of followers) {
      // A key of another type is no reason not to archive the other stream.
      const batch = await follower.read().catch((error: unknown) => {
        if (error instanceof LockLostError || error instanceof ArchiveError) throw error;
        unreadable = error;
        return undefined;
      });
      if (!batch) continue;
      await archive.append(batch.items);
      batch.commit();
      batches.push(batch);
      this.#reporter.lengths[follower.stream] = batch.length;
      this.#nowMs = batch.nowMs;
      this.#noteControls(batch);
      if (batch.entries > 0) this.#options.onArchived?.(batch.entries);
    }
    if (await archive.closeIfDue())
      this.#options.logger.event('archive_segment_closed', {
        segment: archive.lastDigest.number,
        digest: archive.lastDigest.sha256 ?? '',
      });
    if (unreadable === undefined) this.#succeed();
    else this.#noteProblem('redis', 'a stream cannot be read', unreadable);
    return batches.some(({ more }) => more);
  }

  #noteControls({ items }: Batch): void {
    for (const item of items) {
      if (typeof item === 'string') continue;
      if (item.control === 'gap') this.#noteGap(item);
      else if (item.control === 'history')
        this.#options.logger.event('archive_history_changed', {
          stream: item.stream,
          after: item.after,
          lost_through: item.lost_through,
          certain: item.certain,
        });
    }
  }

  #noteGap({ stream, after, before, missing }: Control & { control: 'gap' }): void {
    this.#reporter.noteGap({ at: this.#nowMs, stream, after, before, missing });
    this.#options.logger.event('archive_gap', { stream, after, before, missing: String(missing) });
  }

  async #trim({ followers }: Work): Promise<void> {
    const { feed, token, keep } = this.#options;
    for (const follower of followers) {
      const { stream, position: through } = follower;
      const removed = await feed.trim(stream, { token, through, keep: keep[stream]() }).catch(() => 0);
      if (typeof removed !== 'number') continue;
      follower.noteTrimmed(removed);
      this.#reporter.lengths[stream] = Math.max(this.#reporter.lengths[stream] - removed, 0);
    }
  }

  /** The signed report of this moment. */
  #report(): string {
    return this.#options.sign(this.#reporter.report(this.#work, this.#nowMs));
  }

  #succeed(): void {
    this.#retryMs = RETRY_MS;
    if (this.#reporter.endProblem()) this.#options.logger.event('archive_resumed');
  }

  #noteProblem(code: string, message: string, err: unknown): void {
    const isNew = this.#reporter.noteProblem({ code, since: this.#nowMs, message });
    if (isNew) this.#options.logger.event('archive_failed', { err, code });
  }

  #pause(ms: number): void {
    this.#notBeforeMs = performance.now() + ms;
  }

  async #fail(error: unknown): Promise<void> {
    // What is archived so far is reported also while nothing more is.
    if (this.#work) this.#reporter.report(this.#work, this.#nowMs);
    const isLost = error instanceof LockLostError;
    const isFileError = error instanceof ArchiveError;
    if (isLost) {
      this.#isHolding = false;
      this.#options.logger.event('archive_taken_over');
    } else if (isFileError && error.fault === 'superseded') {
      this.#options.logger.event('archive_taken_over', { err: error });
    } else {
      const code = isFileError ? (error.code ?? error.fault) : 'redis';
      const message = isFileError ? error.message.slice(0, MAX_MESSAGE) : 'a stream cannot be read';
      this.#noteProblem(code, message, error);
      this.#pause(this.#retryMs);
      this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS);
    }
    // What is archived is asked of the files.
    if (isLost || isFileError) await this.#leaveFiles();
    if (this.#reporter.hasProblem && this.#isHolding && isFileError) await this.#letAnotherTry();
  }

  /** Says why, and lets a worker with another folder take over. */
  async #letAnotherTry(): Promise<void> {
    try {
      await this.#options.feed.hold(this.#options.token, this.#leaseMs, this.#report());
      await this.#letGo();
    } catch (err) {
      this.#options.logger.event('archive_waits', { err });
    }
  }

  async #leaveFiles(): Promise<void> {
    await this.#work?.archive.close();
    this.#work = undefined;
  }

  async #letGo(): Promise<void> {
    this.#isHolding = false;
    await this.#options.feed.release(this.#options.token);
  }

  /** Signs what is archived, and lets another worker continue. */
  async close(): Promise<void> {
    try {
      if (this.#work && this.#isHolding) {
        await this.#work.archive.closeSegment();
        await this.#options.feed.hold(this.#options.token, this.#leaseMs, this.#report());
      }
      await this.#leaveFiles();
      if (this.#isHolding) await this.#letGo();
    } catch (err) {
      this.#options.logger.event('archive_waits', { err });
    }
  }
}

const MAX_MESSAGE = 300;
