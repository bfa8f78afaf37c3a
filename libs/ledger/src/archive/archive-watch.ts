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

/** A worker that archives trims, and reports each second. Later, others have made a stream shorter. */
const REPORT_HOLDS_MS = 10_000;

/**
 * How many entries of each stream wait for the archive, from the lengths of the streams. If one has become
 * shorter without the worker that archives, nothing tells which entries are gone: all that are there may
 * wait.
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
      const { events, activity } = waitingFor(newest, { ...lengths, nowMs });
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
