import type { LogEvent } from './log-event.ts';

/** Worker: bulk rotations and policies. */
export const workerBulkRotationsAndPoliciesEvents = {
  bulk_runner_failed: {
    level: 'warn',
    message: 'bulk rotations were interrupted; retrying',
    meaning: 'The ledger could not be read or written. Check Redis; the worker retries with backoff.',
  },
  bulk_damaged: {
    level: 'error',
    message: 'list of the assistants of a bulk rotation is damaged; halted',
    meaning:
      'Another client has spoiled the list, so the bulk rotation is HALTED (`LEDGER_CORRUPT`). Cancel it, ' +
      'and create it again; assistants that it has rotated are rotated again. Find the client.',
  },
  bulk_mended: {
    level: 'warn',
    message: 'bulk rotation was damaged by another client; mended',
    meaning:
      'The indexes, states or counts of the bulk rotation were not as Rekey writes them. They are counted ' +
      'anew; assistants that were rotated since it was requested count as shared. Find the client.',
  },
  bulk_task_started: {
    level: 'info',
    message: 'bulk task started',
    meaning: 'The worker prepares or verifies a bulk rotation (`task`).',
  },
  bulk_task_failed: {
    level: 'error',
    message: 'bulk task failed; retrying',
    meaning: 'Preparing or verifying a bulk rotation (`task`) failed. A worker retries; `err` says why.',
  },
  bulk_preparation_failed: {
    level: 'error',
    message: 'bulk rotation cannot be prepared',
    meaning: 'The bulk rotation has failed with `code`. Remove the cause and create a new one.',
  },
  bulk_invalid_ids_excluded: {
    level: 'warn',
    message: 'assistants with an invalid id are left out of a bulk rotation',
    meaning: 'The ledger knows `assistants` ids that Invent refuses. They are not rotated.',
  },
  bulk_list_incomplete: {
    level: 'error',
    message: 'bulk rotation halted before its first assistant: the list of the org is incomplete',
    meaning:
      '`listed` and `counted` disagree. Resume the bulk rotation to rotate what was listed, or cancel ' +
      'it.',
  },
  bulk_difference_published: {
    level: 'warn',
    message: 'another key was in force after a bulk rotation; it is published',
    meaning: 'Someone else rotated the assistant meanwhile. Consumers get the key in force.',
  },
  bulk_assistant_unverified: {
    level: 'warn',
    message: 'assistant of a bulk rotation could not be verified; a check follows',
    meaning: '`result` says why. A check or the next sweep compares the assistant again.',
  },
  bulk_verification_incomplete: {
    level: 'error',
    message: 'bulk rotation ended without full verification',
    meaning:
      'The rotations are done, but `unverified` assistants could not be compared because of `code`. ' +
      'Remove the cause; the next sweep compares them.',
  },
  bulk_verified: {
    level: 'info',
    message: 'bulk rotation ended',
    meaning: 'All assistants were compared with Invent; the fields hold the counts.',
  },
  bulk_canary_acknowledged: {
    level: 'info',
    message: 'all live consumers have applied the canary keys; the bulk rotation resumes',
    meaning: 'The canary of a bulk rotation has passed. No action.',
  },
  canary_check_failed: {
    level: 'warn',
    message: 'canaries that wait for consumers could not be checked; retrying',
    meaning: 'The ledger could not be read. Check Redis.',
  },
  policy_unscheduled: {
    level: 'error',
    message: 'policy could not be scheduled and rotates no key; retrying',
    meaning: 'The calendar of the policy cannot be computed. Correct its cron expression or time zone.',
  },
  policy_bulk_requested: {
    level: 'info',
    message: 'policy requested a bulk rotation',
    meaning: 'A window of the policy opened. No action.',
  },
  policy_window_skipped: {
    level: 'warn',
    message: 'policy window skipped: the last bulk rotation has not ended',
    meaning:
      'The window passes without a rotation. Look at the bulk rotation that is named and resume or ' +
      'cancel it.',
  },
  policy_window_passed: {
    level: 'debug',
    message: 'policy window passed without a bulk rotation',
    meaning: 'The policy is paused or deleted, or the window was handled before (`opened`).',
  },
  policy_bulk_cancelled: {
    level: 'warn',
    message:
      'last bulk rotation of a policy was still halted or paused when its window ended; it is cancelled',
    meaning: 'Look at why it had stopped (`why`). The policy continues with its next window.',
  },
  policy_window_failed: {
    level: 'error',
    message: 'policy could not request its bulk rotation; retrying',
    meaning: 'The worker retries until it succeeds; `err` says why it failed.',
  },
  policy_job_failed: {
    level: 'error',
    message: 'policy job failed',
    meaning: 'A job of the policy queue does not fit its schema and is dropped.',
  },
} as const satisfies Record<string, LogEvent>;
