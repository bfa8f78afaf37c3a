import type { ArchiveReport } from '@rekey/schema';
import type { ArchiveFeed } from './archive-feed.ts';

interface ArchiveWatchOptions {
  feed: Pick<ArchiveFeed, 'look'>;
  /** Reads a report, if Rekey signed it. Without the public key nothing is believed. */
  readReport: (signed: string) => ArchiveReport | undefined;
  ledgerId: () => string | undefined;
  onError: (error: unknown) => void;
}

/** What is known of the archive, looked at every second. */
export interface ArchiveWatch {
  /** An archive reported within a week: entries are kept for it. */
  exists(): boolean;
  /**
   * Which share of what may wait for the archive is waiting, from 0; undefined as long as nothing was looked
   * at, Infinity if there is no archive.
   */
  waitingShare(): number | undefined;
  close(): void;
}

const LOOK_EVERY_MS = 1000;
/** The id in the report of a worker that could never open its archive. */
const NO_ARCHIVE = 'none';
/** An archive that has not reported for this time is no longer waited for. */
const ARCHIVE_FORGOTTEN_MS = 7 * 86_400_000;

/** How many entries wait for the archive, in the stream in which most do; from the lengths of the streams. */
export const waitingFor = (
  { behind, lengths }: ArchiveReport,
  now: { events: number; activity: number },
): { events: number; activity: number } => ({
  events: behind.events + Math.max(now.events - lengths.events, 0),
  activity: behind.activity + Math.max(now.activity - lengths.activity, 0),
});

export const startArchiveWatch = ({
  feed,
  readReport,
  ledgerId,
  onError,
}: ArchiveWatchOptions): ArchiveWatch & { look(): Promise<void> } => {
  // Another client can remove a report, or put an earlier one back: the newest that was seen counts.
  let newest: ArchiveReport | undefined;
  let share: number | undefined;
  let nowMs = 0;
  let running: Promise<void> | undefined;
  const look = async () => {
    const { report: signed, nowMs: lookedMs, ...lengths } = await feed.look();
    nowMs = lookedMs;
    const ledger = ledgerId();
    if (newest && newest.ledger !== ledger) newest = undefined;
    const report = signed === undefined ? undefined : readReport(signed);
    if (report && report.ledger === ledger && report.at >= (newest?.at ?? 0)) newest = report;
    if (!newest || newest.archive === NO_ARCHIVE) share = Infinity;
    else {
      const { events, activity } = waitingFor(newest, lengths);
      share = Math.max(events, activity) / newest.max_behind;
    }
  };
  const timer = setInterval(() => {
    // While Redis is away, no further look is queued.
    running ??= look()
      .catch(onError)
      .finally(() => (running = undefined));
  }, LOOK_EVERY_MS);
  return {
    exists: () => newest !== undefined && nowMs - newest.at < ARCHIVE_FORGOTTEN_MS,
    waitingShare: () => share,
    look,
    close: () => clearInterval(timer),
  };
};
