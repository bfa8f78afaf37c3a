import type { LogEvent } from './log-event.ts';

/** Worker: the archive. */
export const workerArchiveEvents = {
  archive_opened: {
    level: 'info',
    message: 'this worker archives events and activity',
    meaning: '`archive` is the id in the files, `segments` how many are closed.',
  },
  archive_segment_closed: {
    level: 'info',
    message: 'a segment of the archive was closed and signed',
    meaning:
      '`digest` is the SHA-256 of its digest file. Kept elsewhere, it proves that the archive was not cut: ' +
      '`rekey audit verify DIR --digest SHA256`.',
  },
  archive_failed: {
    level: 'error',
    message: 'nothing is archived; retrying',
    meaning:
      '`code` says why: ENOSPC a full disk, EACCES or EROFS a folder that cannot be written, `refused` a ' +
      'folder or a file that the worker does not trust. Correct it before more than ' +
      '`REKEY_ARCHIVE_MAX_BEHIND` entries wait.',
  },
  archive_resumed: {
    level: 'warn',
    message: 'the archive continues',
    meaning: 'No action.',
  },
  archive_gap: {
    level: 'error',
    message: 'entries were trimmed from Redis before they were archived; the archive says so',
    meaning:
      'Entries between `after` and `before` may be missing; `missing` is their number, if it is known. The ' +
      'archive was away for too long, or another client trimmed the stream. Raise ' +
      '`REKEY_ARCHIVE_MAX_BEHIND`, or set `REKEY_ARCHIVE_REQUIRED`.',
  },
  archive_history_changed: {
    level: 'warn',
    message: 'Redis has another history than the archive, which says so and continues',
    meaning:
      'Redis failed over, was restored, or another client changed the stream: it no longer holds archived ' +
      'entries after `after` up to `lost_through`. The archive keeps them. With `certain: false`, entries ' +
      'that follow may be archived twice.',
  },
  archive_taken_over: {
    level: 'warn',
    message: 'another worker archives',
    meaning: 'No action, unless it recurs: two workers take turns.',
  },
  archive_continues_another: {
    level: 'warn',
    message: 'another archive was written before this one: the folders of the workers differ',
    meaning:
      'Entries up to the last report of the other archive are complete in that one alone. Let all workers ' +
      'share one folder, or set `REKEY_ARCHIVE_DIR` on one worker.',
  },
  archive_waits: {
    level: 'warn',
    message: 'the state of the archive cannot be read or noted in Redis; retrying',
    meaning: 'Check the connection to Redis.',
  },
} as const satisfies Record<string, LogEvent>;
