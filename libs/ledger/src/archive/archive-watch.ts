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
  let [exists, share] = [false, undefined as number | undefined];
  let running: Promise<void> | undefined;
  const look = async () => {
    const { report: signed, nowMs, ...lengths } = await feed.look();
    const report = signed === undefined ? undefined : readReport(signed);
    const isOurs = report !== undefined && report.ledger === ledgerId();
    exists = isOurs && nowMs - report.at < ARCHIVE_FORGOTTEN_MS;
    if (!isOurs || report.archive === 'none') share = Infinity;
    else {
      const { events, activity } = waitingFor(report, lengths);
      share = Math.max(events, activity) / report.max_behind;
    }
  };
  const timer = setInterval(() => {
    // While Redis is away, no further look is queued.
    running ??= look()
      .catch(onError)
      .finally(() => (running = undefined));
  }, LOOK_EVERY_MS);
  return { exists: () => exists, waitingShare: () => share, look, close: () => clearInterval(timer) };
};
