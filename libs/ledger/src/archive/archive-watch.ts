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

/** A worker that archives trims, and reports each second. Later, others have made a stream shorter. */
const REPORT_HOLDS_MS = 10_000;

/**
 * How many entries of each stream wait for the archive, from the lengths of the streams. If one has become
 * shorter without the worker that archives, nothing tells which entries are gone: all that are there may wait.
 */
export const waitingFor = (
  { at, behind, lengths }: ArchiveReport,
  { nowMs, ...now }: { events: number; activity: number; nowMs: number },
): { events: number; activity: number } => {
  const isOld = nowMs - at > REPORT_HOLDS_MS;
  const waiting = (stream: 'events' | 'activity'): number => {
    const more = now[stream] - lengths[stream];
    return isOld && more < 0 ? now[stream] : behind[stream] + Math.max(more, 0);
  };
  return { events: waiting('events'), activity: waiting('activity') };
};

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
      const { events, activity } = waitingFor(report, { ...lengths, nowMs });
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
