import type { ArchiveReport, ArchiveStatus } from '@rekey/schema';
import type { KnownProcess } from '../system/processes.ts';
import { waitingFor } from './archive-watch.ts';
import type { ArchiveFeed } from './archive-feed.ts';

/** Reads a signed report; undefined if Rekey has not signed it. */
export type ReadArchiveReport = (signed: string) => ArchiveReport | undefined;

/** What is known of the archive. */
export interface ArchiveFacts {
  /** A live process is configured to archive, or to require an archive. */
  expectedSinceMs?: number;
  isRequired: boolean;
  /** This process can tell whether Rekey has signed a report. */
  isVerifiable: boolean;
  report?: ArchiveReport;
  /** How many entries of each stream are not archived. */
  waiting?: ArchiveStatus['waiting'];
}

export const readArchive = async (
  feed: Pick<ArchiveFeed, 'look'>,
  readReport: ReadArchiveReport | undefined,
  known: readonly KnownProcess[],
  ledgerId: string | undefined,
): Promise<ArchiveFacts> => {
  const { report: signed, ...lengths } = await feed.look();
  const report = signed === undefined ? undefined : readReport?.(signed);
  const expecting = known.filter(
    ({ live, settings }) => live && (settings.archives === true || settings.archiveRequired === true),
  );
  const started = expecting.map(({ startedMs }) => startedMs);
  return {
    ...(started.length > 0 && { expectedSinceMs: Math.min(...started) }),
    isRequired: expecting.some(({ settings }) => settings.archiveRequired),
    isVerifiable: readReport !== undefined,
    ...(report?.ledger === ledgerId && report && { report, waiting: waitingFor(report, lengths) }),
  };
};

/** What `rekey status` shows of it; undefined if nothing was ever archived. */
export const archiveStatusOf = ({ report, waiting }: ArchiveFacts): ArchiveStatus | undefined => {
  if (!report || !waiting) return undefined;
  const { archive, by, at, positions, max_behind: maxWaiting, number, digest, problem, gap } = report;
  return {
    archiveId: archive,
    by,
    reportedMs: at,
    positions,
    waiting,
    maxWaiting,
    segment: number,
    ...(digest !== undefined && { digest }),
    ...(problem && { problem: problem.code }),
    ...(gap && { gapMs: gap.at }),
  };
};
