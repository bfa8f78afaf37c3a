import type { ArchiveReport, Attention } from '@rekey/schema';
import type { SystemFacts } from './facts.ts';
import { MINUTE_MS, item, plural } from './items.ts';

/** A worker reports about every second. */
const SILENT_MS = 30_000;
const FIRST_REPORT_WITHIN_MS = 30_000;
const BEHIND_SHARE = 0.5;
/** As gateways decide it: STOP_ACCEPTING_BEHIND. */
const REFUSED_SHARE = 0.8;
const GAP_FOR_MS = 7 * 24 * 60 * MINUTE_MS;
const FORGOTTEN_MS = 7 * 24 * 60 * MINUTE_MS;

const problemTexts: Record<string, string> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EACCES: 'the worker may not write to the folder',
  EROFS: 'the file system is read-only',
};

const failed = ({ problem }: ArchiveReport, refusal: string): Attention[] =>
  problem === undefined
    ? []
    : [
        item('ARCHIVE_FAILED', {
          message: `Nothing is archived: ${problemTexts[problem.code] ?? problem.message}.${refusal}`,
          advice: 'Correct it: the worker retries every few seconds. Entries wait in Redis meanwhile.',
          sinceMs: problem.since,
        }),
      ];

const gap = ({ gap: found }: ArchiveReport, nowMs: number): Attention[] =>
  found === undefined || nowMs - found.at > GAP_FOR_MS
    ? []
    : [
        item('ARCHIVE_GAP', {
          subject: found.stream,
          message:
            `The archive has a gap between ${found.after} and ${found.before}: ` +
            `${found.missing === null ? 'entries' : plural(found.missing, 'entry', 'entries')} ` +
            'may have been lost before they were archived.',
          advice:
            'Find out why: the archive was away for too long, or another client trimmed the stream. ' +
            'The archive says so, signed. Raise REKEY_ARCHIVE_MAX_BEHIND, or set REKEY_ARCHIVE_REQUIRED.',
          sinceMs: found.at,
        }),
      ];

/** The archive, if one is configured, required, or has reported within a week. */
export const archiveItems = ({ archive, nowMs }: SystemFacts): Attention[] => {
  if (!archive) return [];
  const { report, waiting, expectedSinceMs, isRequired, isVerifiable } = archive;
  if (!report || !waiting) {
    const isDue = expectedSinceMs !== undefined && nowMs - expectedSinceMs > FIRST_REPORT_WITHIN_MS;
    if (!isVerifiable || !isDue) return [];
    return [
      item('ARCHIVE_MISSING', {
        message: 'No worker has reported what it archives.' + (isRequired ? ' Nothing new is accepted.' : ''),
        advice: 'Start a worker with REKEY_ARCHIVE_DIR; if one runs, see its log.',
        sinceMs: expectedSinceMs,
      }),
    ];
  }
  const silentMs = nowMs - report.at;
  if (expectedSinceMs === undefined && silentMs > FORGOTTEN_MS) return [];
  const most = Math.max(waiting.events, waiting.activity);
  const share = most / report.max_behind;
  const refusal = isRequired && share >= REFUSED_SHARE ? ' Nothing new is accepted.' : '';
  const isSilent = silentMs > SILENT_MS;
  const isBehind = !report.problem && (isSilent || share > BEHIND_SHARE);
  return [
    ...failed(report, refusal),
    ...(isBehind
      ? [
          item('ARCHIVE_BEHIND', {
            message:
              `${isSilent ? 'No worker archives' : 'The archive is behind'}: ` +
              `${plural(most, 'entry waits', 'entries wait')} of ${report.max_behind} that may.${refusal}`,
            advice: isSilent
              ? 'Start a worker with REKEY_ARCHIVE_DIR; if one runs, see its log.'
              : 'See whether its disk is slow. Beyond that number, entries are lost to the archive.',
            sinceMs: report.at,
          }),
        ]
      : []),
    ...gap(report, nowMs),
  ];
};
