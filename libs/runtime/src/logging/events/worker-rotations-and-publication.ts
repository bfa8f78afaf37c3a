import type { LogEvent } from './log-event.ts';

/** Worker: rotations and publication. */
export const workerRotationsAndPublicationEvents = {
  rotation_step_failed: {
    level: 'error',
    message: 'rotation step failed; retrying',
    meaning:
      'An unexpected error interrupted a rotation. The worker retries by itself. If it recurs, read ' +
      '`err`.',
  },
  rotation_corrupt: {
    level: 'error',
    message: 'the ledger entry of a rotation cannot be read',
    meaning:
      'The rotation cannot continue. `became` says whether it was failed or waits. Run `rekey status` ' +
      'and follow its advice.',
  },
  rotation_requeue_failed: {
    level: 'warn',
    message: 'rotation job could not be delayed; it is redelivered when its lock lapses',
    meaning:
      'Redis refused to delay or to queue a job. No action: BullMQ redelivers the job, or housekeeping ' +
      'restores it.',
  },
  rotation_job_failed: {
    level: 'error',
    message: 'rotation job failed',
    meaning:
      'A job of the rotation queue does not fit its schema or has no rotation in the ledger. The job is ' +
      'dropped; `reason` says why.',
  },
  queue_error: {
    level: 'debug',
    message: 'BullMQ reported an error',
    meaning: 'Detail for debugging. Lost connections to Redis have events of their own.',
  },
  queue_unavailable: {
    level: 'warn',
    message: 'BullMQ cannot work',
    meaning:
      'Redis answers BullMQ with an error, for example because it is read-only or full. Check Redis; ' +
      'the worker resumes by itself.',
  },
  rotation_outcome_unknown: {
    level: 'warn',
    message: 'rotation outcome unknown; reading the key back',
    meaning:
      'The answer to a rotate request was lost. The worker reads the key until the outcome is known. No ' +
      'action unless it recurs.',
  },
  rotation_outcome_unknown_blocked: {
    level: 'error',
    message:
      'rotation outcome unknown, and requests are refused until an operator acts; reading the key back',
    meaning:
      'As `rotation_outcome_unknown`, and `code` says why another request would fail too. Remove that ' +
      'cause.',
  },
  rotation_retrying: {
    level: 'warn',
    message: 'rotation request was not done; retrying',
    meaning:
      'The request was refused or never reached Invent, and the key is unchanged. The worker retries ' +
      'with backoff.',
  },
  rotation_failed: {
    level: 'error',
    message: 'rotation failed',
    meaning:
      'The rotation has ended without a new key. `code` and `reason` say why; remove the cause and ' +
      'request a new rotation.',
  },
  rotation_request_lost: {
    level: 'info',
    message: 'rotate request had no effect; sending it again',
    meaning:
      'The landing window has passed and the lost request changed nothing that satisfies the rotation.',
  },
  bulk_assistant_returned: {
    level: 'warn',
    message: 'assistant was not rotated and was returned to its bulk rotation',
    meaning:
      'The request of one assistant was not done. The bulk rotation tries it again, or halts if `code` ' +
      'needs an operator.',
  },
  key_read_failed: {
    level: 'warn',
    message: 'key could not be read back',
    meaning:
      'Reading the key of a rotation with an unknown outcome failed. The worker reads again; `code` ' +
      'says why it failed.',
  },
  key_read_empty: {
    level: 'warn',
    message: 'record has no key or is deleted; the key cannot be read back',
    meaning:
      'The assistant of a rotation with an unknown outcome shows no key. The worker reads again before ' +
      'it fails the rotation.',
  },
  key_read_blocked: {
    level: 'error',
    message: 'key cannot be read back until an operator acts',
    meaning:
      '`code` says why reads fail, or the outcome has been unknown for over ten minutes. Remove the ' +
      'cause; the worker resumes.',
  },
  key_published: {
    level: 'info',
    message: 'key version published',
    meaning: 'Consumers get this key version. No action.',
  },
  removal_published: {
    level: 'info',
    message: 'key removal published',
    meaning: 'Consumers learn that the assistant has no key or is deleted (`removal`).',
  },
  key_rollback_published: {
    level: 'error',
    message: 'Invent reverted to an older key; that key is published',
    meaning:
      'Several reads show an older key in force, for example after a restored backup. Consumers get it. ' +
      'Ask Invent for the reason.',
  },
  key_commit_refused: {
    level: 'error',
    message: 'Redis refuses to write a key that is in force; retrying',
    meaning:
      'The new key exists only at Invent and in this process. Make Redis writable; do not stop the ' +
      'worker.',
  },
  publication_refused: {
    level: 'error',
    message: 'key not published: another worker holds the assistant or has published since; reading again',
    meaning: 'The worker lost a race and reads the assistant again. No action unless it recurs.',
  },
  rotation_answer_outdated: {
    level: 'error',
    message: 'Invent answered a rotation with an earlier key; the outcome is unknown',
    meaning: 'A cache or a replica answered a rotate request. The worker reads the key back.',
  },
  stale_read: {
    level: 'error',
    message: 'read shows an older key than the published one; reading again',
    meaning:
      'A cache, a replica or a restored backup answers reads. The worker reads again until reads agree.',
  },
  read_inconclusive: {
    level: 'info',
    message: 'read may be older than the published key; reading again',
    meaning: 'The read began within the read lag of the last publication. No action.',
  },
  removal_unconfirmed: {
    level: 'warn',
    message: 'assistant seems to have no key; a later read must confirm it',
    meaning: 'Nothing is published until a second read agrees. No action.',
  },
  publication_withheld: {
    level: 'error',
    message: 'org is held; what was read is not published',
    meaning:
      'Too much of the org has changed. Look at `rekey status` and accept or correct the cause that it ' +
      'names.',
  },
  record_unexpected: {
    level: 'warn',
    message: 'record differs from the documentation; published as received',
    meaning:
      'Invent answers with fields (`fields`) of an unexpected form. Check whether consumers depend on ' +
      'them.',
  },
  key_uncertain: {
    level: 'warn',
    message: 'reads show an older key than the published one; consumers are notified',
    meaning: 'Consumers hold a key that may not be in force. The worker reads until that is known.',
  },
} as const satisfies Record<string, LogEvent>;
