import type { SystemStatus } from '@rekey/client';
import { number } from '../bulk/bulk-output.ts';
import { isoTime, withoutEmpty } from './output.ts';

/** The archive in the status, for --json. */
export const archiveJson = (archive: SystemStatus['archive']): object | undefined =>
  archive &&
  withoutEmpty({
    archive_id: archive.archiveId,
    process_id: archive.processId,
    report_time: isoTime(archive.reportTime),
    event_position: archive.eventPosition,
    activity_position: archive.activityPosition,
    waiting_event_count: archive.waitingEventCount,
    waiting_activity_count: archive.waitingActivityCount,
    max_waiting_count: archive.maxWaitingCount,
    segment: archive.segment,
    digest: archive.digest,
    problem: archive.problem,
    gap_time: isoTime(archive.gapTime),
  });

/** The rows of the archive in the totals of the status. */
export const archiveRows = (archive: SystemStatus['archive']): [string, string | undefined][] => {
  if (!archive) return [];
  const { waitingEventCount, waitingActivityCount, reportTime, segment, digest, problem } = archive;
  const waiting =
    waitingEventCount + waitingActivityCount === 0
      ? 'complete'
      : `${number(waitingEventCount)} events and ${number(waitingActivityCount)} records of activity wait`;
  return [
    ['archive', `${waiting} at ${isoTime(reportTime) ?? 'an unknown time'}, by ${archive.processId}`],
    ['  positions', `events:${archive.eventPosition}  activity:${archive.activityPosition}`],
    ['  digest', digest && `${digest}  of segment ${segment}`],
    ['  failing', problem],
    ['  last gap', isoTime(archive.gapTime)],
  ];
};
